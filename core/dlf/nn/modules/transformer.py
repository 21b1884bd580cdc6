"""Transformer, its encoder and decoder, and their layers (Vaswani et al., 2017)."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import dlf
from dlf.nn import functional as F
from dlf.nn import init
from dlf.nn.module import Module
from dlf.nn.modules.attention import MultiheadAttention
from dlf.nn.modules.container import ModuleList
from dlf.nn.modules.dropout import Dropout
from dlf.nn.modules.layernorm import LayerNorm
from dlf.nn.modules.linear import Linear
from dlf.tensor import Tensor

__all__ = [
    "Transformer",
    "TransformerDecoder",
    "TransformerDecoderLayer",
    "TransformerEncoder",
    "TransformerEncoderLayer",
]

Activation = str | Callable[[Tensor], Tensor]


def _activation(given: Activation) -> Callable[[Tensor], Tensor]:
    if not isinstance(given, str):
        return given
    if given not in ("relu", "gelu"):
        raise RuntimeError(f"activation should be relu/gelu, not {given}")
    function: Callable[[Tensor], Tensor] = F.relu if given == "relu" else F.gelu
    return function


def _causal_mask(size: int, device: Any = None, dtype: Any = None) -> Tensor:
    full = dlf.full((size, size), float("-inf"), dtype=dtype, device=device)
    return dlf.triu(full, diagonal=1)


def _is_causal(mask: Tensor | None, hint: bool | None, x: Tensor, batch_first: bool) -> bool:
    """The hint, or whether `mask` is the causal one where there is no hint."""
    if hint is not None or mask is None:
        return hint is True
    size = x.shape[1] if batch_first and x.dim() == 3 else x.shape[0]
    causal = _causal_mask(size, mask.device, mask.dtype if mask.is_floating_point() else None)
    if not mask.is_floating_point():
        causal = causal != 0
    return mask.shape == causal.shape and bool((mask == causal).all())


class TransformerEncoderLayer(Module):
    """Self-attention, then a feed-forward block, each with a shortcut and a layer norm.

    Args:
        d_model: E of the input.
        nhead: heads of the attention.
        dim_feedforward: width of the feed-forward block. Default: 2048.
        dropout: Default: 0.1.
        activation: "relu", "gelu" or a function. Default: relu.
        layer_norm_eps: Default: 1e-5.
        batch_first: whether tensors are (N, L, E) rather than (L, N, E). Default: False.
        norm_first: whether to normalise before each block rather than after. Default: False.
        bias: whether linear layers and norms have a bias. Default: True.
    """

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: Activation = F.relu,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        like: dict[str, Any] = {"bias": bias, "device": device, "dtype": dtype}
        heads: dict[str, Any] = {"batch_first": batch_first, **like}
        self.self_attn = MultiheadAttention(d_model, nhead, dropout, **heads)
        self.linear1 = Linear(d_model, dim_feedforward, **like)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(dim_feedforward, d_model, **like)
        self.norm_first = norm_first
        self.norm1 = LayerNorm(d_model, layer_norm_eps, **like)
        self.norm2 = LayerNorm(d_model, layer_norm_eps, **like)
        self.dropout1 = Dropout(dropout)
        self.dropout2 = Dropout(dropout)
        self.activation = _activation(activation)

    def forward(
        self,
        src: Tensor,
        src_mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        is_causal: bool = False,
    ) -> Tensor:
        """Map (L, N, E) to the same shape; for the masks see `MultiheadAttention`."""
        x = src
        masks = src_mask, src_key_padding_mask, is_causal
        if self.norm_first:
            x = x + self._attend(self.norm1(x), *masks)
            return x + self._feed_forward(self.norm2(x))
        x = self.norm1(x + self._attend(x, *masks))
        output: Tensor = self.norm2(x + self._feed_forward(x))
        return output

    def _attend(
        self, x: Tensor, mask: Tensor | None, padding: Tensor | None, is_causal: bool
    ) -> Tensor:
        x, _ = self.self_attn(
            x, x, x, attn_mask=mask, key_padding_mask=padding, need_weights=False,
            is_causal=is_causal,
        )  # fmt: skip
        dropped: Tensor = self.dropout1(x)
        return dropped

    def _feed_forward(self, x: Tensor) -> Tensor:
        hidden = self.dropout(self.activation(self.linear1(x)))
        dropped: Tensor = self.dropout2(self.linear2(hidden))
        return dropped


class TransformerDecoderLayer(Module):
    """Self-attention, attention to the memory, and a feed-forward block.

    The arguments are those of `TransformerEncoderLayer`.
    """

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: Activation = F.relu,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        like: dict[str, Any] = {"bias": bias, "device": device, "dtype": dtype}
        heads: dict[str, Any] = {"batch_first": batch_first, **like}
        self.self_attn = MultiheadAttention(d_model, nhead, dropout, **heads)
        self.multihead_attn = MultiheadAttention(d_model, nhead, dropout, **heads)
        self.linear1 = Linear(d_model, dim_feedforward, **like)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(dim_feedforward, d_model, **like)
        self.norm_first = norm_first
        self.norm1 = LayerNorm(d_model, layer_norm_eps, **like)
        self.norm2 = LayerNorm(d_model, layer_norm_eps, **like)
        self.norm3 = LayerNorm(d_model, layer_norm_eps, **like)
        self.dropout1 = Dropout(dropout)
        self.dropout2 = Dropout(dropout)
        self.dropout3 = Dropout(dropout)
        self.activation = _activation(activation)

    def forward(
        self,
        tgt: Tensor,
        memory: Tensor,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        tgt_is_causal: bool = False,
        memory_is_causal: bool = False,
    ) -> Tensor:
        """Map `tgt` (T, N, E), given `memory` (S, N, E), to the shape of `tgt`."""
        x = tgt
        own = tgt_mask, tgt_key_padding_mask, tgt_is_causal
        other = memory_mask, memory_key_padding_mask, memory_is_causal
        if self.norm_first:
            x = x + self._attend(self.norm1(x), *own)
            x = x + self._attend_to_memory(self.norm2(x), memory, *other)
            return x + self._feed_forward(self.norm3(x))
        x = self.norm1(x + self._attend(x, *own))
        x = self.norm2(x + self._attend_to_memory(x, memory, *other))
        output: Tensor = self.norm3(x + self._feed_forward(x))
        return output

    def _attend(
        self, x: Tensor, mask: Tensor | None, padding: Tensor | None, is_causal: bool
    ) -> Tensor:
        x, _ = self.self_attn(
            x, x, x, attn_mask=mask, key_padding_mask=padding, need_weights=False,
            is_causal=is_causal,
        )  # fmt: skip
        dropped: Tensor = self.dropout1(x)
        return dropped

    def _attend_to_memory(
        self,
        x: Tensor,
        memory: Tensor,
        mask: Tensor | None,
        padding: Tensor | None,
        is_causal: bool,
    ) -> Tensor:
        x, _ = self.multihead_attn(
            x, memory, memory, attn_mask=mask, key_padding_mask=padding, need_weights=False,
            is_causal=is_causal,
        )  # fmt: skip
        dropped: Tensor = self.dropout2(x)
        return dropped

    def _feed_forward(self, x: Tensor) -> Tensor:
        hidden = self.dropout(self.activation(self.linear1(x)))
        dropped: Tensor = self.dropout3(self.linear2(hidden))
        return dropped


def _copies(layer: Module, count: int) -> ModuleList:
    return ModuleList([copy.deepcopy(layer) for _ in range(count)])


class TransformerEncoder(Module):
    """`num_layers` copies of a `TransformerEncoderLayer`, one after the other.

    Args:
        encoder_layer: the layer to copy, with its weights.
        num_layers: how many.
        norm: a last layer norm. Default: none.
        enable_nested_tensor: accepted for PyTorch's sake; no result depends on it.
        mask_check: accepted for PyTorch's sake; no result depends on it.
    """

    def __init__(
        self,
        encoder_layer: TransformerEncoderLayer,
        num_layers: int,
        norm: Module | None = None,
        enable_nested_tensor: bool = True,
        mask_check: bool = True,
    ) -> None:
        super().__init__()
        self.layers = _copies(encoder_layer, num_layers)
        self.num_layers = num_layers
        self.norm = norm
        self.enable_nested_tensor = enable_nested_tensor
        self.mask_check = mask_check

    def forward(
        self,
        src: Tensor,
        mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        is_causal: bool | None = None,
    ) -> Tensor:
        """Map (L, N, E) to the same shape; `is_causal` None looks whether `mask` is causal."""
        causal = _is_causal(mask, is_causal, src, self.layers[0].self_attn.batch_first)
        output = src
        for layer in self.layers:
            output = layer(output, mask, src_key_padding_mask, causal)
        return output if self.norm is None else self.norm(output)


class TransformerDecoder(Module):
    """`num_layers` copies of a `TransformerDecoderLayer`, one after the other.

    Args:
        decoder_layer: the layer to copy, with its weights.
        num_layers: how many.
        norm: a last layer norm. Default: none.
    """

    def __init__(
        self, decoder_layer: TransformerDecoderLayer, num_layers: int, norm: Module | None = None
    ) -> None:
        super().__init__()
        self.layers = _copies(decoder_layer, num_layers)
        self.num_layers = num_layers
        self.norm = norm

    def forward(
        self,
        tgt: Tensor,
        memory: Tensor,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        tgt_is_causal: bool | None = None,
        memory_is_causal: bool = False,
    ) -> Tensor:
        """Map `tgt` (T, N, E), given `memory` (S, N, E), to the shape of `tgt`."""
        causal = _is_causal(tgt_mask, tgt_is_causal, tgt, self.layers[0].self_attn.batch_first)
        output = tgt
        for layer in self.layers:
            output = layer(
                output, memory, tgt_mask, memory_mask, tgt_key_padding_mask,
                memory_key_padding_mask, causal, memory_is_causal,
            )  # fmt: skip
        return output if self.norm is None else self.norm(output)


class Transformer(Module):
    """An encoder of `src` and a decoder of `tgt` that attends to it.

    Args:
        d_model: E of both inputs. Default: 512.
        nhead: heads of all attentions. Default: 8.
        num_encoder_layers: Default: 6.
        num_decoder_layers: Default: 6.
        dim_feedforward: width of the feed-forward blocks. Default: 2048.
        dropout: Default: 0.1.
        activation: "relu", "gelu" or a function. Default: relu.
        custom_encoder: a module instead of the `TransformerEncoder`.
        custom_decoder: a module instead of the `TransformerDecoder`.
        layer_norm_eps: Default: 1e-5.
        batch_first: whether tensors are (N, L, E) rather than (L, N, E). Default: False.
        norm_first: whether to normalise before each block rather than after. Default: False.
        bias: whether linear layers and norms have a bias. Default: True.
    """

    def __init__(
        self,
        d_model: int = 512,
        nhead: int = 8,
        num_encoder_layers: int = 6,
        num_decoder_layers: int = 6,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: Activation = F.relu,
        custom_encoder: Any = None,
        custom_decoder: Any = None,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        like: dict[str, Any] = {"bias": bias, "device": device, "dtype": dtype}
        sizes: tuple[Any, ...] = (d_model, nhead, dim_feedforward, dropout, activation)
        order: tuple[Any, ...] = (layer_norm_eps, batch_first, norm_first)
        self.encoder = custom_encoder
        if custom_encoder is None:
            encoder_layer = TransformerEncoderLayer(*sizes, *order, **like)
            norm = LayerNorm(d_model, layer_norm_eps, **like)
            self.encoder = TransformerEncoder(encoder_layer, num_encoder_layers, norm)
        self.decoder = custom_decoder
        if custom_decoder is None:
            decoder_layer = TransformerDecoderLayer(*sizes, *order, **like)
            norm = LayerNorm(d_model, layer_norm_eps, **like)
            self.decoder = TransformerDecoder(decoder_layer, num_decoder_layers, norm)
        for parameter in self.parameters():
            if parameter.dim() > 1:
                init.xavier_uniform_(parameter)
        self.d_model = d_model
        self.nhead = nhead
        self.batch_first = batch_first

    def forward(
        self,
        src: Tensor,
        tgt: Tensor,
        src_mask: Tensor | None = None,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        src_is_causal: bool | None = None,
        tgt_is_causal: bool | None = None,
        memory_is_causal: bool = False,
    ) -> Tensor:
        """Map `src` (S, N, E) and `tgt` (T, N, E) to (T, N, E)."""
        batch_dim = 0 if self.batch_first else 1
        if src.dim() == 3 and src.shape[batch_dim] != tgt.shape[batch_dim]:
            raise RuntimeError("the batch number of src and tgt must be equal")
        if src.shape[-1] != self.d_model or tgt.shape[-1] != self.d_model:
            raise RuntimeError("the feature number of src and tgt must be equal to d_model")
        memory = self.encoder(
            src,
            mask=src_mask,
            src_key_padding_mask=src_key_padding_mask,
            is_causal=src_is_causal,
        )
        output: Tensor = self.decoder(
            tgt,
            memory,
            tgt_mask=tgt_mask,
            memory_mask=memory_mask,
            tgt_key_padding_mask=tgt_key_padding_mask,
            memory_key_padding_mask=memory_key_padding_mask,
            tgt_is_causal=tgt_is_causal,
            memory_is_causal=memory_is_causal,
        )
        return output

    @staticmethod
    def generate_square_subsequent_mask(sz: int, device: Any = None, dtype: Any = None) -> Tensor:
        """(sz, sz) with -inf above the diagonal and 0 elsewhere."""
        return _causal_mask(sz, device, dtype)
