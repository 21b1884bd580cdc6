"""The table of ops that drives the tests: a new op is a new row.

A row's `call` takes a library (dlf or PyTorch) and its tensors, made from the arrays in `inputs`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["ROWS", "Row"]

FLOATING = ("float32", "float64")
REDUCED = ("float16", "bfloat16")
NUMERIC = ("uint8", "int8", "int32", "int64", *FLOATING)
ALL = ("bool", *NUMERIC)
INTEGRAL = ("bool", "uint8", "int32", "int64")


@dataclass(frozen=True)
class Row:
    """One op, or one way of calling it.

    Attributes:
        name: the test's name.
        call: the expression, of a library and its tensors.
        inputs: the arrays, float64 unless they are indices or masks.
        dtypes: what the float64 arrays are cast to for the test of values.
        grad: whether the gradient is tested.
        second: whether the second derivative is tested.
        tolerance: relative and absolute, where the result's dtype does not tell.
    """

    name: str
    call: Callable[..., Any]
    inputs: tuple[np.ndarray, ...]
    dtypes: tuple[str, ...] = FLOATING
    grad: bool = True
    second: bool = True
    tolerance: tuple[float, float] | None = None

    def __str__(self) -> str:
        return self.name


def real(*shape: int, low: float = -2.0, high: float = 2.0, seed: int = 0) -> np.ndarray:
    """Distinct numbers in random order, so that no two tie; another seed gives other numbers."""
    n = int(np.prod(shape))
    values = low + (high - low) * (np.arange(n) + 0.53 + 0.11 * seed) / max(n, 1)
    return np.random.default_rng(seed + n).permutation(values).reshape(shape)


def positive(*shape: int, seed: int = 0) -> np.ndarray:
    return real(*shape, low=0.2, high=3.0, seed=seed)


def unit(*shape: int, seed: int = 0) -> np.ndarray:
    return real(*shape, low=-0.9, high=0.9, seed=seed)


def index(*shape: int, below: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, below, shape)


def distinct_index(n: int, below: int) -> np.ndarray:
    return np.random.default_rng(0).permutation(below)[:n]


def mask(*shape: int) -> np.ndarray:
    return np.arange(int(np.prod(shape))).reshape(shape) % 3 == 0


X = real(3, 4)
Y = real(3, 4, seed=1)
CUBE = real(2, 3, 4)
VECTOR = real(5)


def _function(name: str, *arguments: Any, **keywords: Any) -> Callable[..., Any]:
    return lambda lib, *tensors: getattr(lib, name)(*tensors, *arguments, **keywords)


def _of(name: str, *inputs: np.ndarray, **settings: Any) -> Row:
    return Row(name, _function(name), inputs, **settings)


def _with(label: str, call: Callable[..., Any], *inputs: np.ndarray, **settings: Any) -> Row:
    return Row(label, call, inputs, **settings)


UNARY = [
    *(_of(name, X, dtypes=(*NUMERIC, *REDUCED)) for name in "neg abs square".split()),
    *(
        _of(name, X, dtypes=(*ALL, *REDUCED))
        for name in "exp sin cos tanh erf sigmoid sinh cosh expm1 atan asinh exp2 erfc".split()
    ),
    _of("sinc", X),
    _of("tan", unit(3, 4), dtypes=(*ALL, *REDUCED)),
    *(
        _of(name, positive(3, 4), dtypes=(*ALL, *REDUCED))
        for name in "log sqrt log1p log2 log10 rsqrt reciprocal".split()
    ),
    *(_of(name, unit(3, 4)) for name in "asin acos atanh erfinv".split()),
    _of("acosh", real(3, 4, low=1.2, high=4.0)),
    _of("lgamma", positive(3, 4), second=False),
    _of("digamma", positive(3, 4), grad=False),
    _of("logit", real(3, 4, low=0.1, high=0.9)),
    _of("deg2rad", X),
    _of("rad2deg", X),
    _of("relu", X, dtypes=NUMERIC),
    *(
        _of(name, X, dtypes=(*NUMERIC, *REDUCED))
        for name in "sign floor ceil round trunc sgn positive".split()
    ),
    _of("frac", X),
    _with("round to decimals", lambda lib, x: lib.round(x, decimals=2), X, second=False),
    _with("round to tens", lambda lib, x: lib.round(x * 30, decimals=-1), X, second=False),
    *(_of(name, X, dtypes=ALL, grad=False) for name in "logical_not isnan isfinite isinf".split()),
    *(_of(name, X, grad=False) for name in "signbit isposinf isneginf".split()),
    _of("bitwise_not", X, dtypes=INTEGRAL, grad=False),
    _with("clone", lambda lib, x: x.clone(), X, dtypes=ALL),
    _with("cast", lambda lib, x: x.to(lib.float32), X, dtypes=ALL, second=False),
    _with("cast to int", lambda lib, x: x.long(), X, dtypes=ALL, grad=False),
    _with("cast to bool", lambda lib, x: x.bool(), X, dtypes=ALL, grad=False),
    _with("nan_to_num", lambda lib, x: lib.nan_to_num(x / (x.abs() > 1)), X, second=False),
]

BINARY = [
    *(
        _of(name, X, Y, dtypes=(*NUMERIC, *REDUCED))
        for name in "add sub mul maximum minimum fmax fmin".split()
    ),
    *(
        _with(f"{name} of ties", _function(name), np.round(X), np.round(Y), second=False)
        for name in "maximum minimum fmax fmin".split()
    ),
    _of("div", X, positive(3, 4), dtypes=(*NUMERIC, *REDUCED)),
    _with("add alpha", lambda lib, x, y: lib.add(x, y, alpha=2), X, Y, dtypes=NUMERIC),
    _with("sub alpha", lambda lib, x, y: lib.sub(x, y, alpha=3), X, Y, dtypes=NUMERIC),
    _with("rsub", lambda lib, x, y: lib.rsub(x, y), X, Y),
    _with(
        "div trunc",
        lambda lib, x, y: lib.div(x, y, rounding_mode="trunc"),
        X * 5,
        real(3, 4, low=1, high=6),
        dtypes=NUMERIC,
    ),
    _with(
        "div floor",
        lambda lib, x, y: lib.div(x, y, rounding_mode="floor"),
        X * 5,
        real(3, 4, low=1, high=6),
        dtypes=NUMERIC,
    ),
    _of("floor_divide", X * 5, real(3, 4, low=1, high=6), dtypes=NUMERIC, grad=False),
    _of("remainder", X * 5, real(3, 4, low=1, high=6), dtypes=NUMERIC),
    _of("fmod", X * 5, real(3, 4, low=1, high=6), dtypes=NUMERIC),
    _of("pow", positive(3, 4), Y),
    _with("pow int", lambda lib, x: x**3, X, dtypes=(*NUMERIC, *REDUCED)),
    _with("pow 0", lambda lib, x: x**0, X, dtypes=NUMERIC),
    _with("pow 2", lambda lib, x: x**2, X, dtypes=NUMERIC),
    _with("pow half", lambda lib, x: x**0.5, positive(3, 4), dtypes=NUMERIC),
    _with("pow -1", lambda lib, x: x**-1, positive(3, 4)),
    _with("scalar base", lambda lib, x: 2**x, X),
    _with("float_power", lambda lib, x: lib.float_power(x, 2), X, dtypes=NUMERIC),
    _of("atan2", X, Y),
    _of("hypot", X, Y),
    _of("logaddexp", X, Y),
    _of("xlogy", X, positive(3, 4)),
    _of("copysign", X, Y, second=False),
    _of("heaviside", X, Y, grad=False),
    *(_of(name, X, np.round(Y), dtypes=ALL, grad=False) for name in "eq ne lt le gt ge".split()),
    *(
        _of(name, X * 3, Y * 3, dtypes=INTEGRAL, grad=False)
        for name in "bitwise_and bitwise_or bitwise_xor".split()
    ),
    *(
        _of(name, np.round(X), np.round(Y), dtypes=ALL, grad=False)
        for name in "logical_and logical_or logical_xor".split()
    ),
    _of("bitwise_left_shift", X * 10, positive(3, 4), dtypes=("int32", "int64"), grad=False),
    _of("bitwise_right_shift", X * 99, positive(3, 4), dtypes=("int32", "int64"), grad=False),
    *(
        _with(f"broadcast {name}", _function(name), CUBE, positive(3, 1))
        for name in "add sub mul div maximum pow atan2".split()
        if name != "pow"
    ),
    _with("broadcast pow", _function("pow"), positive(2, 1, 4), real(3, 1)),
    _with("broadcast scalar tensor", lambda lib, x, y: x * y + y, X, real(1).reshape(())),
    _with("number operators", lambda lib, x: (1 - x) * 2 + 3 / (x * x + 1) - (-x), X),
    _with(
        "number operators, ints",
        lambda lib, x: (7 - x) * 2 + 3 // (x * x + 1) + x % 3,
        X * 4,
        dtypes=("int32", "int64"),
        grad=False,
    ),
    _of("lerp", X, Y, real(3, 4, seed=2)),
    _with("lerp number", lambda lib, x, y: lib.lerp(x, y, 0.3), X, Y),
    _with("addcmul", lambda lib, x, y, z: lib.addcmul(x, y, z, value=0.5), X, Y, CUBE),
    _with("addcdiv", lambda lib, x, y, z: lib.addcdiv(x, y, z, value=0.5), X, Y, positive(3, 4)),
    _with("clamp", lambda lib, x: lib.clamp(x, -0.7, 0.9), X, dtypes=(*NUMERIC, *REDUCED)),
    _with("clamp min", lambda lib, x: x.clamp(min=0.1), X),
    _with("clamp max", lambda lib, x: x.clamp_max(0.1), X),
    _with("clamp tensors", lambda lib, x, y, z: lib.clamp(x, y, z), X, Y - 1, Y + 1),
    _with(
        "where", lambda lib, m, x, y: lib.where(m, x, y), mask(3, 4), X, Y, dtypes=(*ALL, *REDUCED)
    ),
    _with("where number", lambda lib, m, x: lib.where(m, x, 0.0), mask(3, 4), X),
    _with("where broadcast", lambda lib, m, x, y: lib.where(m, x, y), mask(3, 1), CUBE, real(4)),
    _with("isclose", lambda lib, x: lib.isclose(x, x + 1e-9), X, grad=False),
    _with("allclose", lambda lib, x: lib.allclose(x, x + 1e-9), X, grad=False),
    _with("equal", lambda lib, x: lib.equal(x, x + 0), X, grad=False),
]

_DIMS: list[dict[str, Any]] = [{"dim": 1}, {"dim": -1, "keepdim": True}, {"dim": (0, 2)}]
REDUCE = [
    *(
        Row(f"{name} {keywords}", _function(name, **keywords), (CUBE,), dtypes)
        for name, dtypes in (
            ("sum", (*ALL, *REDUCED)),
            ("mean", (*FLOATING, *REDUCED)),
            ("amax", (*ALL, *REDUCED)),
            ("amin", (*ALL, *REDUCED)),
            ("var", FLOATING),
            ("std", FLOATING),
            ("logsumexp", FLOATING),
        )
        for keywords in _DIMS
    ),
    *(
        _with(f"{name} of all", _function(name), CUBE, dtypes=dtypes)
        for name, dtypes in (
            ("sum", (*ALL, *REDUCED)),
            ("mean", FLOATING),
            ("prod", ALL),
            ("max", ALL),
            ("min", ALL),
            ("var", FLOATING),
            ("std", FLOATING),
            ("amax", ALL),
            ("amin", ALL),
        )
    ),
    *(
        _with(f"{name} of 0-d", _function(name), real(1).reshape(()))
        for name in "sum mean max prod amax".split()
    ),
    _with("sum dtype", lambda lib, x: lib.sum(x, 0, dtype=lib.float64), CUBE, dtypes=ALL),
    _with("mean dtype", lambda lib, x: x.mean(dtype=lib.float64), CUBE, dtypes=ALL),
    _with("prod dim", lambda lib, x: lib.prod(x, 1), CUBE, dtypes=ALL),
    _with("prod keepdim", lambda lib, x: lib.prod(x, 0, keepdim=True), CUBE),
    _with(
        "prod with a zero",
        lambda lib, x: lib.prod(x * lib.tensor([1.0, 0.0, 2.0]).to(x.dtype), 1),
        real(2, 3),
    ),
    _with(
        "prod with two zeros",
        lambda lib, x: lib.prod(x * lib.tensor([0.0, 0.0, 2.0]).to(x.dtype), 1),
        real(2, 3),
        second=False,
    ),
    *(_with(f"{name} dim", _function(name, 1), CUBE, dtypes=ALL) for name in ("max", "min")),
    _with("max keepdim", lambda lib, x: lib.max(x, dim=0, keepdim=True), CUBE),
    _with("aminmax", lambda lib, x: lib.aminmax(x, dim=1), CUBE),
    *(
        _with(f"{name} {k}", _function(name, **k), CUBE, dtypes=NUMERIC, grad=False)
        for name in ("argmax", "argmin")
        for k in ({}, {"dim": 1}, {"dim": -1, "keepdim": True})
    ),
    *(
        _with(f"{name} {k}", _function(name, **k), np.round(CUBE), dtypes=ALL, grad=False)
        for name in ("any", "all")
        for k in ({}, {"dim": 1}, {"dim": -1, "keepdim": True})
    ),
    _with(
        "count_nonzero",
        lambda lib, x: lib.count_nonzero(x, 1),
        np.round(CUBE),
        dtypes=ALL,
        grad=False,
    ),
    _with("var unbiased", lambda lib, x: lib.var(x, 1, correction=0), CUBE),
    _with("var_mean", lambda lib, x: lib.var_mean(x, 1), CUBE),
    _with("std_mean", lambda lib, x: lib.std_mean(x, dim=0), CUBE),
    _with("nansum", lambda lib, x: lib.nansum(x.masked_fill(x > 1, float("nan")), 1), CUBE),
    _with("nanmean", lambda lib, x: lib.nanmean(x.masked_fill(x > 1.5, float("nan")), 1), CUBE),
    *(
        _with(f"norm {p}", lambda lib, x, p=p: lib.norm(x, p, dim=1), CUBE)
        for p in (1, 2, 3, float("inf"))
    ),
    _with("norm of all", lambda lib, x: lib.norm(x), CUBE),
    _with("dist", lambda lib, x, y: lib.dist(x, y), X, Y),
    *(
        _with(f"cumsum {d}", lambda lib, x, d=d: lib.cumsum(x, d), CUBE, dtypes=(*ALL, *REDUCED))
        for d in (0, -1)
    ),
    _with("cumprod", lambda lib, x: lib.cumprod(x, 1), CUBE, dtypes=ALL),
    *(
        _with(f"sort {k}", _function("sort", **k), CUBE, dtypes=FLOATING)
        for k in ({}, {"dim": 0}, {"descending": True})
    ),
    _with(
        "sort stable",
        lambda lib, x: lib.sort(x, stable=True, dim=1, descending=True),
        np.round(CUBE),
        dtypes=ALL,
        second=False,
    ),
    _with("argsort", lambda lib, x: lib.argsort(x, dim=1, descending=True), CUBE, grad=False),
    _with("topk", lambda lib, x: lib.topk(x, 2), CUBE),
    _with("topk smallest", lambda lib, x: lib.topk(x, 2, dim=1, largest=False), CUBE),
    _with("kthvalue", lambda lib, x: lib.kthvalue(x, 2, dim=1), CUBE),
    _with("median", lambda lib, x: lib.median(x), CUBE),
    _with("median dim", lambda lib, x: lib.median(x, 1), CUBE),
    _with("softmax", lambda lib, x: lib.softmax(x, 1), CUBE, dtypes=(*FLOATING, *REDUCED)),
    _with("log_softmax", lambda lib, x: lib.log_softmax(x, -1), CUBE, dtypes=(*FLOATING, *REDUCED)),
]

MOVEMENT = [
    _with(label, call, CUBE, dtypes=("bool", "int64", "float32"))
    for label, call in (
        ("reshape", lambda lib, x: lib.reshape(x, (4, -1))),
        ("view", lambda lib, x: x.view(6, 4)),
        ("permute", lambda lib, x: x.permute(2, 0, 1)),
        ("permute then reshape", lambda lib, x: x.permute(2, 0, 1).reshape(8, 3)),
        ("transpose", lambda lib, x: lib.transpose(x, 0, -1)),
        ("T of mT", lambda lib, x: x.mT),
        ("movedim", lambda lib, x: lib.movedim(x, (0, 1), (2, 0))),
        ("expand", lambda lib, x: x[:, :1].expand(5, 2, -1, 4)),
        ("broadcast_to", lambda lib, x: lib.broadcast_to(x[0], (2, 3, 4))),
        ("squeeze", lambda lib, x: x[:, :1].squeeze(1)),
        ("squeeze all", lambda lib, x: x[:1, :1].squeeze()),
        ("unsqueeze", lambda lib, x: lib.unsqueeze(x, -2)),
        ("flatten", lambda lib, x: lib.flatten(x, 1)),
        ("unflatten", lambda lib, x: x.unflatten(-1, (2, 2))),
        ("ravel", lambda lib, x: x.ravel()),
        ("contiguous", lambda lib, x: x.mT.contiguous()),
        ("narrow", lambda lib, x: lib.narrow(x, 2, 1, 2)),
        ("select", lambda lib, x: lib.select(x, 1, -1)),
        ("unbind", lambda lib, x: lib.unbind(x, 1)),
        ("split", lambda lib, x: lib.split(x, 3, dim=2)),
        ("split sizes", lambda lib, x: lib.split(x, [1, 3], dim=2)),
        ("chunk", lambda lib, x: lib.chunk(x, 3, dim=2)),
        ("tensor_split", lambda lib, x: lib.tensor_split(x, 3, dim=2)),
        ("flip", lambda lib, x: lib.flip(x, (0, 2))),
        ("fliplr", lambda lib, x: lib.fliplr(x)),
        ("roll", lambda lib, x: lib.roll(x, (1, -2), (0, 2))),
        ("roll flat", lambda lib, x: lib.roll(x, 5)),
        ("rot90", lambda lib, x: lib.rot90(x, 1, (1, 2))),
        ("cat", lambda lib, x: lib.cat([x, x[:1], x], 0)),
        ("cat last", lambda lib, x: lib.cat((x, x[..., :2]), -1)),
        ("stack", lambda lib, x: lib.stack([x, x], -1)),
        ("hstack", lambda lib, x: lib.hstack([x, x])),
        ("vstack", lambda lib, x: lib.vstack([x, x])),
        ("tile", lambda lib, x: lib.tile(x, (2, 1, 3))),
        ("repeat", lambda lib, x: x.repeat(2, 1, 1, 3)),
        ("repeat_interleave", lambda lib, x: lib.repeat_interleave(x, 2, 1)),
        ("repeat_interleave flat", lambda lib, x: x.repeat_interleave(2)),
        ("unfold", lambda lib, x: x.unfold(2, 2, 1)),
        ("atleast", lambda lib, x: lib.atleast_2d(x[0, 0])),
        ("meshgrid", lambda lib, x: lib.meshgrid(x[0, 0], x[0, :, 0], indexing="ij")),
        ("broadcast_tensors", lambda lib, x: lib.broadcast_tensors(x, x[0, 0])),
        ("diagonal", lambda lib, x: lib.diagonal(x, 1, 1, 2)),
        ("diag_embed", lambda lib, x: lib.diag_embed(x)),
        ("diag of matrix", lambda lib, x: lib.diag(x[0], 1)),
        ("diag of vector", lambda lib, x: lib.diag(x[0, 0], -1)),
        ("tril", lambda lib, x: lib.tril(x, 1)),
        ("triu", lambda lib, x: lib.triu(x, -1)),
        ("numpy order", lambda lib, x: x.T if x.ndim == 2 else x.permute(2, 1, 0)),
        ("pad", lambda lib, x: lib.nn.functional.pad(x, (1, 2, 0, 1))),
        ("crop", lambda lib, x: lib.nn.functional.pad(x, (-1, 2))),
    )
]

INDEXING = [
    _with(
        "index_select",
        lambda lib, x, i: lib.index_select(x, 1, i),
        CUBE,
        index(5, below=3),
        dtypes=ALL,
    ),
    _with("take", lambda lib, x, i: lib.take(x, i), CUBE, index(2, 3, below=24)),
    _with("take_along_dim", lambda lib, x, i: lib.take_along_dim(x, i, 1), X, index(3, 2, below=4)),
    _with("gather", lambda lib, x, i: lib.gather(x, 1, i), X, index(3, 6, below=4), dtypes=ALL),
    _with("gather small", lambda lib, x, i: lib.gather(x, 0, i), X, index(2, 3, below=3)),
    _with(
        "scatter",
        lambda lib, x, i, y: lib.scatter(x, 1, i, y),
        X,
        np.array([[0, 2], [3, 1], [1, 0]]),
        real(3, 2),
        dtypes=ALL,
    ),
    _with("scatter number", lambda lib, x, i: lib.scatter(x, 1, i, 1.5), X, index(3, 2, below=4)),
    _with(
        "scatter_add",
        lambda lib, x, i, y: lib.scatter_add(x, 1, i, y),
        X,
        index(3, 6, below=4),
        real(3, 6),
        dtypes=NUMERIC,
    ),
    _with(
        "index_add",
        lambda lib, x, i, y: lib.index_add(x, 0, i, y),
        X,
        index(5, below=3),
        real(5, 4),
        dtypes=NUMERIC,
    ),
    _with(
        "index_add alpha",
        lambda lib, x, i, y: lib.index_add(x, 0, i, y, alpha=2),
        X,
        index(5, below=3),
        real(5, 4),
    ),
    _with(
        "index_copy",
        lambda lib, x, i, y: lib.index_copy(x, 1, i, y),
        X,
        distinct_index(2, 4),
        real(3, 2),
        dtypes=ALL,
    ),
    _with("index_fill", lambda lib, x, i: lib.index_fill(x, 1, i, 2.0), X, distinct_index(2, 4)),
    _with(
        "index_put",
        lambda lib, x, i, j, v: lib.index_put(x, (i, j), v),
        X,
        np.array([0, 2]),
        np.array([1, 3]),
        real(2),
    ),
    _with(
        "index_put accumulate",
        lambda lib, x, i, v: lib.index_put(x, (i,), v, accumulate=True),
        X,
        np.array([0, 2, 0]),
        real(3, 4),
    ),
    _with("masked_fill", lambda lib, x, m: lib.masked_fill(x, m, 0.5), X, mask(3, 4)),
    _with("masked_select", lambda lib, x, m: lib.masked_select(x, m), X, mask(3, 4)),
    _with("nonzero", lambda lib, x: lib.nonzero(x), np.round(X), dtypes=ALL, grad=False),
    _with("nonzero tuple", lambda lib, x: lib.nonzero(x, as_tuple=True), np.round(X), grad=False),
    _with("argwhere", lambda lib, x: lib.argwhere(x), np.round(X), grad=False),
    _with("bincount", lambda lib, i: lib.bincount(i, minlength=7), index(9, below=5), grad=False),
    _with("getitem integers", lambda lib, x, i: x[i], CUBE, index(3, below=2)),
    _with(
        "getitem two arrays",
        lambda lib, x, i, j: x[i, :, j],
        CUBE,
        index(3, below=2),
        index(3, below=4),
    ),
    _with("getitem mask", lambda lib, x, m: x[m], X, mask(3, 4)),
    _with("getitem slices", lambda lib, x: x[..., 1:, ::2], CUBE, dtypes=ALL),
    _with("getitem None", lambda lib, x: x[:, None, 1], CUBE),
]

CONTRACT = [
    _of("matmul", real(3, 4), real(4, 2), dtypes=(*FLOATING, *REDUCED, "int64")),
    _with("matmul operator", lambda lib, x, y: x @ y, real(2, 3, 4), real(4, 2)),
    _with("matmul batch broadcast", _function("matmul"), real(2, 1, 3, 2), real(3, 2, 2)),
    _with("matmul vectors", _function("matmul"), real(4), real(4, seed=1)),
    _with("matmul matrix vector", _function("matmul"), real(3, 4), real(4)),
    _with("matmul vector matrix", _function("matmul"), real(3), real(3, 4)),
    _with("matmul batch vector", _function("matmul"), real(2, 3, 4), real(4)),
    _with("matmul vector batch", _function("matmul"), real(3), real(2, 3, 4)),
    _of("mm", real(3, 4), real(4, 2)),
    _of("bmm", real(2, 3, 4), real(2, 4, 2)),
    _of("mv", real(3, 4), real(4)),
    _of("dot", real(4), real(4, seed=1)),
    _of("outer", real(4), real(3)),
    _with(
        "addmm",
        lambda lib, c, a, b: lib.addmm(c, a, b, beta=0.5, alpha=2),
        real(2),
        real(3, 4),
        real(4, 2),
    ),
    _with("addmv", lambda lib, c, a, b: lib.addmv(c, a, b), real(3), real(3, 4), real(4)),
    _with(
        "baddbmm",
        lambda lib, c, a, b: lib.baddbmm(c, a, b, beta=2),
        real(2, 3, 2),
        real(2, 3, 4),
        real(2, 4, 2),
    ),
    _with("tensordot", lambda lib, a, b: lib.tensordot(a, b, 2), real(2, 3, 4), real(3, 4, 2)),
    _with(
        "tensordot dims", lambda lib, a, b: lib.tensordot(a, b, ([0], [1])), real(2, 3), real(4, 2)
    ),
    *(
        _with(f"einsum {spec}", lambda lib, *ts, spec=spec: lib.einsum(spec, *ts), *arrays)
        for spec, arrays in (
            ("ij,jk->ik", (real(3, 4), real(4, 2))),
            ("bij,bjk->bik", (real(2, 3, 4), real(2, 4, 2))),
            ("ij->ji", (real(3, 4),)),
            ("ii->i", (real(3, 3),)),
            ("ii", (real(3, 3),)),
            ("i,j->ij", (real(3), real(4))),
            ("...ij,...jk", (real(2, 3, 4), real(4, 2))),
            ("ij,kj,lj->ikl", (real(2, 3), real(2, 3, seed=1), real(4, 3))),
            ("ij->", (real(3, 4),)),
        )
    ),
    _of("trace", real(3, 4)),
]

ROWS = [*UNARY, *BINARY, *REDUCE, *MOVEMENT, *INDEXING, *CONTRACT]
