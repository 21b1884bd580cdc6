"""Attention."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import dlf
from dlf.amp.listed import listed
from dlf.ops import attention as ops
from dlf.ops.softmax import softmax

from .dropout import dropout
from .linear import linear
from .pad import pad

if TYPE_CHECKING:
    from dlf.tensor import Tensor

__all__ = ["multi_head_attention_forward", "scaled_dot_product_attention"]


def _additive(mask: Tensor, like: Tensor) -> Tensor:
    """A bool mask (True: may attend) as 0 and minus infinity."""
    if mask.dtype is not dlf.bool:
        return mask
    zeros = dlf.zeros(mask.shape, dtype=like.dtype, device=like.device)
    result: Tensor = dlf.where(mask, zeros, float("-inf"))
    return result


@listed
def scaled_dot_product_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    """``softmax(query @ key.T * scale + mask) @ value`` (Vaswani et al., 2017).

    Shapes: ``(..., L, E), (..., S, E), (..., S, V) -> (..., L, V)``. `attn_mask` is bool (True:
    takes part) or is added, in float32 or the query's dtype, and broadcasts to ``(..., L, S)``;
    `is_causal` lets query i see keys up to i. A query that may see nothing gives zeros. `scale`
    defaults to ``1 / sqrt(E)``. `dropout_p` applies whether training or not. With `enable_gqa`,
    each key and value head (dimension -3) serves several query heads. RuntimeError if shapes or
    dtypes do not fit.
    """
    for name, tensor in (("query", query), ("key", key), ("value", value)):
        if tensor.ndim < 2:
            raise RuntimeError(
                "Expected query, key, and value to all be at least 2 dimensional, but got "
                f"{name} of {tensor.ndim} dimensions"
            )
        if tensor.dtype is not query.dtype:
            raise RuntimeError(
                "Expected query, key, and value to have the same dtype, but got query.dtype: "
                f"{query.dtype}, key.dtype: {key.dtype}, and value.dtype: {value.dtype} instead."
            )
    if attn_mask is not None:
        if is_causal:
            raise RuntimeError("Explicit attn_mask should not be set when is_causal=True")
        if attn_mask.dtype not in (dlf.bool, dlf.float32, query.dtype):
            raise RuntimeError(
                "Expected attn_mask dtype to be bool or float or to match query dtype, but got "
                f"attn_mask.dtype: {attn_mask.dtype} and query.dtype: {query.dtype} instead."
            )
        attn_mask = _additive(attn_mask, query)
        kind = query.dtype
        if attn_mask.dtype is not kind:
            # A mask in float32 keeps its digits beside operands of fewer.
            wide = dlf.promote_types(kind, dlf.float32)
            q, k, v, mask = (t.to(wide) for t in (query, key, value, attn_mask))
            done = scaled_dot_product_attention(q, k, v, mask, dropout_p, False, scale, enable_gqa)
            return done.to(kind)
    if enable_gqa:
        key, value = _repeat_heads(query, key), _repeat_heads(query, value)
    if scale is None:
        scale = 1 / math.sqrt(query.shape[-1]) if query.shape[-1] else 1.0
    result: Tensor
    if dropout_p == 0:
        result, _ = ops.flash_attention(query, key, value, attn_mask, is_causal, scale)
        return result
    logits = ops.scores(query, key, attn_mask, is_causal, scale)
    # A query that may see nothing gives zeros, not NaN.
    blind = (logits == float("-inf")).all(-1, keepdim=True)
    weights = dlf.where(blind, 0, softmax(dlf.where(blind, 0, logits), logits.ndim - 1))
    result = dropout(weights, dropout_p) @ value
    return result


def _repeat_heads(query: Tensor, tensor: Tensor) -> Tensor:
    if query.ndim < 3 or tensor.ndim < 3 or query.shape[-3] % tensor.shape[-3]:
        raise RuntimeError(
            "enable_gqa: the number of heads in key and value must divide the number of heads in "
            f"query, got {list(tensor.shape)} and {list(query.shape)}"
        )
    times = query.shape[-3] // tensor.shape[-3]
    return tensor if times == 1 else tensor.repeat_interleave(times, -3)


def _in_projection(
    query: Tensor, key: Tensor, value: Tensor, weight: Tensor, bias: Tensor | None
) -> tuple[Tensor, Tensor, Tensor]:
    """Query, key and value projected by the three parts of one weight."""
    embed = query.shape[-1]
    if query is key and key is value:
        q, k, v = linear(query, weight, bias).split(embed, -1)
        return q, k, v
    weights = weight.chunk(3)
    biases = (None, None, None) if bias is None else bias.chunk(3)
    q, k, v = (
        linear(t, w, b) for t, w, b in zip((query, key, value), weights, biases, strict=True)
    )
    return q, k, v


def _check_mha(
    query: Tensor, key: Tensor, value: Tensor, embed: int, wanted: int, heads: int
) -> None:
    if embed != wanted:
        raise AssertionError(f"was expecting embedding dimension of {wanted}, but got {embed}")
    if embed % heads:
        raise AssertionError(f"embed_dim {embed} not divisible by num_heads {heads}")
    if key.shape[:2] != value.shape[:2]:
        raise AssertionError(
            f"key's sequence and batch dims {key.shape[:2]} do not match value's {value.shape[:2]}"
        )


def multi_head_attention_forward(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    embed_dim_to_check: int,
    num_heads: int,
    in_proj_weight: Tensor | None,
    in_proj_bias: Tensor | None,
    bias_k: Tensor | None,
    bias_v: Tensor | None,
    add_zero_attn: bool,
    dropout_p: float,
    out_proj_weight: Tensor,
    out_proj_bias: Tensor | None,
    training: bool = True,
    key_padding_mask: Tensor | None = None,
    need_weights: bool = True,
    attn_mask: Tensor | None = None,
    use_separate_proj_weight: bool = False,
    q_proj_weight: Tensor | None = None,
    k_proj_weight: Tensor | None = None,
    v_proj_weight: Tensor | None = None,
    static_k: Tensor | None = None,
    static_v: Tensor | None = None,
    average_attn_weights: bool = True,
    is_causal: bool = False,
) -> tuple[Tensor, Tensor | None]:
    """Multi-head attention with its projections (Vaswani et al., 2017); see
    `dlf.nn.MultiheadAttention`.

    Shapes: query ``(L, N, E)``, key and value ``(S, N, .)``, or without N. `key_padding_mask`
    ``(N, S)`` and `attn_mask` ``(L, S)`` or ``(N * heads, L, S)`` are bool (True: left out) or
    added. Gives the output ``(L, N, E)`` and, with `need_weights`, the weights ``(N, L, S)``, by
    head if not averaged.
    """
    batched = query.ndim == 3
    if query.ndim not in (2, 3) or key.ndim != query.ndim or value.ndim != query.ndim:
        raise AssertionError(
            "query, key and value should all be unbatched 2D or batched 3D tensors, but received "
            f"{query.ndim}-D, {key.ndim}-D and {value.ndim}-D"
        )
    if is_causal and attn_mask is None:
        raise RuntimeError("Need attn_mask if specifying the is_causal hint.")
    if not batched:
        same_qk, same_kv = query is key, key is value
        query = query.unsqueeze(1)
        key = query if same_qk else key.unsqueeze(1)
        value = key if same_kv else value.unsqueeze(1)
        if key_padding_mask is not None:
            key_padding_mask = key_padding_mask.unsqueeze(0)
    length, batch, embed = query.shape
    _check_mha(query, key, value, embed, embed_dim_to_check, num_heads)
    head = embed // num_heads

    if use_separate_proj_weight:
        assert q_proj_weight is not None and k_proj_weight is not None and v_proj_weight is not None
        biases = (None, None, None) if in_proj_bias is None else in_proj_bias.chunk(3)
        q = linear(query, q_proj_weight, biases[0])
        k = linear(key, k_proj_weight, biases[1])
        v = linear(value, v_proj_weight, biases[2])
    else:
        assert in_proj_weight is not None
        q, k, v = _in_projection(query, key, value, in_proj_weight, in_proj_bias)

    mask = _mask_of(attn_mask, q, "attn_mask")
    padding = _mask_of(key_padding_mask, q, "key_padding_mask")
    if mask is not None:
        wanted = (
            (length, key.shape[0]) if mask.ndim == 2 else (batch * num_heads, length, key.shape[0])
        )
        if mask.ndim not in (2, 3) or tuple(mask.shape) != wanted:
            raise RuntimeError(
                f"The shape of the {mask.ndim}D attn_mask is {tuple(mask.shape)}, but should be "
                f"{wanted}."
            )
        if mask.ndim == 2:
            mask = mask.unsqueeze(0)
    if padding is not None and tuple(padding.shape) != (batch, key.shape[0]):
        raise AssertionError(
            f"expecting key_padding_mask shape of {(batch, key.shape[0])}, but got {padding.shape}"
        )

    if bias_k is not None and bias_v is not None:
        k = dlf.cat([k, bias_k.repeat(1, batch, 1)])
        v = dlf.cat([v, bias_v.repeat(1, batch, 1)])
        mask, padding = _one_more(mask), _one_more(padding)
    q = q.reshape(length, batch * num_heads, head).transpose(0, 1)
    if static_k is None:
        k = k.reshape(k.shape[0], batch * num_heads, head).transpose(0, 1)
    else:
        k = static_k
    if static_v is None:
        v = v.reshape(v.shape[0], batch * num_heads, head).transpose(0, 1)
    else:
        v = static_v
    if add_zero_attn:
        zeros = dlf.zeros((batch * num_heads, 1, head), dtype=k.dtype, device=k.device)
        k, v = dlf.cat([k, zeros], 1), dlf.cat([v, zeros], 1)
        mask, padding = _one_more(mask), _one_more(padding)
    source = k.shape[1]
    if padding is not None:
        spread = padding.reshape(batch, 1, 1, source).expand(batch, num_heads, 1, source)
        spread = spread.reshape(batch * num_heads, 1, source)
        mask = spread if mask is None else mask + spread

    drop = dropout_p if training else 0.0
    weights: Tensor | None = None
    if need_weights:
        logits = ops.scores(q, k, mask, False, 1 / math.sqrt(head))
        weights = softmax(logits, 2)
        if drop > 0:
            weights = dropout(weights, drop)
        attended = weights @ v
        weights = weights.reshape(batch, num_heads, length, source)
        if average_attn_weights:
            weights = weights.mean(1)
        if not batched:
            weights = weights.squeeze(0)
    else:
        attended = scaled_dot_product_attention(q, k, v, mask, drop)
    joined = attended.transpose(0, 1).reshape(length, batch, embed)
    output = linear(joined, out_proj_weight, out_proj_bias)
    return (output if batched else output.squeeze(1)), weights


def _mask_of(mask: Tensor | None, like: Tensor, name: str) -> Tensor | None:
    """A mask whose True leaves out, as what is added."""
    if mask is None:
        return None
    if mask.dtype is dlf.bool:
        return _additive(~mask, like)
    if not mask.dtype.is_floating_point:
        raise AssertionError(f"only bool and floating types of {name} are supported")
    return mask


def _one_more(mask: Tensor | None) -> Tensor | None:
    return None if mask is None else pad(mask, (0, 1))
