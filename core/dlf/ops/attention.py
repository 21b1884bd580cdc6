"""Scaled dot-product attention (Vaswani et al., 2017).

`attention` and `attention_backward` have all in the operands' dtype. float16 and bfloat16 are too
coarse for the logarithm that the backward pass reads, so `flash_attention` and its gradient have it
in float32, and the latter takes the forward's result, too. A device without kernels for these runs
them by the former in float32, and uses kernels that it has for those.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import dlf
from dlf.registry import composite

if TYPE_CHECKING:
    from dlf.tensor import Tensor

__all__ = [
    "attention",
    "attention_backward",
    "causal_mask",
    "flash_attention",
    "flash_attention_backward",
]


def causal_mask(query: Tensor, key: Tensor) -> Tensor:
    """``(L, S)`` bool, True where a query may see a key: aligned at the first of each."""
    rows = dlf.arange(query.shape[-2], device=query.device).unsqueeze(-1)
    return rows >= dlf.arange(key.shape[-2], device=query.device)


def scores(
    query: Tensor, key: Tensor, mask: Tensor | None, is_causal: bool, scale: float
) -> Tensor:
    """``query @ key.T * scale + mask``, minus infinity where a causal query may not look."""
    product = (query * scale) @ key.mT
    if is_causal:
        product = dlf.where(causal_mask(query, key), product, float("-inf"))
    return product if mask is None else product + mask


def _finite(logsumexp: Tensor) -> Tensor:
    """0 where a query sees nothing, so that its weights become 0 and not NaN."""
    return dlf.where(logsumexp == float("-inf"), 0, logsumexp)


def _attention_vjp(
    g: tuple[Tensor | None, Tensor | None],
    out: tuple[Tensor, Tensor],
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor | None,
    is_causal: bool,
    scale: float,
) -> tuple[Tensor | None, ...]:
    grad, grad_logsumexp = g
    if grad is None:
        grad = dlf.zeros_like(out[0])
    by_query, by_key, by_value, by_scores = attention_backward(
        grad, grad_logsumexp, query, key, value, mask, out[1], is_causal, scale
    )
    return by_query, by_key, by_value, (None if mask is None else by_scores)


@composite(inputs=7, outputs=4)
def attention_backward(
    grad: Tensor,
    grad_logsumexp: Tensor | None,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor | None,
    logsumexp: Tensor,
    is_causal: bool,
    scale: float,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Gradients of `attention` by query, key, value and mask; weights are computed again.

    Without a mask the last is a 0-d zero, so that a kernel need not write an ``(L, S)`` matrix.
    """
    weights = (scores(query, key, mask, is_causal, scale) - _finite(logsumexp)).exp()
    by_weights = grad @ value.mT
    inner = (weights * by_weights).sum(-1, keepdim=True)
    if grad_logsumexp is not None:
        inner = inner - grad_logsumexp
    by_scores = weights * (by_weights - inner)
    by_query, by_key = (by_scores @ key) * scale, by_scores.mT @ (query * scale)
    by_mask = query.new_zeros(()) if mask is None else by_scores
    return by_query, by_key, weights.mT @ grad, by_mask


@composite(inputs=4, outputs=2, vjp=_attention_vjp)
def attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor | None,
    is_causal: bool,
    scale: float,
) -> tuple[Tensor, Tensor]:
    """``softmax(query @ key.T * scale + mask) @ value``, and the logarithm of the softmax's
    denominator.

    Shapes: ``(..., L, E), (..., S, E), (..., S, V) -> (..., L, V), (..., L, 1)``; leading
    dimensions and the additive `mask` broadcast. A query that may see nothing gives zeros.
    """
    logits = scores(query, key, mask, is_causal, scale)
    logsumexp = logits.logsumexp(-1, keepdim=True)
    return (logits - _finite(logsumexp)).exp() @ value, logsumexp


def _sums_in(dtype: dlf.dtype) -> dlf.dtype:
    """The dtype that a product of matrices of `dtype` is summed up in."""
    return dlf.float32 if dtype in (dlf.float16, dlf.bfloat16) else dtype


def _flash_attention_dtypes(query: dlf.dtype, *_: Any) -> tuple[dlf.dtype, dlf.dtype]:
    return query, _sums_in(query)


def _flash_attention_vjp(
    g: tuple[Tensor | None, Tensor | None],
    out: tuple[Tensor, Tensor],
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor | None,
    is_causal: bool,
    scale: float,
) -> tuple[Tensor | None, ...]:
    grad, grad_logsumexp = g
    if grad is None:
        grad = dlf.zeros_like(out[0])
    by_query, by_key, by_value, by_scores = flash_attention_backward(
        grad, grad_logsumexp, query, key, value, mask, *out, is_causal, scale
    )
    return by_query, by_key, by_value, (None if mask is None else by_scores)


@composite(inputs=8, outputs=4)
def flash_attention_backward(
    grad: Tensor,
    grad_logsumexp: Tensor | None,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor | None,
    output: Tensor,
    logsumexp: Tensor,
    is_causal: bool,
    scale: float,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Gradients of `flash_attention` by query, key, value and mask, from its two results;
    `logsumexp`, and the gradient by it, is in float32 for float16 and bfloat16.

    The sum over a row of weights times their gradients is that of ``grad * output`` (Dao et al.,
    2022), which saves a kernel two products of matrices. Without a mask the last gradient is a 0-d
    zero.
    """
    wide = _sums_in(query.dtype)
    operands = [grad, grad_logsumexp, query, key, value, mask]
    if wide is not query.dtype:
        operands = [None if t is None else t.to(wide) for t in operands]
    grads = attention_backward(*operands, logsumexp, is_causal, scale)
    if wide is query.dtype:
        return grads
    by_query, by_key, by_value, by_mask = (t.to(query.dtype) for t in grads)
    return by_query, by_key, by_value, by_mask


@composite(inputs=4, outputs=2, dtype=_flash_attention_dtypes, vjp=_flash_attention_vjp)
def flash_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor | None,
    is_causal: bool,
    scale: float,
) -> tuple[Tensor, Tensor]:
    """`attention`, summed up and with its logarithms in float32 for float16 and bfloat16.

    Shapes, mask and queries that see nothing are as there.
    """
    wide = _sums_in(query.dtype)
    if wide is query.dtype:
        return attention(query, key, value, mask, is_causal, scale)
    operands = (None if t is None else t.to(wide) for t in (query, key, value, mask))
    result, logsumexp = attention(*operands, is_causal, scale)
    return result.to(query.dtype), logsumexp
