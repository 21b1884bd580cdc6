"""MultiheadAttention."""

from __future__ import annotations

from typing import Any

from dlf.nn import functional as F
from dlf.nn import init
from dlf.nn.module import Module
from dlf.nn.modules.linear import NonDynamicallyQuantizableLinear
from dlf.nn.modules.utils import new_parameter
from dlf.nn.parameter import Parameter
from dlf.tensor import Tensor

__all__ = ["MultiheadAttention"]


class MultiheadAttention(Module):
    """softmax(Q K^T / sqrt(d)) V in several projections side by side (Vaswani et al., 2017).

    Args:
        embed_dim: size of the queries and of the output.
        num_heads: the number of projections; divides `embed_dim`.
        dropout: probability of dropping an attention weight. Default: 0.
        bias: whether the projections have a bias. Default: True.
        add_bias_kv: whether to add a learned entry to keys and values. Default: False.
        add_zero_attn: whether to add an entry of zeros to keys and values. Default: False.
        kdim: size of the keys. Default: `embed_dim`.
        vdim: size of the values. Default: `embed_dim`.
        batch_first: whether tensors are (N, L, E) rather than (L, N, E). Default: False.

    Raises:
        ValueError: a size that is not positive.
        AssertionError: `num_heads` does not divide `embed_dim`.
    """

    in_proj_weight: Parameter | None
    in_proj_bias: Parameter | None
    q_proj_weight: Parameter | None
    k_proj_weight: Parameter | None
    v_proj_weight: Parameter | None
    bias_k: Parameter | None
    bias_v: Parameter | None

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        add_bias_kv: bool = False,
        add_zero_attn: bool = False,
        kdim: int | None = None,
        vdim: int | None = None,
        batch_first: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        if embed_dim <= 0 or num_heads <= 0:
            raise ValueError(
                "embed_dim and num_heads must be greater than 0, got "
                f"embed_dim={embed_dim} and num_heads={num_heads} instead"
            )
        super().__init__()
        self.embed_dim = embed_dim
        self.kdim = kdim if kdim is not None else embed_dim
        self.vdim = vdim if vdim is not None else embed_dim
        self._qkv_same_embed_dim = self.kdim == embed_dim and self.vdim == embed_dim
        self.num_heads = num_heads
        self.dropout = dropout
        self.batch_first = batch_first
        self.head_dim = embed_dim // num_heads
        if self.head_dim * num_heads != embed_dim:
            raise AssertionError("embed_dim must be divisible by num_heads")
        e, same = embed_dim, self._qkv_same_embed_dim
        shapes: dict[str, tuple[int, ...] | None] = {
            "q_proj_weight": None if same else (e, e),
            "k_proj_weight": None if same else (e, self.kdim),
            "v_proj_weight": None if same else (e, self.vdim),
            "in_proj_weight": (3 * e, e) if same else None,
            "in_proj_bias": (3 * e,) if bias else None,
        }
        if same:  # the order in which PyTorch registers, and so lists, them
            shapes = {"in_proj_weight": shapes.pop("in_proj_weight"), **shapes}
        like: dict[str, Any] = {"device": device, "dtype": dtype}
        for name, shape in shapes.items():
            self.register_parameter(name, None if shape is None else new_parameter(*shape, **like))
        self.out_proj = NonDynamicallyQuantizableLinear(e, e, bias=bias, **like)
        for name in ("bias_k", "bias_v"):
            self.register_parameter(name, new_parameter(1, 1, e, **like) if add_bias_kv else None)
        self.add_zero_attn = add_zero_attn
        self._reset_parameters()

    def _reset_parameters(self) -> None:
        for weight in (
            self.in_proj_weight, self.q_proj_weight, self.k_proj_weight, self.v_proj_weight,
        ):  # fmt: skip
            if weight is not None:
                init.xavier_uniform_(weight)
        if self.in_proj_bias is not None and self.out_proj.bias is not None:
            init.zeros_(self.in_proj_bias)
            init.zeros_(self.out_proj.bias)
        for bias in (self.bias_k, self.bias_v):
            if bias is not None:
                init.xavier_normal_(bias)

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        key_padding_mask: Tensor | None = None,
        need_weights: bool = True,
        attn_mask: Tensor | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        """Attend from L queries to S keys.

        Args:
            query: (L, E), (L, N, E) or, if `batch_first`, (N, L, E).
            key: (S, kdim), (S, N, kdim) or (N, S, kdim).
            value: (S, vdim), (S, N, vdim) or (N, S, vdim).
            key_padding_mask: (N, S); True, or -inf, where a key does not count.
            need_weights: whether to return the attention weights too. Default: True.
            attn_mask: (L, S) or (N * num_heads, L, S); True, or -inf, where not to look.
            average_attn_weights: whether to average the weights over the heads. Default: True.
            is_causal: a hint that `attn_mask` is the causal one. Default: False.

        Returns:
            The output, in the shape of `query`, and the weights (N, L, S), or (N, num_heads, L, S)
            if they are not averaged, or None.
        """
        swap = self.batch_first and query.dim() == 3
        if swap:
            query, key, value = (t.transpose(0, 1) for t in (query, key, value))
        output, weights = F.multi_head_attention_forward(
            query,
            key,
            value,
            self.embed_dim,
            self.num_heads,
            self.in_proj_weight,
            self.in_proj_bias,
            self.bias_k,
            self.bias_v,
            self.add_zero_attn,
            self.dropout,
            self.out_proj.weight,
            self.out_proj.bias,
            training=self.training,
            key_padding_mask=key_padding_mask,
            need_weights=need_weights,
            attn_mask=attn_mask,
            use_separate_proj_weight=not self._qkv_same_embed_dim,
            q_proj_weight=self.q_proj_weight,
            k_proj_weight=self.k_proj_weight,
            v_proj_weight=self.v_proj_weight,
            average_attn_weights=average_attn_weights,
            is_causal=is_causal,
        )
        return (output.transpose(0, 1) if swap else output), weights
