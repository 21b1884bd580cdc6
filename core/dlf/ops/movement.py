"""Ops that rearrange elements: four views (reshape, permute, broadcast_to, slice) and what is made
of them."""

from __future__ import annotations

import builtins
import itertools
import operator
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from ..autograd.mode import mode, observe, watch
from ..autograd.node import Node, tick
from ..inplace import track_view
from ..registry import Op, primitive, registry
from ..tensor import Tensor, wrap
from .creation import zeros
from .pointwise import clone


def view_op(
    name: str,
    attributes: Sequence[str],
    vjp: Callable[..., Any],
    doc: str,
    decompose: Callable[..., Any] | None = None,
) -> Any:
    """Declare a movement op whose result aliases its input where the device has views.

    One with a decomposition is a composite; where that runs, the result is a copy, and a write to
    it refused.
    """
    op = registry.add(
        Op(
            name,
            ("input", *attributes),
            1,
            kind="composite" if decompose else "primitive",
            vjp=(vjp,),
            view=True,
            doc=doc,
            decompose=decompose,
        )
    )
    slot, plan = op.slot, op.plan((True,))
    simple = plan.picks

    def function(input: Tensor, *args: Any) -> Tensor:
        device = input.device
        kernel = device.table[slot]
        if kernel is None:
            assert decompose is not None
            copy: Tensor = decompose(input, *args)
            copy._view = name
            return copy
        data = kernel(input._data, *args)
        out = Tensor()
        out._data, out.dtype, out.device, out._version = data, input.dtype, device, None
        node = input._node
        if node is not None and (not watch.on or mode.grad):
            made = Node()
            made.plan, made.edges = plan, (node,)
            made.saved = tuple([input._data.shape if i >= 1000 else args[i - 1] for i in simple])
            made.seq, made.shape = tick(), data.shape
            out._node = made
            if watch.on:
                observe(made)
        else:
            out._node = None
        if name != "reshape" or not device.views or device.backend.shares_memory(input._data, data):
            track_view(input, out, name, lambda base: function(base, *args))
        return out

    function.op = op  # type: ignore[attr-defined]  # the op behind the function
    function.__name__ = name
    return function


def _inverse(dims: Sequence[int]) -> tuple[int, ...]:
    back = [0] * len(dims)
    for i, d in enumerate(dims):
        back[d] = i
    return tuple(back)


_reshape = view_op(
    "reshape",
    ("shape",),
    lambda g, input_shape: _reshape(g, input_shape),
    "The same elements in row-major order in another shape.",
)
_permute = view_op(
    "permute",
    ("dims",),
    lambda g, dims: _permute(g, _inverse(dims)),
    "Dimensions in another order.",
)
_broadcast = view_op("broadcast_to", ("shape",), lambda g: g, "Dimensions of size 1 repeated.")
_slice = view_op(
    "slice",
    ("starts", "steps", "sizes"),
    lambda g, input_shape, starts, steps: _unslice(g, input_shape, starts, steps),
    "Element k of dimension d is starts[d] + k * steps[d].",
)


def _unslice(g: Tensor, shape: tuple[int, ...], starts: Any, steps: Any) -> Tensor:
    base = zeros(shape, dtype=g.dtype, device=g.device)
    return slice_set(base, g, starts, steps, tuple(g._data.shape))


slice_set = primitive(
    "slice_set",
    ("input", "source", "starts", "steps", "sizes"),
    inputs=2,
    doc="`input` with a slice replaced by `source`.",
    vjp=(
        lambda g, starts, steps, sizes: slice_set(
            g, zeros(sizes, dtype=g.dtype, device=g.device), starts, steps, sizes
        ),
        lambda g, starts, steps, sizes: _slice(g, starts, steps, sizes),
    ),
)
_pad = primitive(
    "pad",
    ("input", "widths", "value"),
    doc="Constant padding: (low, high) for each dimension.",
    vjp=(
        lambda g, input_shape, widths: _slice(
            g, tuple(w[0] for w in widths), (1,) * len(widths), input_shape
        ),
    ),
)


def _split_back(g: Tensor, dim: int, sizes: Sequence[int]) -> tuple[Tensor, ...]:
    return tuple(split(g, list(sizes), dim))


_concat = registry.add(
    Op("concat", ("tensors", "dim"), 1, kind="primitive", doc="Joined along `dim`.", vjp=None)
)


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


def _sizes(size: tuple[Any, ...]) -> tuple[int, ...]:
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
    return _reshape(input, _resolve_shape(input, _sizes(shape)))


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
    order = _sizes(dims)
    n = len(input._data.shape)
    if len(order) != n:
        raise RuntimeError(f"permute(): the tensor has {n} dimensions and {len(order)} are given")
    found = tuple(dim_of(d, n) for d in order)
    if len(set(found)) != n:
        raise RuntimeError("permute(): duplicate dims are not allowed")
    return _permute(input, found)


