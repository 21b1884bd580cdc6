"""Kernels of `dlf.xp`, of `numpy_cpu` and of `sim`, straight on arrays, against PyTorch.

Those of `dlf.xp` over NumPy, over the array API standard at its strictest, and over PyTorch itself.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection, Iterable, Iterator
from importlib import import_module
from typing import Any

import numpy as np
import pytest
import torch

import dlf.dtypes as dt
from dlf.plugin import ArrayNamespaceBackend
from dlf.xp import kernels as xp_kernels
from dlf_numpy_cpu.backend import NumpyBackend
from dlf_sim.backend import SimBackend

Array = Any

FLOATS = ("float16", "bfloat16", "float32", "float64")
INTS = ("uint8", "int8", "int16", "int32", "int64")
COMPLEX = ("complex64", "complex128")
NUMBERS = (*INTS, *FLOATS, *COMPLEX)
ALL = ("bool", *NUMBERS)
TOLERANCE = {
    "float16": 2e-3,
    "bfloat16": 1.6e-2,
    "float32": 3e-6,
    "float64": 1e-12,
    "complex64": 3e-6,
}


class Runner:
    """Calls kernels of one table with host arrays in and out."""

    def __init__(
        self,
        table: Any,
        put: Callable[[Array], Any],
        get: Callable[[Any], Array],
        dtypes: Collection[str] = ALL,
    ) -> None:
        self.table, self.put, self.get, self.dtypes = table, put, get, dtypes

    def having(self, dtypes: Iterable[str]) -> list[str]:
        """Those of `dtypes` that there are."""
        return [dtype for dtype in dtypes if dtype in self.dtypes]

    def __contains__(self, name: str) -> bool:
        return name in self.table

    def __call__(self, name: str, *args: Any) -> Any:
        before = [a.copy() if isinstance(a, np.ndarray) else a for a in args]
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            result = self.table[name](*(self._put(a) for a in args))
            result = tuple(map(self.get, result)) if isinstance(result, tuple) else self.get(result)
        for a, old in zip(args, before, strict=True):
            if isinstance(a, np.ndarray):
                assert a.tobytes() == old.tobytes(), f"{name} changed its input"
        for r in result if isinstance(result, tuple) else (result,):
            assert type(r) is np.ndarray
        return result

    def _put(self, a: Any) -> Any:
        if isinstance(a, tuple) and a and isinstance(a[0], np.ndarray):
            return tuple(map(self.put, a))
        return self.put(a) if isinstance(a, np.ndarray) else a


def runners() -> dict[str, Runner]:
    cpu, sim = NumpyBackend(), SimBackend()

    def loud(kernel: Callable[..., Any]) -> Callable[..., Any]:
        return np.errstate(all="ignore")(kernel)

    shared = {name: loud(kernel) for name, kernel in xp_kernels(np).items()}
    made = {
        "xp": Runner(shared, lambda a: a, lambda a: a),
        "cpu": Runner(cpu.kernels(), lambda a: a, cpu.to_host),
        "sim": Runner(sim.kernels(), lambda a: sim.from_host(a, of(a), 0), sim.to_host),
    }
    for namespace in ("array_api_strict", "array_api_compat.torch"):
        try:
            backend = ArrayNamespaceBackend(import_module(namespace), "library")
        except ImportError:
            continue
        made[namespace] = over(backend)
    try:
        from tests.kernels.poor_namespace import PoorNamespace
    except ImportError:
        return made
    made["poor"] = over(ArrayNamespaceBackend(PoorNamespace(), "library"))
    return made


def over(backend: ArrayNamespaceBackend) -> Runner:
    """The runner of a backend over an array namespace."""

    def put(a: Array) -> Any:
        return backend.from_host(a, of(a), 0)

    return Runner(backend.kernels(), put, backend.to_host, backend.caps.dtypes)


def of(a: Array) -> Any:
    return dt.dtype_named(a.dtype.name)


RUNNERS = runners()


@pytest.fixture(params=sorted(RUNNERS))
def run(request: pytest.FixtureRequest) -> Iterator[Runner]:
    yield RUNNERS[request.param]


def to_torch(a: Any) -> Any:
    if isinstance(a, tuple) and a and isinstance(a[0], np.ndarray):
        return tuple(map(to_torch, a))
    if not isinstance(a, np.ndarray):
        return a
    if a.dtype.name == "bfloat16":
        return torch.from_numpy(a.astype(np.float32)).bfloat16()
    return torch.from_numpy(np.ascontiguousarray(a).reshape(a.shape).copy())


def to_numpy(t: torch.Tensor) -> Array:
    t = t.resolve_conj()
    if t.dtype == torch.bfloat16:
        return t.float().numpy().astype(dt.dtype_named("bfloat16").numpy)
    return t.numpy()


def same(got: Array, expected: Any, tolerance: float | None = None) -> None:
    wanted = to_numpy(expected)
    assert got.shape == wanted.shape
    assert got.dtype == wanted.dtype
    if got.dtype.kind in "biu":
        np.testing.assert_array_equal(got, wanted)
        return
    limit = TOLERANCE.get(got.dtype.name, 1e-12) if tolerance is None else tolerance
    wide = np.complex128 if got.dtype.kind == "c" else np.float64
    np.testing.assert_allclose(got.astype(wide), wanted.astype(wide), rtol=limit, atol=limit)


def sample(dtype: str, shape: tuple[int, ...], seed: int = 0, special: bool = False) -> Array:
    """Values from -4 to 4, halves among them; with `special`, NaN, infinities and -0.0 too."""
    rng = np.random.default_rng(seed)
    kind = dt.dtype_named(dtype).numpy
    if dtype == "bool":
        return rng.integers(0, 2, shape).astype(kind)
    if dtype in INTS:
        return rng.integers(0 if dtype == "uint8" else -4, 5, shape).astype(kind)
    values = rng.uniform(-4, 4, shape)
    if dtype in COMPLEX:
        return np.asarray(values + 1j * rng.uniform(-4, 4, shape)).astype(kind)
    values = np.asarray(np.where(rng.random(shape) < 0.3, np.round(values * 2) / 2, values))
    if special and values.size >= 8:
        values.reshape(-1)[:7] = [np.nan, np.inf, -np.inf, -0.0, 1.0, -1.0, 300.0]
    return values.astype(kind)


SHAPES = ((), (0,), (3, 0, 2), (1,), (5, 7), (2, 3, 4), (33, 130))

UNARY: dict[str, tuple[Any, tuple[str, ...]]] = {
    "neg": (torch.neg, NUMBERS),
    "abs": (torch.abs, NUMBERS),
    "sign": (torch.sign, (*INTS, *FLOATS, "bool")),
    "exp": (torch.exp, (*FLOATS, *COMPLEX)),
    "expm1": (torch.expm1, FLOATS),
    "log": (torch.log, (*FLOATS, *COMPLEX)),
    "log1p": (torch.log1p, FLOATS),
    "log2": (torch.log2, FLOATS),
    "log10": (torch.log10, FLOATS),
    "exp2": (torch.exp2, FLOATS),
    "sqrt": (torch.sqrt, (*FLOATS, *COMPLEX)),
    "rsqrt": (torch.rsqrt, FLOATS),
    "reciprocal": (torch.reciprocal, FLOATS),
    "square": (torch.square, (*INTS, *FLOATS, *COMPLEX)),
    "sin": (torch.sin, (*FLOATS, *COMPLEX)),
    "cos": (torch.cos, (*FLOATS, *COMPLEX)),
    "tan": (torch.tan, FLOATS),
    "asin": (torch.asin, FLOATS),
    "acos": (torch.acos, FLOATS),
    "atan": (torch.atan, FLOATS),
    "sinh": (torch.sinh, FLOATS),
    "cosh": (torch.cosh, FLOATS),
    "tanh": (torch.tanh, (*FLOATS, *COMPLEX)),
    "asinh": (torch.asinh, FLOATS),
    "acosh": (torch.acosh, FLOATS),
    "atanh": (torch.atanh, FLOATS),
    "erf": (torch.erf, FLOATS),
    "erfinv": (torch.erfinv, FLOATS),
    "lgamma": (torch.lgamma, FLOATS),
    "digamma": (torch.digamma, FLOATS),
    "sigmoid": (torch.sigmoid, FLOATS),
    "relu": (torch.relu, (*INTS, *FLOATS)),
    "floor": (torch.floor, (*INTS, *FLOATS)),
    "ceil": (torch.ceil, (*INTS, *FLOATS)),
    "trunc": (torch.trunc, (*INTS, *FLOATS)),
    "round": (torch.round, (*INTS, *FLOATS)),
    "logical_not": (torch.logical_not, ALL),
    "isnan": (torch.isnan, ALL),
    "isinf": (torch.isinf, ALL),
    "isfinite": (torch.isfinite, ALL),
}


@pytest.mark.parametrize("name", UNARY)
def test_unary(run: Runner, name: str) -> None:
    function, dtypes = UNARY[name]
    for dtype in run.having(dtypes):
        for shape in SHAPES:
            a = sample(dtype, shape, special=True)
            # Near its poles, the argument's own rounding is magnified.
            loose = 1e-4 if name in ("digamma", "lgamma", "tan") and dtype == "float32" else None
            loose = 1e-9 if name in ("digamma", "lgamma") and dtype == "float64" else loose
            if dtype in COMPLEX:
                loose = 1e-5
            same(run(name, a), function(to_torch(a)), loose)


BINARY: dict[str, tuple[Any, tuple[str, ...]]] = {
    "add": (torch.add, ALL),
    "sub": (torch.sub, NUMBERS),
    "mul": (torch.mul, ALL),
    "div": (torch.div, (*FLOATS, *COMPLEX)),
    "floordiv": (torch.floor_divide, FLOATS),
    "mod": (torch.remainder, FLOATS),
    "pow": (torch.pow, FLOATS),
    "maximum": (torch.maximum, (*INTS, *FLOATS, "bool")),
    "minimum": (torch.minimum, (*INTS, *FLOATS, "bool")),
    "atan2": (torch.atan2, FLOATS),
    "eq": (torch.eq, ALL),
    "ne": (torch.ne, ALL),
    "lt": (torch.lt, (*INTS, *FLOATS, "bool")),
    "le": (torch.le, (*INTS, *FLOATS, "bool")),
    "gt": (torch.gt, (*INTS, *FLOATS, "bool")),
    "ge": (torch.ge, (*INTS, *FLOATS, "bool")),
    "bit_and": (torch.bitwise_and, (*INTS, "bool")),
    "bit_or": (torch.bitwise_or, (*INTS, "bool")),
    "bit_xor": (torch.bitwise_xor, (*INTS, "bool")),
}
PAIRS = (
    ((), ()),
    ((3, 0), (1, 1)),
    ((5, 7), (5, 7)),
    ((5, 1), (1, 7)),
    ((2, 3, 4), (4,)),
    ((90, 90), ()),
)


@pytest.mark.parametrize("name", BINARY)
def test_binary(run: Runner, name: str) -> None:
    function, dtypes = BINARY[name]
    for dtype in run.having(dtypes):
        for left, right in PAIRS:
            a, b = sample(dtype, left, 1, special=True), sample(dtype, right, 2)
            same(run(name, a, b), function(to_torch(a), to_torch(b)))
            same(run(name, b, a), function(to_torch(b), to_torch(a)))
        scalar: Any = True if dtype == "bool" else 3 if dtype in INTS else 1.1
        a = sample(dtype, (90, 90), 1, special=True)
        twin = torch.tensor(scalar, dtype=to_torch(a).dtype)
        arithmetic = name in ("add", "sub", "mul", "div")
        for _ in range(2):  # The second time from the cache of scalars.
            same(run(name, a, scalar), function(to_torch(a), scalar if arithmetic else twin))
            same(run(name, scalar, a), function(twin, to_torch(a)))


def test_integer_division(run: Runner) -> None:
    for dtype in run.having(INTS):
        a, b = sample(dtype, (9, 9), 1), sample(dtype, (9, 9), 2)
        b[b == 0] = 3
        same(run("floordiv", a, b), torch.floor_divide(to_torch(a), to_torch(b)))
        same(run("mod", a, b), torch.remainder(to_torch(a), to_torch(b)))
        same(run("mod", a, 3), torch.remainder(to_torch(a), 3))
        with pytest.raises(RuntimeError, match="ZeroDivisionError"):
            run("floordiv", a, 0)
        with pytest.raises(RuntimeError, match="ZeroDivisionError"):
            run("mod", a, np.zeros_like(b))


def test_integer_pow(run: Runner) -> None:
    for dtype in run.having(INTS):
        a, b = sample(dtype, (9, 9), 1), sample(dtype, (9, 9), 2)
        same(run("pow", a, b), torch.pow(to_torch(a), to_torch(b)))
        same(run("pow", a, 2), torch.pow(to_torch(a), 2))


def test_pow_by_usual_exponents(run: Runner) -> None:
    for dtype in run.having(FLOATS):
        for exponent in (0, 1, 2, 2.0, 3, 0.5, -0.5, -1, -2):
            # Of -inf and -0, PyTorch takes the root in some dtypes and the power in others.
            a = sample(dtype, (5, 7), 1, special=abs(exponent) != 0.5)
            same(run("pow", a, exponent), torch.pow(to_torch(a), exponent))


def test_shifts(run: Runner) -> None:
    for dtype in run.having(INTS):
        a, b = sample(dtype, (9,), 1), np.abs(sample(dtype, (9,), 2))
        same(run("shl", a, b), torch.bitwise_left_shift(to_torch(a), to_torch(b)))
        same(run("shr", a, b), torch.bitwise_right_shift(to_torch(a), to_torch(b)))


def test_scalars_wrap_and_keep_the_sign_of_zero(run: Runner) -> None:
    a = np.array([1, 255], np.uint8)
    same(run("add", a, 300), to_torch(a) + 300)
    same(run("mul", a, -1), to_torch(a) * -1)
    x = np.array([1.0, -1.0], np.float32)
    for zero in (0.0, -0.0, 0.0, -0.0, 0):
        expected = np.signbit((to_torch(x) * zero).numpy())
        np.testing.assert_array_equal(np.signbit(run("mul", x, zero)), expected)


def test_where(run: Runner) -> None:
    for dtype in run.having(ALL):
        condition = sample("bool", (90, 90))
        a, b = sample(dtype, (90, 90), 1, special=True), sample(dtype, (90, 1), 2)
        same(run("where", condition, a, b), torch.where(*map(to_torch, (condition, a, b))))
        same(run("where", condition, b, a), torch.where(*map(to_torch, (condition, b, a))))
        zero = False if dtype == "bool" else 0
        filled = torch.zeros((), dtype=to_torch(a).dtype)
        same(
            run("where", condition, zero, a), torch.where(to_torch(condition), filled, to_torch(a))
        )
        same(
            run("where", condition[:1], a, zero),
            torch.where(to_torch(condition[:1]), to_torch(a), filled),
        )


REDUCED = (
    ((), ()),
    ((5,), (0,)),
    ((0, 3), (0,)),
    ((4, 5, 6), (1,)),
    ((4, 5, 6), (0, 2)),
    ((4, 5, 6), (0, 1, 2)),
    ((40, 70), (0,)),
    ((40, 70), (1,)),
    ((3000, 3), (0,)),
    ((3000, 3), (1,)),
    ((3, 3000), (1,)),
    ((3000,), (0,)),
    ((2, 2500, 2), (1,)),
)


@pytest.mark.parametrize("keepdim", [False, True])
def test_sum_and_prod(run: Runner, keepdim: bool) -> None:
    for dtype in run.having(NUMBERS):
        for shape, dims in REDUCED:
            a = sample(dtype, shape)
            kind = to_torch(a).dtype
            exact = to_torch(a).double() if dtype in FLOATS else to_torch(a)
            expected = (
                exact.sum(dims, keepdim=keepdim, dtype=None).to(kind) if dims else exact.to(kind)
            )
            same(run("sum", a, dims, keepdim), expected, 1e-2 if dtype == "bfloat16" else 1e-4)
            if a.size < 200:
                folded = exact
                for d in sorted(dims, reverse=True):
                    folded = folded.prod(d, keepdim=keepdim)
                if dtype not in ("float16",):
                    same(
                        run("prod", a, dims, keepdim),
                        folded.to(kind),
                        1e-2 if dtype == "bfloat16" else 1e-4,
                    )


def test_sum_of_many_is_accurate(run: Runner) -> None:
    a = np.full((1 << 19, 3), 0.1, np.float32)
    np.testing.assert_allclose(run("sum", a, (0,), False), 0.1 * (1 << 19), rtol=1e-5)
    np.testing.assert_allclose(run("sum", a, (0, 1), False), 0.3 * (1 << 19), rtol=1e-5)


@pytest.mark.parametrize("keepdim", [False, True])
def test_extrema(run: Runner, keepdim: bool) -> None:
    for dtype in run.having((*INTS, *FLOATS, "bool")):
        for shape, dims in REDUCED:
            a = sample(dtype, shape, special=True)
            if a.size == 0 or not dims:
                continue
            t = to_torch(a)
            same(run("max", a, dims, keepdim), t.amax(dims, keepdim=keepdim))
            same(run("min", a, dims, keepdim), t.amin(dims, keepdim=keepdim))
            if len(dims) == 1 and dtype != "bool":
                t = t.numpy() if dtype != "bfloat16" else t.float().numpy()
                for name in ("argmax", "argmin"):
                    expected = getattr(np, name)(t, axis=dims[0], keepdims=keepdim)
                    got = run(name, a, dims[0], keepdim)
                    assert got.dtype == np.int64
                    np.testing.assert_array_equal(got, expected)


def test_any_and_all(run: Runner) -> None:
    for dtype in run.having(ALL):
        for shape, dims in REDUCED:
            a = sample(dtype, shape, special=True)
            if dims:
                same(run("any", a, dims, False), torch.any(to_torch(a), dims).bool())
                same(run("all", a, dims, True), torch.all(to_torch(a), dims, keepdim=True).bool())


def test_running(run: Runner) -> None:
    for dtype in run.having(NUMBERS):
        for shape in ((), (0,), (5, 7), (2, 3, 4)):
            a = sample(dtype, shape)
            for dim in range(max(a.ndim, 1)):
                kind = to_torch(a).dtype
                same(
                    run("cumsum", a, dim),
                    torch.cumsum(to_torch(a), dim, dtype=kind),
                    2e-2 if "16" in dtype else 1e-5,
                )
                same(
                    run("cumprod", a, dim),
                    torch.cumprod(to_torch(a), dim, dtype=kind),
                    3e-2 if "16" in dtype else 1e-4,
                )


@pytest.mark.parametrize("descending", [False, True])
def test_sort(run: Runner, descending: bool) -> None:
    for dtype in run.having((*INTS, *FLOATS, "bool")):
        for shape in ((), (0,), (40,), (5, 7), (2, 3, 4)):
            a = sample(dtype, shape, special=True)
            for dim in range(max(a.ndim, 1)):
                expected = torch.sort(to_torch(a), dim=dim, descending=descending, stable=True)
                got = run("sort", a, dim, descending, True)
                same(got[0], expected.values)
                same(got[1], expected.indices)
                same(run("sort", a, dim, descending, False)[0], expected.values)


def test_movement(run: Runner) -> None:
    for dtype in run.having(ALL):
        a = sample(dtype, (4, 5, 6))
        t = to_torch(a)
        same(run("reshape", a, (20, 6)), t.reshape(20, 6))
        same(run("permute", a, (2, 0, 1)), t.permute(2, 0, 1))
        same(run("broadcast_to", a[:1], (4, 5, 6)), t[:1].expand(4, 5, 6))
        same(run("concat", (a, a[1:]), 0), torch.cat((t, t[1:]), 0))
        same(run("copy", a), t)
        assert run("copy", a) is not a
        same(run("nonzero", a), torch.nonzero(t))
        src = sample(dtype, (2, 5, 3), 5)
        expected = a.copy()
        expected[3:1:-1, :, ::2] = src
        np.testing.assert_array_equal(
            run("slice_set", a, src, (3, 0, 0), (-1, 1, 2), (2, 5, 3)), expected
        )
    same(run("nonzero", np.array(3.0)), torch.nonzero(torch.tensor(3.0)))
    same(run("nonzero", np.array(0)), torch.nonzero(torch.tensor(0)))
    same(run("reshape", np.array(3.0), (1, 1)), torch.tensor([[3.0]], dtype=torch.float64))


def test_slice(run: Runner) -> None:
    a = np.arange(60).reshape(3, 4, 5)
    for starts, steps, sizes, expected in (
        ((0, 0, 0), (1, 1, 1), (3, 4, 5), a),
        ((2, 3, 4), (-1, -1, -2), (3, 4, 3), a[::-1, ::-1, ::-2]),
        ((1, 0, 0), (1, 2, 3), (0, 2, 2), a[1:1, ::2, ::3]),
        ((0, 3, 2), (2, -3, 1), (2, 2, 1), a[::2, ::-3, 2:3]),
    ):
        np.testing.assert_array_equal(run("slice", a, starts, steps, sizes), expected)
    assert run("slice", np.array(2.0), (), (), ()).shape == ()


def test_pad(run: Runner) -> None:
    a = sample("float32", (2, 3))
    same(
        run("pad", a, ((1, 2), (0, 1)), 1.5),
        torch.nn.functional.pad(to_torch(a), (0, 1, 1, 2), value=1.5),
    )
    same(run("pad", a, ((0, -1), (-1, 2)), 0), torch.nn.functional.pad(to_torch(a), (-1, 2, 0, -1)))
    assert run("pad", a, ((-1, -1), (0, 0)), 0).shape == (0, 3)


def test_take(run: Runner) -> None:
    for dtype in run.having(ALL):
        a = sample(dtype, (4, 5))
        for index in (
            np.array(2),
            np.array([3, 0, 3]),
            np.array([[0, 1], [2, 3]]),
            np.zeros((0, 2), np.int64),
        ):
            for dim in (0, 1):
                np.testing.assert_array_equal(
                    run("take", a, index, dim), np.take(a, index, axis=dim)
                )
    with pytest.raises(IndexError):
        run("take", a, np.array([4]), 0)


def test_index_add_and_copy(run: Runner) -> None:
    for dtype in run.having(NUMBERS):
        for dim, shape in ((0, (3, 5, 2)), (1, (4, 3, 2)), (2, (4, 5, 3))):
            a, src = sample(dtype, (4, 5, 2), 1), sample(dtype, shape, 2)
            index = np.array([1, 0, 1])
            t = to_torch(a)
            same(
                run("index_add", a, index, src, dim),
                t.index_add(dim, to_torch(index), to_torch(src)),
                2e-2 if "16" in dtype else None,
            )
            unique = index[:2]
            part = np.take(src, [0, 1], axis=dim)
            same(
                run("index_copy", a, unique, part, dim),
                t.index_copy(dim, to_torch(unique), to_torch(part)),
            )
    zero = np.zeros((), np.float32)
    one = np.ones(2, np.float32)
    same(run("index_add", zero, np.array([0, 0]), one, 0), torch.tensor(2.0))


def test_gather_and_scatter(run: Runner) -> None:
    rng = np.random.default_rng(0)
    for dtype in run.having(NUMBERS):
        for dim in (0, 1, 2):
            a, src = sample(dtype, (4, 5, 6), 1), sample(dtype, (4, 5, 6), 2)
            index = rng.integers(0, (4, 5, 6)[dim], (3, 4, 2))
            t, i, s = to_torch(a), to_torch(index), to_torch(src)
            same(run("gather", a, index, dim), t.gather(dim, i))
            same(
                run("scatter_add", a, index, src, dim),
                t.scatter_add(dim, i, s),
                3e-2 if "16" in dtype else 1e-5,
            )
            shape = [3, 4, 2]
            shape[dim] = (4, 5, 6)[dim]
            unique = np.argsort(rng.random(shape), axis=dim)
            same(run("scatter", a, unique, src, dim), t.scatter(dim, to_torch(unique), s))
    a = np.array(3.0)
    same(run("gather", a, np.array([0, 0]), 0), torch.tensor([3.0, 3.0], dtype=torch.float64))
    same(run("gather", a, np.array(0), 0), torch.tensor(3.0, dtype=torch.float64))
    same(
        run("scatter_add", a, np.array([0]), np.array([2.0]), 0),
        torch.tensor(5.0, dtype=torch.float64),
    )
    empty = np.zeros((0, 6), np.int64)
    b = sample("float32", (4, 6))
    same(run("gather", b, empty, 0), to_torch(b).gather(0, to_torch(empty)))
    same(run("scatter_add", b, empty, b, 0), to_torch(b))


def test_cast(run: Runner) -> None:
    names = {name: getattr(torch, name) for name in run.having(ALL)}
    for source in run.having(ALL):
        for target, kind in names.items():
            a = sample(source, (5, 7))
            if target == "uint8" and source not in ("bool", "uint8"):
                a = np.abs(a) if source not in COMPLEX else np.abs(a).astype(a.dtype)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                expected = to_torch(a).to(kind)
            same(run("cast", a, dt.dtype_named(target)), expected)
    same(
        run("cast", np.array([np.nan, 0.0, -0.0, 1e300]), dt.dtype_named("bool")),
        torch.tensor([True, False, False, True]),
    )
    same(
        run("cast", np.array([1e300, -1e300]), dt.dtype_named("float32")),
        torch.tensor([np.inf, -np.inf]),
    )


def test_creation(run: Runner) -> None:
    for name in run.having(ALL):
        dtype = dt.dtype_named(name)
        for value in (0, 1, -0.0, True):
            got = run("full", (2, 3), value, dtype, 0)
            same(got, torch.full((2, 3), value, dtype=getattr(torch, name)))
            if str(value) == "-0.0" and dtype.is_floating_point:
                assert np.signbit(got.astype(np.float64)).all()
        assert run("full", (), 1, dtype, 0).shape == ()
    same(
        run("arange", 3, -2, 4, dt.dtype_named("int16"), 0),
        torch.arange(3, -5, -2, dtype=torch.int16),
    )
    same(run("arange", 0.5, 0.1, 6, dt.dtype_named("float32"), 0), torch.arange(0.5, 1.05, 0.1))
    assert run("arange", 0, 1, 0, dt.dtype_named("int64"), 0).shape == (0,)


def test_matmul(run: Runner) -> None:
    for dtype in run.having(NUMBERS):
        for left, right in (
            ((2, 3), (3, 4)),
            ((0, 3), (3, 4)),
            ((2, 0), (0, 4)),
            ((5, 2, 3), (3, 4)),
            ((2, 3), (5, 3, 4)),
            ((6, 1, 2, 3), (5, 3, 4)),
        ):
            a, b = sample(dtype, left, 1), sample(dtype, right, 2)
            same(
                run("matmul", a, b),
                torch.matmul(to_torch(a), to_torch(b)),
                5e-2 if "16" in dtype and dtype in FLOATS else 1e-5,
            )


def test_threads_and_callers_keep_their_own_floating_point_state() -> None:
    from concurrent.futures import ThreadPoolExecutor

    big = np.full(200_000, 3e38, np.float32)
    with warnings.catch_warnings(), ThreadPoolExecutor(4) as pool:
        warnings.simplefilter("error")
        results = list(pool.map(lambda _: cpu.table["add"](big, big), range(20)))
    assert all(np.isinf(r).all() for r in results)
    with np.errstate(over="raise"), pytest.raises(FloatingPointError):
        np.add(big, big)
    assert np.isinf(cpu.table["mul"](big, 2.0)).all()


def test_a_kernel_within_a_kernel() -> None:
    from dlf_numpy_cpu.quiet import quiet

    def outer(a: Array) -> Array:
        return cpu.table["sum"](cpu.table["exp"](cpu.table["add"](a, 1.0)), (0,), False)

    assert quiet(outer)(np.array([-1.0, np.inf])) == np.inf


def test_reductions_of_16_bit_floats_round_once(run: Runner) -> None:
    for dtype in run.having(("float16", "bfloat16")):
        a = np.full((5000,), 0.1).astype(dt.dtype_named(dtype).numpy)
        expected = a.astype(np.float64).sum()
        got = run("sum", a, (0,), False).astype(np.float64)
        assert abs(got - expected) <= expected * 2.0 ** (-8 if dtype == "bfloat16" else -11)


cpu = RUNNERS["cpu"]
F = torch.nn.functional


def gradients(
    function: Callable[..., torch.Tensor], grad: Array, *inputs: Array | None
) -> list[Any]:
    """PyTorch's gradients of `function` by its inputs."""
    tensors = [None if a is None else to_torch(a).requires_grad_() for a in inputs]
    function(*tensors).backward(to_torch(grad))
    return [None if t is None else t.grad for t in tensors]


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize(
    ("shape", "dim"),
    [((5, 7), 1), ((5, 7), 0), ((300, 10), 1), ((2, 3, 4), 1), ((), 0), ((3, 0), 1)],
)
def test_softmax(dtype: str, shape: tuple[int, ...], dim: int) -> None:
    a, g = sample(dtype, shape, 1), sample(dtype, shape, 2)
    for name in ("softmax", "log_softmax"):
        function = getattr(F, name)
        out = to_numpy(function(to_torch(a), dim))
        loose = 3e-2 if "16" in dtype else None
        same(cpu(name, a, dim), to_torch(out), loose)
        (expected,) = gradients(lambda t, f=function: f(t, dim), g, a)
        same(cpu(f"{name}_backward", g, out, dim), expected, 8e-2 if "16" in dtype else 1e-5)


