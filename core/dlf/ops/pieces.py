"""A tensor and its pieces along a dimension: `split_along` and `concat_tensors`, each of which is
the other's gradient.

All pieces of one call share a node, so that their gradients are joined once rather than each added
to zeros of the whole tensor's shape.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..autograd.mode import mode, observe, watch
from ..autograd.node import Node, Output, tick
from ..inplace import track_view
from ..registry import Op, registry
from ..tensor import Tensor, wrap
from .creation import zeros
from .views import reshape_op, slice_op

__all__ = ["concat_tensors", "split_along"]

_concat = registry.add(
    Op(
        "concat",
        ("tensors", "dim"),
        1,
        kind="primitive",
        doc="A tuple of arrays, joined along `dim`.",
        vjp=None,
    )
)


def concat_tensors(tensors: Sequence[Tensor], dim: int) -> Tensor:
    """Join tensors of one dtype along a resolved `dim`."""
    first = tensors[0]
    data = first.device.table[_concat.slot](tuple(x._data for x in tensors), dim)
    out = wrap(data, first.dtype, first.device)
    if mode.grad and any(x._node is not None for x in tensors):
        needs = tuple(x._node is not None for x in tensors)
        sizes = tuple(x._data.shape[dim] for x in tensors)
        node = Node()
        node.plan = _ConcatPlan(needs)
        node.edges = tuple(x._node for x in tensors if x._node is not None)
        node.saved, node.seq, node.shape = (dim, sizes), tick(), data.shape
        out._node = node
        if watch.on:
            observe(node)
    return out


class _ConcatPlan:
    """The plan of `concat`, whose inputs are as many as it is given."""

    __slots__ = ("needs",)
    op, out_at, picks = _concat, -1, ()

    def __init__(self, needs: tuple[bool, ...]) -> None:
        self.needs = needs

    def backward(self, g: Tensor, dim: int, sizes: tuple[int, ...]) -> list[Tensor]:
        pieces = split_along(g, dim, sizes)
        return [p for p, n in zip(pieces, self.needs, strict=True) if n]


def split_along(
    input: Tensor, dim: int, sizes: Sequence[int], name: str = "split", keepdim: bool = True
) -> tuple[Tensor, ...]:
    """Views of the `sizes` entries that follow each other along a resolved `dim`.

    With a gradient, a write to one of them is refused, as in PyTorch.

    Args:
        input: what is split.
        dim: the dimension.
        sizes: entries of each piece; together at most those of `dim`.
        name: what the pieces' node is called.
        keepdim: False drops `dim`, of which each piece then has one entry.
    """
    parent = input._node
    node = None
    if parent is not None and (not watch.on or mode.grad):
        node = Node()
        node.plan, node.edges = _SplitPlan(name, len(sizes), keepdim), (parent,)
        node.saved, node.seq, node.shape = (dim, tuple(sizes)), tick(), ()
        if watch.on:
            observe(node)
    pieces, start = [], 0
    for number, size in enumerate(sizes):
        piece = _piece(input, dim, start, size, name, keepdim)
        if node is not None:
            piece._node, piece._multi = Output(node, number, piece._data.shape), True
        pieces.append(piece)
        start += size
    return tuple(pieces)


def _piece(input: Tensor, dim: int, start: int, size: int, name: str, keepdim: bool) -> Tensor:
    """One view, without a node."""
    table, shape = input.device.table, input._data.shape
    starts, sizes = [0] * len(shape), list(shape)
    starts[dim], sizes[dim] = start, size
    place = tuple(starts), (1,) * len(shape), tuple(sizes)
    data = table[slice_op.op.slot](input._data, *place)
    if not keepdim:
        data = table[reshape_op.op.slot](data, (*shape[:dim], *shape[dim + 1 :]))
    piece = wrap(data, input.dtype, input.device)

    def again(base: Tensor) -> Tensor:
        part = slice_op(base, *place)
        return part if keepdim else reshape_op(part, data.shape)

    track_view(input, piece, name, again)
    return piece


class _SplitPlan:
    """The plan of one call of `split_along`."""

    __slots__ = ("keepdim", "name", "outputs")
    out_at, picks = -1, ()

    def __init__(self, name: str, outputs: int, keepdim: bool) -> None:
        self.name, self.outputs, self.keepdim = name, outputs, keepdim

    @property
    def op(self) -> _SplitPlan:
        """Itself: it has the name and the number of outputs that are asked of an op."""
        return self

    def backward(
        self, g: tuple[Tensor | None, ...], dim: int, sizes: tuple[int, ...]
    ) -> list[Tensor]:
        if not self.keepdim:
            g = tuple(None if x is None else _with_dim(x, dim) for x in g)
        like = next(x for x in g if x is not None)
        shape = like._data.shape

        def missing(size: int) -> Tensor:
            full = (*shape[:dim], size, *shape[dim + 1 :])
            return zeros(full, dtype=like.dtype, device=like.device)

        parts = [missing(n) if x is None else x for x, n in zip(g, sizes, strict=True)]
        return [concat_tensors(parts, dim)]


def _with_dim(g: Tensor, dim: int) -> Tensor:
    shape = g._data.shape
    result: Tensor = reshape_op(g, (*shape[:dim], 1, *shape[dim:]))
    return result
