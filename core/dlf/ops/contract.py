"""Products of matrices and vectors."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ..amp.listed import listed
from ..amp.switch import switch
from ..registry import primitive
from ..tensor import Tensor
from .movement import expand, reshape, squeeze, transpose, unsqueeze


def _mt(x: Tensor) -> Tensor:
    return transpose(x, -1, -2)


_matmul = primitive(
    "matmul",
    ("input", "other"),
    inputs=2,
    doc="Matrix products of two dimensions or more each; those before the last two broadcast.",
    vjp=(
        lambda g, other: _matmul(g, _mt(other)),
        lambda g, input, other_shape: _right(g, input, other_shape),
    ),
)


def _right(g: Tensor, input: Tensor, shape: tuple[int, ...]) -> Tensor:
    if len(shape) == 2 and g.ndim > 2:
        # One product over all rows instead of a batch of them that is then summed.
        rows = math.prod(g._data.shape[:-1])
        g, input = reshape(g, rows, shape[1]), reshape(input, rows, shape[0])
    return _matmul(_mt(input), g)


def matmul(input: Tensor, other: Tensor) -> Tensor:
    """The product of vectors, matrices or batches of matrices, as PyTorch's `matmul`.

    RuntimeError when inner sizes, batch dimensions, dtypes or devices do not fit.
    """
    if not isinstance(other, Tensor) or not isinstance(input, Tensor):
        raise TypeError(
            f"matmul(): expected tensors, got {type(input).__name__} and {type(other).__name__}"
        )
    a, b = input._data.shape, other._data.shape
    if input.dtype is not other.dtype and not _settled(input):
        raise RuntimeError(
            f"matmul: expected both tensors to have the same dtype, but got {input.dtype} and "
            f"{other.dtype}"
        )
    if len(a) >= 2 and len(b) >= 2:
        if a[-1] != b[-2]:
            raise RuntimeError(
                f"matmul: mat1 and mat2 shapes cannot be multiplied ({_x(a)} and {_x(b)}): the "
                f"last size of the first ({a[-1]}) must equal the last but one of the second "
                f"({b[-2]})"
            )
        return _matmul(input, other)
    if not a or not b:
        raise RuntimeError(
            "both arguments to matmul need to be at least 1D, but they are 0D; use *"
        )
    if a[-1] != (b[-2] if len(b) > 1 else b[0]):
        raise RuntimeError(f"matmul: size mismatch, got {_x(a)} and {_x(b)}")
    left = unsqueeze(input, 0) if len(a) == 1 else input
    right = unsqueeze(other, 1) if len(b) == 1 else other
    out = _matmul(left, right)
    if len(b) == 1:
        out = squeeze(out, -1)
    return squeeze(out, -1 if len(b) == 1 else -2) if len(a) == 1 else out


def _settled(input: Tensor) -> bool:
    """Whether autocast is about to give both factors one dtype."""
    return bool(switch.on and switch.settles("matmul", input))


def _x(shape: Sequence[int]) -> str:
    return "x".join(map(str, shape)) or "scalar"


def _ndim(tensor: Tensor, n: int, name: str, argument: str) -> None:
    if tensor.ndim != n:
        raise RuntimeError(f"{name}: {argument} must be a {n}-D tensor, got {tensor.ndim}-D")


def mm(input: Tensor, mat2: Tensor) -> Tensor:
    """The product of two matrices."""
    _ndim(input, 2, "mm", "self")
    _ndim(mat2, 2, "mm", "mat2")
    return matmul(input, mat2)


def bmm(input: Tensor, mat2: Tensor) -> Tensor:
    """The products of two batches of matrices of the same length."""
    _ndim(input, 3, "bmm", "batch1")
    _ndim(mat2, 3, "bmm", "batch2")
    if input._data.shape[0] != mat2._data.shape[0]:
        raise RuntimeError(
            f"bmm: batch sizes differ: {input._data.shape[0]} and {mat2._data.shape[0]}"
        )
    return matmul(input, mat2)


def mv(input: Tensor, vec: Tensor) -> Tensor:
    """The product of a matrix and a vector."""
    _ndim(input, 2, "mv", "input")
    _ndim(vec, 1, "mv", "vec")
    return matmul(input, vec)


def dot(input: Tensor, tensor: Tensor) -> Tensor:
    """The inner product of two vectors of one length."""
    _ndim(input, 1, "dot", "input")
    _ndim(tensor, 1, "dot", "tensor")
    return matmul(input, tensor)


def outer(input: Tensor, vec2: Tensor) -> Tensor:
    """The outer product of two vectors."""
    _ndim(input, 1, "outer", "self")
    _ndim(vec2, 1, "outer", "vec2")
    return unsqueeze(input, 1) * vec2


@listed
def addmm(input: Tensor, mat1: Tensor, mat2: Tensor, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
    """beta * input + alpha * (mat1 @ mat2)."""
    return _scaled(input, beta) + _scaled(mm(mat1, mat2), alpha)


@listed
def addmv(input: Tensor, mat: Tensor, vec: Tensor, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
    """beta * input + alpha * (mat @ vec)."""
    return _scaled(input, beta) + _scaled(mv(mat, vec), alpha)


@listed
def baddbmm(
    input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: Any = 1, alpha: Any = 1
) -> Tensor:
    """beta * input + alpha * (batch1 @ batch2)."""
    return _scaled(input, beta) + _scaled(bmm(batch1, batch2), alpha)


def _scaled(x: Tensor, by: Any) -> Tensor:
    return x if by == 1 else x * by


def tensordot(a: Tensor, b: Tensor, dims: Any = 2) -> Tensor:
    """The sum of products over the last `dims` of a and first of b, or over the pairs of dimensions
    given."""
    if isinstance(dims, int):
        left, right = list(range(a.ndim - dims, a.ndim)), list(range(dims))
    else:
        left, right = ([d % a.ndim for d in dims[0]], [d % b.ndim for d in dims[1]])
    free_a = [d for d in range(a.ndim) if d not in left]
    free_b = [d for d in range(b.ndim) if d not in right]
    sa, sb = a._data.shape, b._data.shape
    if [sa[d] for d in left] != [sb[d] for d in right]:
        raise RuntimeError(
            f"contracted dimensions need to match, got {list(sa)} over {left} and {list(sb)} over "
            f"{right}"
        )
    inner = math.prod(sa[d] for d in left)
    x = reshape(a.permute(*free_a, *left), math.prod(sa[d] for d in free_a), inner)
    y = reshape(b.permute(*right, *free_b), inner, math.prod(sb[d] for d in free_b))
    return reshape(matmul(x, y), [sa[d] for d in free_a] + [sb[d] for d in free_b])


def einsum(equation: str, *operands: Any) -> Tensor:
    """The sum of products that an Einstein-notation `equation` names, such as
    ``"bij,bjk->bik"``."""
    terms = (
        list(operands[0])
        if len(operands) == 1 and isinstance(operands[0], (tuple, list))
        else list(operands)
    )
    left, arrow, out = equation.replace(" ", "").partition("->")
    subs = left.split(",")
    if len(subs) != len(terms):
        raise RuntimeError(
            f"einsum(): {len(subs)} subscripts and {len(terms)} operands in {equation!r}"
        )
    subs, batch = _ellipsis(subs, terms)
    if not arrow:
        letters = "".join(subs)
        out = "".join(sorted({c for c in letters if letters.count(c) == 1 and c not in batch}))
        out = batch + out
    else:
        out = out.replace("...", batch)
    result, have = _diagonals(terms[0], subs[0])
    for n, (term, sub) in enumerate(zip(terms[1:], subs[1:], strict=True)):
        later = set(out).union(*subs[n + 2 :])
        term, sub = _diagonals(term, sub)
        result, have = _pair(result, have, term, sub, later)
    drop = [i for i, c in enumerate(have) if c not in out]
    if drop:
        result = result.sum(drop)
        have = "".join(c for c in have if c in out)
    for c in out:
        if c not in have:
            raise RuntimeError(
                f"einsum(): output subscript {c} does not appear in the equation {equation!r} for "
                "any input operand"
            )
    return result.permute([have.index(c) for c in out])


def _ellipsis(subs: list[str], terms: list[Tensor]) -> tuple[list[str], str]:
    spare = [c for c in "ZYXWVUTSRQPONMLKJIHGFEDCBA" if c not in "".join(subs)]
    most = max(
        (
            t.ndim - len(s.replace("...", ""))
            for s, t in zip(subs, terms, strict=True)
            if "..." in s
        ),
        default=0,
    )
    batch = "".join(spare[:most])
    made = []
    for s, t in zip(subs, terms, strict=True):
        k = t.ndim - len(s.replace("...", ""))
        if ("..." not in s and k) or k < 0:
            raise RuntimeError(
                f"einsum(): subscripts {s!r} do not match an operand of {t.ndim} dimensions"
            )
        made.append(s.replace("...", batch[most - k :] if k else ""))
    return made, batch


def _diagonals(term: Tensor, sub: str) -> tuple[Tensor, str]:
    for c in set(sub):
        while sub.count(c) > 1:
            i = sub.index(c)
            j = sub.index(c, i + 1)
            term = term.diagonal(0, i, j)
            sub = "".join(x for k, x in enumerate(sub) if k not in (i, j)) + c
    return term, sub


def _pair(a: Tensor, sa: str, b: Tensor, sb: str, later: set[str]) -> tuple[Tensor, str]:
    """Two operands contracted by one batched matrix product."""
    lone_a = [i for i, c in enumerate(sa) if c not in sb and c not in later]
    if lone_a:
        a, sa = a.sum(lone_a), "".join(c for i, c in enumerate(sa) if i not in lone_a)
    lone_b = [i for i, c in enumerate(sb) if c not in sa and c not in later]
    if lone_b:
        b, sb = b.sum(lone_b), "".join(c for i, c in enumerate(sb) if i not in lone_b)
    shared = [c for c in sa if c in sb]
    batch = [c for c in shared if c in later]
    inner = [c for c in shared if c not in later]
    free_a = [c for c in sa if c not in sb]
    free_b = [c for c in sb if c not in sa]
    size = dict(zip(sb, b._data.shape, strict=True))
    for c, n in zip(sa, a._data.shape, strict=True):
        if c in size and n != size[c] and 1 not in (n, size[c]):
            raise RuntimeError(
                f"einsum(): subscript {c} has sizes {n} and {size[c]}, which do not broadcast"
            )
        size[c] = max(n, size.get(c, 0)) if n else 0
    a = expand(a, [size[c] for c in sa])
    b = expand(b, [size[c] for c in sb])
    x = reshape(
        a.permute([sa.index(c) for c in batch + free_a + inner]),
        [size[c] for c in batch]
        + [math.prod(size[c] for c in free_a), math.prod(size[c] for c in inner)],
    )
    y = reshape(
        b.permute([sb.index(c) for c in batch + inner + free_b]),
        [size[c] for c in batch]
        + [math.prod(size[c] for c in inner), math.prod(size[c] for c in free_b)],
    )
    out = reshape(matmul(x, y), [size[c] for c in batch + free_a + free_b])
    return out, "".join(batch + free_a + free_b)


@listed
def trace(input: Tensor) -> Tensor:
    """The sum of a matrix's diagonal."""
    _ndim(input, 2, "trace", "input")
    return input.diagonal().sum()