def test_softmax_of_infinities() -> None:
    a = np.array(
        [[-np.inf, 0.0, 1.0], [-np.inf, -np.inf, -np.inf], [np.inf, 0, 0], [np.nan, 0, 0]],
        np.float32,
    )
    for name in ("softmax", "log_softmax"):
        same(cpu(name, a, 1), getattr(F, name)(to_torch(a), 1))


@pytest.mark.parametrize("dtype", FLOATS)
def test_activations(dtype: str) -> None:
    a, g = sample(dtype, (5, 7), 1, special=True), sample(dtype, (5, 7), 2)
    loose = 2e-2 if "16" in dtype else 2e-6
    for approximate in ("none", "tanh"):
        same(
            cpu("gelu", a, approximate)[1:], F.gelu(to_torch(a), approximate=approximate)[1:], loose
        )
        a = sample(dtype, (5, 7), 1)
        (expected,) = gradients(lambda t, way=approximate: F.gelu(t, approximate=way), g, a)
        same(cpu("gelu_backward", g, a, approximate), expected, loose)
    same(cpu("silu", a), F.silu(to_torch(a)), loose)
    same(cpu("threshold_backward", g, a, 0), gradients(F.relu, g, a)[0])
    out = to_numpy(torch.sigmoid(to_torch(a)))
    same(cpu("sigmoid_backward", g, out), gradients(torch.sigmoid, g, a)[0], loose)


