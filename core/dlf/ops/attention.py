"""Scaled dot-product attention (Vaswani et al., 2017)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dlf
from dlf.registry import composite

if TYPE_CHECKING:
    from dlf.tensor import Tensor

__all__ = ["attention", "attention_backward", "causal_mask"]


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
