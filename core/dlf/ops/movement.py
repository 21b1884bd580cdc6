"""Ops that rearrange elements: four views (reshape, permute, broadcast_to, slice) and what is made
of them."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

from ..tensor import Tensor
from .copying import clone
from .views import broadcast_op, permute_op, reshape_op


def dim_of(dim: Any, ndim: int, what: str = "dim") -> int:
    """`dim` as a non-negative dimension; IndexError when it is out of range, TypeError when it is
    no integer."""
    try:
        d = operator.index(dim)
    except TypeError:
        raise TypeError(f"{what} must be an int, got {type(dim).__name__}") from None
    n = ndim or 1
    if not -n <= d < n:
        raise IndexError(
            f"Dimension out of range (expected to be in range of [{-n}, {n - 1}], but got {d})"
        )
    return d + n if d < 0 else d


def sizes_of(size: tuple[Any, ...]) -> tuple[int, ...]:
    if len(size) == 1 and isinstance(size[0], (tuple, list)):
        size = tuple(size[0])
    return tuple(operator.index(s) for s in size)


def _resolve_shape(input: Tensor, shape: tuple[int, ...]) -> tuple[int, ...]:
    if -1 in shape:
        if shape.count(-1) > 1:
            raise RuntimeError("only one dimension can be inferred")
        rest = 1
        for s in shape:
            if s != -1:
                rest *= s
        n = input.numel()
        if rest == 0 or n % rest:
            raise RuntimeError(f"shape '{list(shape)}' is invalid for input of size {n}")
        shape = tuple(n // rest if s == -1 else s for s in shape)
    total = 1
    for s in shape:
        if s < 0:
            raise RuntimeError(f"invalid shape dimension {s}")
        total *= s
    if total != input.numel():
        raise RuntimeError(f"shape '{list(shape)}' is invalid for input of size {input.numel()}")
    return shape


def reshape(input: Tensor, *shape: Any) -> Tensor:
    """The same elements in another shape; one size may be -1. A view where the layout allows, else
    a copy."""
    return reshape_op(input, _resolve_shape(input, sizes_of(shape)))


def view(input: Tensor, *shape: Any) -> Tensor:
    """As `reshape`, and RuntimeError where that would need a copy; ``view(dtype)`` reads the bytes
    anew."""
    from ..dtypes import dtype

    if len(shape) == 1 and isinstance(shape[0], dtype):
        from .creation import from_host

        host = input.device.backend.to_host(input._data)
        return from_host(host.view(shape[0].numpy), shape[0], input.device)
    out = reshape(input, *shape)
    if (
        input.device.views
        and input.numel()
        and not input.device.backend.shares_memory(input._data, out._data)
    ):
        raise RuntimeError(
            f"view size {list(out.shape)} is not compatible with input tensor's size "
            f"{list(input.shape)} and stride "
            f"{list(input.stride())}; use reshape() instead"
        )
    return out


def reshape_as(input: Tensor, other: Tensor) -> Tensor:
    """`input` in `other`'s shape."""
    return reshape(input, other._data.shape)


def view_as(input: Tensor, other: Tensor) -> Tensor:
    """A view of `input` in `other`'s shape."""
    return view(input, other._data.shape)


def permute(input: Tensor, *dims: Any) -> Tensor:
    """The dimensions in the order `dims`."""
    order = sizes_of(dims)
    n = len(input._data.shape)
    if len(order) != n:
        raise RuntimeError(f"permute(): the tensor has {n} dimensions and {len(order)} are given")
    found = tuple(dim_of(d, n) for d in order)
    if len(set(found)) != n:
        raise RuntimeError("permute(): duplicate dims are not allowed")
    return permute_op(input, found)


def transpose(input: Tensor, dim0: int, dim1: int) -> Tensor:
    """Two dimensions exchanged."""
    n = len(input._data.shape)
    a, b = dim_of(dim0, n), dim_of(dim1, n)
    if n == 0:
        return permute_op(input, ())
    order = list(range(n))
    order[a], order[b] = b, a
    return permute_op(input, tuple(order))


def t(input: Tensor) -> Tensor:
    """The transpose of a matrix; a vector as it is; RuntimeError for more dimensions."""
    if input.ndim > 2:
        raise RuntimeError(f"t() expects a tensor with <= 2 dimensions, but self is {input.ndim}D")
    return (
        transpose(input, 0, 1) if input.ndim == 2 else permute_op(input, tuple(range(input.ndim)))
    )


def movedim(input: Tensor, source: Any, destination: Any) -> Tensor:
    """The dimensions `source` moved to the places `destination`."""
    n = input.ndim
    src = [dim_of(d, n) for d in (source if isinstance(source, (tuple, list)) else (source,))]
    dst = [
        dim_of(d, n)
        for d in (destination if isinstance(destination, (tuple, list)) else (destination,))
    ]
    if len(src) != len(dst) or len(set(src)) != len(src) or len(set(dst)) != len(dst):
        raise RuntimeError(
            f"movedim: source {source} and destination {destination} must be distinct and as many"
        )
    order = [d for d in range(n) if d not in src]
    for d, s in sorted(zip(dst, src, strict=True)):
        order.insert(d, s)
    return permute_op(input, tuple(order))