def test_shut_off_gradients_may_be_infinite() -> None:
    g = np.array([np.inf, np.nan, np.inf, 1.0], np.float32)
    x = np.array([-1.0, 0.0, 1.0, np.nan], np.float32)
    np.testing.assert_array_equal(cpu("threshold_backward", g, x, 0), [0, 0, np.inf, 1])


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize(
    ("shape", "count"), [((5, 7), 1), ((2, 3, 4), 2), ((600, 130), 1), ((4,), 1)]
)
@pytest.mark.parametrize("affine", [True, False])
def test_layer_norm(dtype: str, shape: tuple[int, ...], count: int, affine: bool) -> None:
    a, g = sample(dtype, shape, 1), sample(dtype, shape, 2)
    inner = shape[len(shape) - count :]
    weight, bias = (sample(dtype, inner, 3), sample(dtype, inner, 4)) if affine else (None, None)
    y, mean, rstd = cpu("layer_norm", a, weight, bias, count, 1e-5)
    loose = 1e-1 if "16" in dtype else 1e-4 if dtype == "float32" else 1e-10
    same(
        y,
        F.layer_norm(
            to_torch(a), inner, *(None if w is None else to_torch(w) for w in (weight, bias)), 1e-5
        ),
        loose,
    )
    assert mean.shape == rstd.shape == (*shape[: len(shape) - count], *[1] * count)
    if "16" in dtype:
        return
    got = cpu("layer_norm_backward", g, a, mean, rstd, weight, count)
    expected = gradients(lambda x, w, b: F.layer_norm(x, inner, w, b, 1e-5), g, a, weight, bias)
    for mine, theirs in zip(got, expected, strict=True):
        if theirs is not None:
            same(mine, theirs, loose)