def transpose(input: Tensor, dim0: int, dim1: int) -> Tensor:
    """Two dimensions exchanged."""
    n = len(input._data.shape)
    a, b = dim_of(dim0, n), dim_of(dim1, n)
    if n == 0:
        return _permute(input, ())
    order = list(range(n))
    order[a], order[b] = b, a
    return _permute(input, tuple(order))


def t(input: Tensor) -> Tensor:
    """The transpose of a matrix; a vector as it is; RuntimeError for more dimensions."""
    if input.ndim > 2:
        raise RuntimeError(f"t() expects a tensor with <= 2 dimensions, but self is {input.ndim}D")
    return transpose(input, 0, 1) if input.ndim == 2 else _permute(input, tuple(range(input.ndim)))


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
    return _permute(input, tuple(order))


def expand(input: Tensor, *sizes: Any) -> Tensor:
    """A view with dimensions of size 1 repeated; -1 keeps a size."""
    wanted = _sizes(sizes)
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
    return _broadcast(input, tuple(shape))


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
    return _reshape(input, tuple(keep))


def unsqueeze(input: Tensor, dim: int) -> Tensor:
    """With a dimension of size 1 at `dim`."""
    shape = list(input._data.shape)
    shape.insert(dim_of(dim, len(shape) + 1), 1)
    return _reshape(input, tuple(shape))