def expand(input: Tensor, *sizes: Any) -> Tensor:
    """A view with dimensions of size 1 repeated; -1 keeps a size."""
    wanted = sizes_of(sizes)
    have = input._data.shape
    lead = len(wanted) - len(have)
    if lead < 0:
        raise RuntimeError(
            f"expand({list(wanted)}): the number of sizes provided ({len(wanted)}) must be greater "
            "or equal to the number of dimensions in the tensor "
            f"({len(have)})"
        )
    shape = []
    for i, s in enumerate(wanted):
        n = have[i - lead] if i >= lead else None
        if s == -1:
            if n is None:
                raise RuntimeError(
                    f"expand({list(wanted)}): -1 isn't allowed in a leading, non-existing "
                    f"dimension {i}"
                )
            s = n
        if n not in (None, 1, s):
            raise RuntimeError(
                f"expand: the expanded size of the tensor ({s}) must match the existing size "
                f"({n}) at non-singleton dimension "
                f"{i}. Target sizes: {list(wanted)}. Tensor sizes: {list(have)}"
            )
        shape.append(s)
    return broadcast_op(input, tuple(shape))


def expand_as(input: Tensor, other: Tensor) -> Tensor:
    """`input` expanded to `other`'s shape."""
    return expand(input, other._data.shape)


def broadcast_to(input: Tensor, size: Sequence[int]) -> Tensor:
    """`input` expanded to `size`."""
    return expand(input, size)


def broadcast_shapes(*shapes: Any) -> Any:
    """The shape that tensors of `shapes` broadcast to; RuntimeError when they do not."""
    from ..size import Size

    rows = [(s,) if isinstance(s, int) else tuple(s) for s in shapes]
    out: list[int] = []
    for i in range(1, max((len(r) for r in rows), default=0) + 1):
        sizes = {r[-i] for r in rows if len(r) >= i} - {1}
        if len(sizes) > 1:
            raise RuntimeError(
                f"shape mismatch: objects cannot be broadcast to a single shape: {rows}"
            )
        out.append(sizes.pop() if sizes else 1)
    return Size(reversed(out))


def broadcast_tensors(*tensors: Tensor) -> list[Tensor]:
    """The tensors expanded to their common shape."""
    shape = broadcast_shapes(*[x._data.shape for x in tensors])
    return [expand(x, shape) for x in tensors]


def squeeze(input: Tensor, dim: Any = None) -> Tensor:
    """Without the dimensions of size 1, or only those in `dim`."""
    shape = input._data.shape
    if dim is None:
        keep = [s for s in shape if s != 1]
    else:
        dims = {dim_of(d, len(shape)) for d in (dim if isinstance(dim, (tuple, list)) else (dim,))}
        keep = [s for i, s in enumerate(shape) if i not in dims or s != 1]
    return reshape_op(input, tuple(keep))


def unsqueeze(input: Tensor, dim: int) -> Tensor:
    """With a dimension of size 1 at `dim`."""
    shape = list(input._data.shape)
    shape.insert(dim_of(dim, len(shape) + 1), 1)
    return reshape_op(input, tuple(shape))


def flatten(input: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """Dimensions `start_dim` to `end_dim` as one."""
    shape = input._data.shape
    a, b = dim_of(start_dim, len(shape)), dim_of(end_dim, len(shape))
    if a > b:
        raise RuntimeError("flatten() has invalid args: start_dim cannot come after end_dim")
    if not shape:
        return reshape_op(input, (1,))
    if a == b:
        return input
    n = 1
    for s in shape[a : b + 1]:
        n *= s
    return reshape_op(input, (*shape[:a], n, *shape[b + 1 :]))


def ravel(input: Tensor) -> Tensor:
    """All elements in one dimension."""
    return reshape(input, -1)


def unflatten(input: Tensor, dim: int, sizes: Sequence[int]) -> Tensor:
    """Dimension `dim` as several, of `sizes`, one of which may be -1."""
    shape = input._data.shape
    d = dim_of(dim, len(shape))
    return reshape(input, *shape[:d], *_infer(tuple(sizes), shape[d]), *shape[d + 1 :])


def _infer(sizes: tuple[int, ...], n: int) -> tuple[int, ...]:
    if -1 not in sizes:
        return sizes
    rest = 1
    for s in sizes:
        rest *= s if s != -1 else 1
    return tuple(n // rest if s == -1 else s for s in sizes)


def contiguous(input: Tensor, *, memory_format: Any = None) -> Tensor:
    """`input` itself if its memory is in row-major order, else a copy that is."""
    return input if input.is_contiguous() else clone(input)


def atleast_1d(input: Tensor) -> Tensor:
    """With at least one dimension."""
    return reshape(input, 1) if input.ndim == 0 else input


def atleast_2d(input: Tensor) -> Tensor:
    """With at least two dimensions."""
    return reshape(input, 1, -1) if input.ndim < 2 else input