CONVOLUTIONS = (
    ((2, 3, 8, 9), (4, 3, 3, 3), (1, 1), (0, 0), (1, 1), 1),
    ((2, 3, 8, 9), (4, 3, 3, 2), (1, 1), (1, 2), (1, 1), 1),
    ((2, 4, 8, 9), (6, 2, 3, 3), (1, 1), (1, 1), (2, 1), 2),
    ((2, 4, 9, 8), (4, 1, 3, 3), (2, 1), (1, 0), (1, 2), 4),
    ((3, 2, 11, 7), (5, 2, 3, 3), (2, 3), (1, 1), (1, 1), 1),
    ((3, 2, 10, 10), (5, 2, 1, 1), (1, 1), (0, 0), (1, 1), 1),
    ((3, 2, 5, 5), (5, 2, 5, 5), (1, 1), (0, 0), (1, 1), 1),
    ((0, 2, 5, 5), (5, 2, 3, 3), (1, 1), (1, 1), (1, 1), 1),
    ((40, 16, 12, 12), (8, 16, 3, 3), (1, 1), (1, 1), (1, 1), 1),
)


@pytest.mark.parametrize("case", CONVOLUTIONS)
def test_conv2d(case: Any) -> None:
    x_shape, w_shape, *options = case
    for dtype in ("float32", "float64"):
        x, w, b = (
            sample(dtype, x_shape, 1),
            sample(dtype, w_shape, 2),
            sample(dtype, w_shape[:1], 3),
        )
        expected = F.conv2d(to_torch(x), to_torch(w), to_torch(b), *options)
        loose = 2e-3 if dtype == "float32" else 1e-10
        same(cpu("conv2d", x, w, b, *options), expected, loose)
        same(
            cpu("conv2d", x, w, None, *options),
            F.conv2d(to_torch(x), to_torch(w), None, *options),
            loose,
        )
        g = sample(dtype, tuple(expected.shape), 4)
        by_x, by_w = gradients(lambda s, t: F.conv2d(s, t, None, *options), g, x, w)
        same(cpu("conv2d_input_grad", g, w, x_shape, *options), by_x, loose)
        same(cpu("conv2d_weight_grad", g, x, w_shape, *options), by_w, loose)


