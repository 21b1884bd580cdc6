"""Optimizers' updates: one launch for all parameters, against the formulas in float64."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dlf_cupy_gpu import launch
from dlf_cupy_gpu.kernels import step
from tests.cuda.compare import DTYPES, IDS, assert_close, draw
from tests.cuda.host import guarded, modules

# A scalar, odd sizes, one of several blocks, nothing.
SHAPES = [(), (3,), (17, 5), (launch.STEP_CHUNK * 2 + 5,), (0, 4)]
Lists = list[Any]


def lists(count: int, dtype: Any) -> Lists:
    """`count` lists of arrays; all but the first two hold squares or sums, which are positive."""
    made = []
    for at in range(count):
        arrays = [draw(s, dtype, 10 * at + i) for i, s in enumerate(SHAPES)]
        made.append([guarded(a if at < 2 else abs(a)) for a in arrays])
    return made


def double(given: Lists) -> Lists:
    return [[a.astype(np.float64) for a in arrays] for arrays in given]


def check(name: str, given: Lists, values: tuple[Any, ...], reference: Any, places: Any) -> None:
    """Run kernel and reference on `given`, whose list i is the parameter `places[i]`."""
    wanted = double(given)
    arguments: list[Any] = [None] * (max(places) + 1)
    for at, arrays in zip(places, given, strict=True):
        arguments[at] = arrays
    size = {"sgd_step": 3, "adagrad_step": 3}.get(name, 5)
    arguments += [None] * (size - len(arguments))
    grads = [a.copy() for a in given[1]]
    before = len(modules().launches)
    step.kernels(modules())[name](*arguments, *values)
    assert modules().launches[before:] == [name]
    for i in range(len(SHAPES)):
        reference([arrays[i] for arrays in wanted])
    for have, want in zip(given, wanted, strict=True):
        for h, w in zip(have, want, strict=True):
            assert_close(h, w, 3)
    for now, then in zip(given[1], grads, strict=True):
        assert np.array_equal(now, then)


def descent(p: Any, g: Any, decay: float, maximize: bool) -> Any:
    return (-g if maximize else g) + p * decay


@pytest.mark.parametrize("dtype", DTYPES, ids=IDS)
@pytest.mark.parametrize(
    ("first", "momentum", "dampening", "decay", "nesterov", "maximize"),
    [
        (False, 0.0, 0.0, 0.0, False, False),
        (False, 0.0, 0.0, 0.1, False, True),
        (True, 0.9, 0.5, 0.0, False, False),
        (False, 0.9, 0.25, 0.1, False, True),
        (False, 0.9, 0.0, 0.0, True, False),
    ],
)
def test_sgd(
    dtype: Any,
    first: bool,
    momentum: float,
    dampening: float,
    decay: float,
    nesterov: bool,
    maximize: bool,
) -> None:
    given = lists(3 if momentum else 2, dtype)
    if first:
        for buffer in given[2]:
            buffer[...] = np.nan

    def reference(v: Any) -> None:
        d = descent(v[0], v[1], decay, maximize)
        if momentum:
            v[2][...] = d if first else v[2] * momentum + d * (1 - dampening)
            d = d + v[2] * momentum if nesterov else v[2]
        v[0][...] = v[0] - d * 0.1

    values = (first, 0.1, momentum, dampening, decay, nesterov, maximize)
    check("sgd_step", given, values, reference, range(len(given)))


@pytest.mark.parametrize("dtype", DTYPES, ids=IDS)
@pytest.mark.parametrize("amsgrad", [False, True])
@pytest.mark.parametrize(
    ("count", "decay", "decoupled", "maximize"),
    [(1, 0.0, False, False), (3, 0.1, False, True), (10, 0.1, True, False)],
)
def test_adam(
    dtype: Any, amsgrad: bool, count: int, decay: float, decoupled: bool, maximize: bool
) -> None:
    lr, beta1, beta2, eps = 0.01, 0.9, 0.99, 1e-6

    def reference(v: Any) -> None:
        d = descent(v[0], v[1], 0.0 if decoupled else decay, maximize)
        start = v[0] * (1 - lr * decay) if decoupled else v[0]
        v[2][...] = v[2] + (d - v[2]) * (1 - beta1)
        v[3][...] = v[3] * beta2 + d * d * (1 - beta2)
        square = v[3]
        if amsgrad:
            v[4][...] = np.maximum(v[4], square)
            square = v[4]
        size, scale = lr / (1 - beta1**count), (1 - beta2**count) ** 0.5
        v[0][...] = start - v[2] / (np.sqrt(square) / scale + eps) * size

    values = (count, lr, beta1, beta2, eps, decay, decoupled, maximize)
    check("adam_step", lists(5 if amsgrad else 4, dtype), values, reference, range(4 + amsgrad))


@pytest.mark.parametrize("dtype", DTYPES, ids=IDS)
@pytest.mark.parametrize(("centred", "momentum"), [(False, 0.0), (True, 0.0), (False, 0.9)])
def test_rmsprop(dtype: Any, centred: bool, momentum: float) -> None:
    given = lists(3 + centred + bool(momentum), dtype)
    for squares in given[2]:
        squares[...] += dtype(20)

    def reference(v: Any) -> None:
        d = descent(v[0], v[1], 0.1, False)
        v[2][...] = v[2] * 0.9 + d * d * (1 - 0.9)
        variance = v[2]
        if centred:
            v[3][...] = v[3] + (d - v[3]) * (1 - 0.9)
            variance = v[2] - v[3] * v[3]
        d = d / (np.sqrt(variance) + 1e-4)
        if momentum:
            v[-1][...] = v[-1] * momentum + d
            d = v[-1]
        v[0][...] = v[0] - d * 0.01

    places = [0, 1, 2, *([3] if centred else []), *([4] if momentum else [])]
    values = (0.01, 0.9, 1e-4, 0.1, momentum, False)
    check("rmsprop_step", given, values, reference, places)


@pytest.mark.parametrize("dtype", DTYPES, ids=IDS)
def test_adagrad(dtype: Any) -> None:
    def reference(v: Any) -> None:
        d = descent(v[0], v[1], 0.1, True)
        v[2][...] = v[2] + d * d
        v[0][...] = v[0] - d / (np.sqrt(v[2]) + 1e-6) * 0.1

    check("adagrad_step", lists(3, dtype), (0.1, 0.1, 1e-6, True), reference, range(3))


def test_arrays_that_are_not_contiguous() -> None:
    param, grad = draw((6, 4), np.float32), draw((4, 6), np.float32, 1)
    wanted = param - grad.T * np.float32(0.5)
    turned = np.asfortranarray(param)
    kernel = step.kernels(modules())["sgd_step"]
    kernel([turned], [grad.T], None, False, 0.5, 0.0, 0.0, 0.0, False, False)
    assert_close(turned, wanted.astype(np.float64))


def test_nothing_to_update() -> None:
    kernel = step.kernels(modules())["adagrad_step"]
    kernel([], [], [], 0.1, 0.0, 1e-6, False)
    empty = np.zeros(0, np.float32)
    kernel([empty], [empty], [empty], 0.1, 0.0, 1e-6, False)


def test_tables_are_kept_by_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    tables = step.Tables(modules(), limit=2)
    a, b, c = ([np.zeros(4, np.float32)] for _ in range(3))
    first = tables.get((a, b, None))
    assert tables.get((a, b, None)) is first and tables.uploads == 1
    tables.get((a, c, None))
    tables.get((b, c, None))
    assert tables.get((a, b, None)) is not first and tables.uploads == 4
    # What a captured graph reads is kept for good.
    monkeypatch.setattr(modules(), "in_capture", True)
    captured = tables.get((a, b, None))
    monkeypatch.setattr(modules(), "in_capture", False)
    for other in (a, b, c):
        tables.get((other, other, None))
    assert tables.get((a, b, None)) is captured


def test_old_tables_go_before_a_new_one_takes_memory() -> None:
    """Or it took that of a gradient, which then lay elsewhere in each step."""
    tables = step.Tables(modules())
    params, others = ([np.zeros(4, np.float32)] for _ in range(2))
    grads = [[np.zeros(4, np.float32)] for _ in range(9)]
    kept = tables.get((others, others))
    for grad in grads:
        tables.get((params, grad))
    assert len(tables._kept) == 3
    assert tables.get((params, grads[-1])) and tables.get((params, grads[-2]))
    assert tables.get((others, others)) is kept
    assert tables.uploads == 10