def flatten(input: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """Dimensions `start_dim` to `end_dim` as one."""
    shape = input._data.shape
    a, b = dim_of(start_dim, len(shape)), dim_of(end_dim, len(shape))
    if a > b:
        raise RuntimeError("flatten() has invalid args: start_dim cannot come after end_dim")
    if not shape:
        return _reshape(input, (1,))
    if a == b:
        return input
    n = 1
    for s in shape[a : b + 1]:
        n *= s
    return _reshape(input, (*shape[:a], n, *shape[b + 1 :]))


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


def narrow(input: Tensor, dim: int, start: int, length: int) -> Tensor:
    """The `length` entries from `start` along `dim`."""
    shape = input._data.shape
    d = dim_of(dim, len(shape))
    n = shape[d]
    start = int(start)
    if start < 0:
        start += n
    if length < 0 or not 0 <= start <= n or start + length > n:
        raise RuntimeError(
            f"narrow: start ({start}) + length ({length}) exceeds dimension size ({n})"
        )
    return _along(input, d, start, 1, length)


def _along(input: Tensor, d: int, start: int, step: int, size: int) -> Tensor:
    shape = input._data.shape
    starts, steps, sizes = [0] * len(shape), [1] * len(shape), list(shape)
    starts[d], steps[d], sizes[d] = start, step, size
    return _slice(input, tuple(starts), tuple(steps), tuple(sizes))


def select(input: Tensor, dim: int, index: int) -> Tensor:
    """Entry `index` along `dim`, without that dimension."""
    shape = input._data.shape
    if not shape:
        raise IndexError("select() cannot be applied to a 0-dim tensor.")
    d = dim_of(dim, len(shape))
    n = shape[d]
    i = operator.index(index)
    if not -n <= i < n:
        raise IndexError(
            f"select(): index {i} out of range for tensor of size {list(shape)} at dimension {d}"
        )
    part = _along(input, d, i % n, 1, 1)
    return _reshape(part, (*shape[:d], *shape[d + 1 :]))


def _several(parts: Iterable[Tensor]) -> tuple[Tensor, ...]:
    """Views that one call returned: with a gradient, a write to one of them is refused, as in
    PyTorch."""
    views = tuple(parts)
    for v in views:
        if v._node is not None:
            v._multi = True
    return views


def unbind(input: Tensor, dim: int = 0) -> tuple[Tensor, ...]:
    """The entries along `dim`, as views."""
    d = dim_of(dim, input.ndim)
    return _several(select(input, d, i) for i in range(input._data.shape[d]))


def split(tensor: Tensor, split_size_or_sections: Any, dim: int = 0) -> tuple[Tensor, ...]:
    """Views of chunks along `dim`: of one size (the last may be smaller) or of the sizes given."""
    d = dim_of(dim, tensor.ndim)
    n = tensor._data.shape[d]
    if isinstance(split_size_or_sections, int):
        step = split_size_or_sections
        if step < 0 or (step == 0 and n):
            raise RuntimeError(f"split expects split_size be positive, but got split_size={step}")
        sizes = [builtins.min(step, n - i) for i in range(0, n, step)] if n else [0]
    else:
        sizes = list(split_size_or_sections)
        if sum(sizes) != n or any(s < 0 for s in sizes):
            raise RuntimeError(
                f"split_with_sizes expects split_sizes to sum exactly to {n} (input tensor's size "
                f"at dimension {d}), but got "
                f"split_sizes={sizes}"
            )
    parts, start = [], 0
    for s in sizes:
        parts.append(_along(tensor, d, start, 1, s))
        start += s
    return _several(parts)


def chunk(input: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """At most `chunks` views of equal size along `dim`, the last smaller if need be."""
    if chunks <= 0:
        raise RuntimeError(f"chunk expects `chunks` to be greater than 0, got: {chunks}")
    n = input._data.shape[dim_of(dim, input.ndim)]
    return split(input, builtins.max(1, -(-n // chunks)), dim)


def tensor_split(input: Tensor, indices_or_sections: Any, dim: int = 0) -> tuple[Tensor, ...]:
    """Views along `dim`, split before the given indices or into that many nearly equal parts."""
    d = dim_of(dim, input.ndim)
    n = input._data.shape[d]
    if isinstance(indices_or_sections, int):
        k = indices_or_sections
        sizes = [n // k + (1 if i < n % k else 0) for i in range(k)]
    else:
        marks = [
            0,
            *[
                builtins.min(builtins.max(i if i >= 0 else i + n, 0), n)
                for i in indices_or_sections
            ],
            n,
        ]
        sizes = [builtins.max(0, b - a) for a, b in itertools.pairwise(marks)]
    parts, start = [], 0
    for s in sizes:
        parts.append(_along(input, d, builtins.min(start, n), 1, s))
        start += s
    return _several(parts)


def flip(input: Tensor, *dims: Any) -> Tensor:
    """A copy with the order along `dims` reversed."""
    shape = input._data.shape
    found = [dim_of(d, len(shape)) for d in _sizes(dims)]
    which = set(found)
    if len(which) != len(found):
        raise RuntimeError(f"flip: a dimension appears more than once in {list(dims)}")
    starts = tuple(builtins.max(n - 1, 0) if i in which else 0 for i, n in enumerate(shape))
    steps = tuple(-1 if i in which else 1 for i in range(len(shape)))
    return clone(_slice(input, starts, steps, tuple(shape)))


def fliplr(input: Tensor) -> Tensor:
    """Reversed along dimension 1."""
    return flip(input, 1)


def flipud(input: Tensor) -> Tensor:
    """Reversed along dimension 0."""
    return flip(input, 0)


def roll(input: Tensor, shifts: Any, dims: Any = None) -> Tensor:
    """Shifted along `dims`, what leaves at one end entering at the other."""
    if dims is None or dims == ():
        return reshape(roll(ravel(input), shifts, 0), input._data.shape)
    pairs = zip(
        shifts if isinstance(shifts, (tuple, list)) else (shifts,),
        dims if isinstance(dims, (tuple, list)) else (dims,),
        strict=True,
    )
    for shift, dim in pairs:
        n = input._data.shape[dim_of(dim, input.ndim)]
        if n and shift % n:
            a, b = split(input, [n - shift % n, shift % n], dim)
            input = cat((b, a), dim)
    return input if input._version is None else clone(input)


def rot90(input: Tensor, k: int = 1, dims: Sequence[int] = (0, 1)) -> Tensor:
    """Rotated by `k` quarter turns in the plane of `dims`."""
    a, b = dims
    k %= 4
    if k == 0:
        return clone(input)
    if k == 2:
        return flip(input, a, b)
    return flip(transpose(input, a, b), a if k == 1 else b)


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
        return [p for p, n in zip(_split_back(g, dim, sizes), self.needs, strict=True) if n]


def cat(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """The tensors joined along `dim`; dtypes are promoted, and 1-D empty ones are skipped, as in
    PyTorch."""
    parts = list(tensors)
    if not parts:
        raise ValueError("cat(): expected a non-empty list of Tensors")
    for i, p in enumerate(parts):
        if not isinstance(p, Tensor):
            raise TypeError(f"cat(): expected Tensor as element {i}, but got {type(p).__name__}")
        if not p._data.shape:
            raise RuntimeError(f"zero-dimensional tensor (at position {i}) cannot be concatenated")
        if p.device is not parts[0].device:
            raise RuntimeError(
                f"cat: expected all tensors on one device, got {parts[0].device} and {p.device}"
            )
    from ..dtypes import promote

    kind = promote(parts)
    parts = [p.to(kind) for p in parts if tuple(p._data.shape) != (0,)] or [parts[0].to(kind)]
    d = dim_of(dim, parts[0].ndim)
    first = parts[0]._data.shape
    for i, p in enumerate(parts):
        s = p._data.shape
        if len(s) != len(first) or any(
            m != n for j, (m, n) in enumerate(zip(s, first, strict=True)) if j != d
        ):
            raise RuntimeError(
                f"Sizes of tensors must match except in dimension {d}. Expected {list(first)} but "
                f"got {list(s)} for tensor number "
                f"{i} in the list"
            )
    return concat_tensors(parts, d)


concat = concatenate = cat


def stack(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """Tensors of one shape joined along a new dimension."""
    parts = list(tensors)
    if not parts:
        raise RuntimeError("stack expects a non-empty TensorList")
    shape = parts[0]._data.shape
    for i, p in enumerate(parts):
        if p._data.shape != shape:
            raise RuntimeError(
                f"stack expects each tensor to be equal size, but got {list(shape)} at entry 0 and "
                f"{list(p.shape)} at entry {i}"
            )
    d = dim_of(dim, len(shape) + 1)
    return cat([unsqueeze(p, d) for p in parts], d)


def atleast_1d(input: Tensor) -> Tensor:
    """With at least one dimension."""
    return reshape(input, 1) if input.ndim == 0 else input


def atleast_2d(input: Tensor) -> Tensor:
    """With at least two dimensions."""
    return reshape(input, 1, -1) if input.ndim < 2 else input


def hstack(tensors: Sequence[Tensor]) -> Tensor:
    """Joined column-wise."""
    parts = [atleast_1d(p) for p in tensors]
    return cat(parts, 0 if parts[0].ndim == 1 else 1)


def vstack(tensors: Sequence[Tensor]) -> Tensor:
    """Joined row-wise."""
    return cat([atleast_2d(p) for p in tensors], 0)


def tile(input: Tensor, *dims: Any) -> Tensor:
    """Repeated as `repeat`, with missing leading counts taken as 1."""
    counts = _sizes(dims)
    return repeat(input, (1,) * (input.ndim - len(counts)) + counts)


def repeat(input: Tensor, *repeats: Any) -> Tensor:
    """A copy repeated that many times along each dimension."""
    counts = _sizes(repeats)
    shape = input._data.shape
    if len(counts) < len(shape):
        raise RuntimeError(
            "Number of dimensions of repeat dims can not be smaller than number of dimensions of "
            "tensor"
        )
    padded = (1,) * (len(counts) - len(shape)) + tuple(shape)
    mixed = reshape(input, [n for s in padded for n in (1, s)])
    wide = expand(mixed, [n for c, s in zip(counts, padded, strict=True) for n in (c, s)])
    return reshape(clone(wide), [c * s for c, s in zip(counts, padded, strict=True)])


def meshgrid(*tensors: Any, indexing: str = "ij") -> tuple[Tensor, ...]:
    """Grids of coordinates from vectors, in matrix (``ij``) or Cartesian (``xy``) order."""
    rows = (
        list(tensors[0])
        if len(tensors) == 1 and isinstance(tensors[0], (tuple, list))
        else list(tensors)
    )
    if indexing not in ("ij", "xy"):
        raise RuntimeError(
            f"meshgrid: indexing must be one of 'xy' or 'ij', but received: {indexing}"
        )
    swap = indexing == "xy" and len(rows) > 1
    if swap:
        rows[0], rows[1] = rows[1], rows[0]
    shape = [r.numel() for r in rows]
    grids = [
        expand(reshape(r, [-1 if i == j else 1 for j in range(len(rows))]), shape)
        for i, r in enumerate(rows)
    ]
    if swap:
        grids = [transpose(g, 0, 1) for g in grids]
        grids[0], grids[1] = grids[1], grids[0]
    return tuple(grids)


def constant_pad(input: Tensor, widths: Sequence[tuple[int, int]], value: Any = 0) -> Tensor:
    """`input` with (low, high) entries of `value` added to each dimension; negative widths crop."""
    if any(lo < 0 or hi < 0 for lo, hi in widths):
        shape = input._data.shape
        starts = tuple(builtins.max(-lo, 0) for lo, _ in widths)
        sizes = tuple(
            n - s - builtins.max(-hi, 0)
            for n, s, (_, hi) in zip(shape, starts, widths, strict=True)
        )
        input = _slice(input, starts, (1,) * len(shape), sizes)
        widths = [(builtins.max(lo, 0), builtins.max(hi, 0)) for lo, hi in widths]
    return _pad(input, tuple((int(a), int(b)) for a, b in widths), value)


def unfold(input: Tensor, dimension: int, size: int, step: int) -> Tensor:
    """All windows of `size` along `dimension`, `step` apart, in a new last dimension."""
    d = dim_of(dimension, input.ndim)
    n = input._data.shape[d]
    if size > n or step <= 0:
        raise RuntimeError(
            f"maximum size for tensor at dimension {d} is {n} but size is {size} (step {step})"
        )
    count = (n - size) // step + 1
    return stack([_along(input, d, k, step, count) for k in range(size)], -1)