def test_conv2d_keeps_infinities_where_they_belong() -> None:
    x = sample("float32", (2, 2, 6, 6), 1)
    x[0, 0, 0, 0] = np.inf
    w, g = sample("float32", (3, 2, 3, 3), 2), sample("float32", (2, 3, 4, 4), 3)
    same(
        cpu("conv2d", x, w, None, (1, 1), (0, 0), (1, 1), 1),
        F.conv2d(to_torch(x), to_torch(w)),
        1e-4,
    )
    (by_w,) = gradients(lambda t: F.conv2d(to_torch(x), t), g, w)
    same(cpu("conv2d_weight_grad", g, x, w.shape, (1, 1), (0, 0), (1, 1), 1), by_w, 1e-4)


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "bfloat16"])
@pytest.mark.parametrize(
    "options",
    [
        ((2, 2), (2, 2), (0, 0), (1, 1)),
        ((3, 3), (2, 2), (1, 1), (1, 1)),
        ((3, 2), (1, 2), (1, 1), (2, 1)),
        ((2, 2), (3, 3), (0, 0), (1, 1)),
    ],
)
def test_max_pool2d(dtype: str, options: Any) -> None:
    x = sample(dtype, (2, 3, 9, 8), 1, special=True)
    x[1, 1] = -np.inf
    expected, places = F.max_pool2d(to_torch(x), *options, return_indices=True)
    y, indices = cpu("max_pool2d", x, *options)
    same(y, expected)
    same(indices, places)
    g = sample(dtype, y.shape, 2)
    (by_x,) = gradients(lambda t: F.max_pool2d(t, *options), g, x)
    same(cpu("max_pool2d_backward", g, indices, x.shape), by_x, 2e-2 if "16" in dtype else None)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("shape", [(5, 7), (2, 3, 7), (7,), (0, 7)])
