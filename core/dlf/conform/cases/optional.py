"""The optional groups: matrix decompositions, Fourier transforms, complex numbers.

A kernel of the first two groups is called as ``kernel(a)``, `solve` as ``kernel(a, b)``, and the
transforms as ``kernel(a, dim)``; batch dimensions stand before the matrices' two.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from ..case import Case, Skipped
from ..close import assert_close
from ..subject import Array, Subject

__all__ = ["cases"]


def cases(subject: Subject) -> Iterator[Case]:
    """A case for each kernel that the backend gives and dtype that it claims."""
    kernels = subject.backend.kernels()
    for group, names in (("linalg", LINALG), ("fft", FFT)):
        for name, check in names.items():
            if name not in kernels:
                continue
            for dtype in ("float32", "float64"):
                run = partial(check, name=name, dtype=dtype)
                yield Case(f"{group}/{name}/{dtype}", run, group, name, dtype)
    for dtype in ("complex64", "complex128"):
        for name in COMPLEX:
            run = partial(_complex, name=name, dtype=dtype)
            yield Case(f"complex/{name}/{dtype}", run, "complex", name, dtype)
        yield Case(f"complex/gradient/{dtype}", partial(_slope, dtype=dtype), "complex", "", dtype)


def _call(subject: Subject, name: str, *args: Any) -> Any:
    kernel = subject.backend.kernels()[name]
    placed = [subject.put(x) if isinstance(x, np.ndarray) else x for x in args]
    result = kernel(*placed)
    found = tuple(map(subject.get, result)) if isinstance(result, tuple) else subject.get(result)
    for given, host in zip(placed, args, strict=True):
        if isinstance(host, np.ndarray):
            assert np.array_equal(subject.get(given), host), f"{name} changed an input"
    return found


# ------------------------------------------------------------------ linalg
def _matrices(subject: Subject, dtype: str, *shape: int) -> Array:
    return subject.rng.uniform(-1, 1, shape).astype(dtype)


def _positive(subject: Subject, dtype: str) -> Array:
    a = _matrices(subject, dtype, 2, 4, 4)
    return np.asarray(a @ a.swapaxes(-1, -2) + 2 * np.eye(4, dtype=dtype))


def _near(got: Array, expected: Array, dtype: str, what: str) -> None:
    assert_close(got.astype(dtype), expected.astype(np.float64), dtype, what, 20.0)


def _cholesky(subject: Subject, name: str, dtype: str) -> None:
    a = _positive(subject, dtype)
    _near(_call(subject, name, a), np.linalg.cholesky(a.astype(np.float64)), dtype, name)


def _solve(subject: Subject, name: str, dtype: str) -> None:
    a, b = _positive(subject, dtype), _matrices(subject, dtype, 2, 4, 3)
    expected = np.linalg.solve(a.astype(np.float64), b.astype(np.float64))
    _near(_call(subject, name, a, b), expected, dtype, name)


def _qr(subject: Subject, name: str, dtype: str) -> None:
    a = _matrices(subject, dtype, 2, 5, 3)
    q, r = _call(subject, name, a)
    _near(q @ r, a, dtype, "q @ r")
    _near(q.swapaxes(-1, -2) @ q, np.broadcast_to(np.eye(3), (2, 3, 3)), dtype, "q.T @ q")
    assert np.all(np.tril(r, -1) == 0), "r has values below its diagonal"


def _svd(subject: Subject, name: str, dtype: str) -> None:
    a = _matrices(subject, dtype, 2, 5, 3)
    u, s, vh = _call(subject, name, a)
    _near((u * s[..., None, :]) @ vh, a, dtype, "u @ diag(s) @ vh")
    _near(s, np.linalg.svd(a.astype(np.float64), compute_uv=False), dtype, "singular values")


def _eigh(subject: Subject, name: str, dtype: str) -> None:
    a = _positive(subject, dtype)
    values, vectors = _call(subject, name, a)
    _near(values, np.linalg.eigvalsh(a.astype(np.float64)), dtype, "eigenvalues")
    _near(a @ vectors, vectors * values[..., None, :], dtype, "a @ vectors")


def _lu(subject: Subject, name: str, dtype: str) -> None:
    a = _matrices(subject, dtype, 2, 4, 4)
    p, lower, upper = _call(subject, name, a)
    _near(p @ lower @ upper, a, dtype, "p @ l @ u")
    assert np.all(np.triu(lower, 1) == 0), "l has values above its diagonal"
    assert np.all(np.tril(upper, -1) == 0), "u has values below its diagonal"


LINALG: dict[str, Callable[..., None]] = {
    "cholesky": _cholesky,
    "qr": _qr,
    "svd": _svd,
    "eigh": _eigh,
    "lu": _lu,
    "solve": _solve,
}


# ------------------------------------------------------------------ fft
def _transform(subject: Subject, name: str, dtype: str) -> None:
    wide = "complex64" if dtype == "float32" else "complex128"
    a = subject.rng.uniform(-1, 1, (3, 6, 4)).astype(dtype)
    if name in ("fft", "ifft", "irfft"):
        if not subject.claims(wide):
            raise Skipped(f"{wide} is not claimed")
        a = (a + 1j * a[::-1]).astype(wide)
    for dim in (1, 2):
        expected = getattr(np.fft, name)(a.astype(np.result_type(a, np.float64)), axis=dim)
        kind = dtype if name == "irfft" else wide
        assert_close(_call(subject, name, a, dim), expected, kind, f"{name} over {dim}", 10.0)


FFT = dict.fromkeys(("fft", "ifft", "rfft", "irfft"), _transform)

# ------------------------------------------------------------------ complex
COMPLEX: dict[str, Callable[..., Any]] = {
    "neg": np.negative,
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "div": np.divide,
    "abs": np.abs,
    "exp": np.exp,
    "log": np.log,
    "sqrt": np.sqrt,
    "sin": np.sin,
    "cos": np.cos,
    "tanh": np.tanh,
    "eq": np.equal,
    "pow": np.power,
    "sum": lambda a: a.sum(1),
    "prod": lambda a: a.prod(1),
    "cumsum": lambda a: a.cumsum(1),
    "matmul": lambda a, b: a @ b.swapaxes(-1, -2),
    "where": lambda a, b: np.where(a.real > 0, a, b),
}
_TWO = frozenset("add sub mul div eq pow matmul where".split())
_ATTRIBUTES: dict[str, tuple[Any, ...]] = {
    "sum": ((1,), False),
    "prod": ((1,), False),
    "cumsum": (1,),
}


def _numbers(subject: Subject, dtype: str) -> Array:
    parts = subject.rng.uniform(-1.5, 1.5, (2, 3, 4))
    return np.asarray((parts[0] + 1j * parts[1]).astype(dtype))


def _complex(subject: Subject, name: str, dtype: str) -> None:
    hosts = [_numbers(subject, dtype) for _ in range(2 if name in _TWO else 1)]
    expected = COMPLEX[name](*(host.astype(np.complex128) for host in hosts))
    if name == "matmul":
        hosts[1] = np.ascontiguousarray(hosts[1].swapaxes(-1, -2))
    elif name == "where":
        hosts.insert(0, hosts[0].real > 0)
    got = subject.call(name, *hosts, *_ATTRIBUTES.get(name, ()))
    kinds = {"eq": "bool", "abs": "float32" if dtype == "complex64" else "float64"}
    assert_close(got, expected, kinds.get(name, dtype), name, 10.0)


def _slope(subject: Subject, dtype: str) -> None:
    """The gradient of the sum of ``|z| ** 2`` is ``2 * z``."""
    host = _numbers(subject, dtype)
    try:
        z = subject.tensor(host, requires_grad=True)
        (z * z.conj()).real.sum().backward()
    except NotImplementedError as error:
        raise Skipped(f"dlf itself refuses: {error}") from error
    assert z.grad is not None
    assert_close(z.grad.cpu().numpy(), 2 * host.astype(np.complex128), dtype, "gradient", 10.0)