def test_linear(dtype: str, shape: tuple[int, ...]) -> None:
    x, w, b = sample(dtype, shape, 1), sample(dtype, (4, 7), 2), sample(dtype, (4,), 3)
    loose = 5e-2 if "16" in dtype else 1e-5
    same(cpu("linear", x, w, b), F.linear(to_torch(x), to_torch(w), to_torch(b)), loose)
    same(cpu("linear", x, w, None), F.linear(to_torch(x), to_torch(w)), loose)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"weight_decay": 0.1},
        {"amsgrad": True, "maximize": True},
        {"adamw": True, "weight_decay": 0.1},
    ],
)
def test_adam_step(options: dict[str, Any]) -> None:
    options = dict(options)
    adamw = options.pop("adamw", False)
    shapes = ((3, 4), (), (20000,))
    params = [sample("float32", s, 1) for s in shapes]
    theirs = [to_torch(p).requires_grad_() for p in params]
    state = [[np.zeros_like(p) for p in params] for _ in range(3)]
    optimizer = (torch.optim.AdamW if adamw else torch.optim.Adam)(
        theirs, **{"weight_decay": 0, **options}
    )
    for step in (1, 2, 3):
        grads = [sample("float32", s, step + 5) for s in shapes]
        for t, grad in zip(theirs, grads, strict=True):
            t.grad = to_torch(grad)
        optimizer.step()
        largest = state[2] if options.get("amsgrad") else None
        decay = options.get("weight_decay", 0)
        cpu.table["adam_step"](
            params,
            grads,
            state[0],
            state[1],
            largest,
            step,
            1e-3,
            0.9,
            0.999,
            1e-8,
            decay,
            adamw,
            options.get("maximize", False),
        )
    for p, t in zip(params, theirs, strict=True):
        same(p, t.detach(), 1e-5)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"momentum": 0.9},
        {"momentum": 0.9, "nesterov": True, "weight_decay": 0.1},
        {"momentum": 0.5, "dampening": 0.3, "maximize": True},
    ],
)
def test_sgd_step(options: dict[str, Any]) -> None:
    shapes = ((3, 4), (), (20000,))
    params = [sample("float32", s, 1) for s in shapes]
    theirs = [to_torch(p).requires_grad_() for p in params]
    bufs = [np.full_like(p, np.nan) for p in params] if options.get("momentum") else None
    optimizer = torch.optim.SGD(theirs, lr=0.1, **options)
    order = ("momentum", "dampening", "weight_decay", "nesterov", "maximize")
    for step in range(3):
        grads = [sample("float32", s, step + 5) for s in shapes]
        for t, grad in zip(theirs, grads, strict=True):
            t.grad = to_torch(grad)
        optimizer.step()
        cpu.table["sgd_step"](
            params, grads, bufs, step == 0, 0.1, *(options.get(name, 0) for name in order)
        )
    for p, t in zip(params, theirs, strict=True):
        same(p, t.detach(), 1e-5)
