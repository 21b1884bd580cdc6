"""Mixed precision: the device's lists, what `autocast` does by them, and `GradScaler`."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from ...amp import settings
from ...amp.settings import FLOAT32, INSIDE, LOWER, PROMOTE
from ...registry import registry
from ..case import Skipped
from ..close import assert_close, assert_same
from ..subject import Subject

__all__ = ["CASES"]

_RULES = (LOWER, FLOAT32, PROMOTE, INSIDE)
_NEEDED = ("matmul", "linear")
# Where the functions live that choose their dtype as a whole.
_PLACES = ("dlf", "dlf.nn.functional", "dlf.ops.norm")


def _lists(subject: Subject) -> dict[str, frozenset[str]]:
    found = settings.service_of(subject.device.type)
    return {rule: frozenset(getattr(found, rule, ())) for rule in _RULES}


def _rule(subject: Subject, name: str) -> str:
    return next((rule for rule, names in _lists(subject).items() if name in names), "")


@contextmanager
def _afresh(subject: Subject) -> Iterator[None]:
    """Read the lists anew, and again afterwards: a service may have changed them."""
    settings._rules.pop(subject.device.type, None)
    try:
        yield
    finally:
        settings._rules.pop(subject.device.type, None)


def _lower(subject: Subject) -> Any:
    """The lower dtype that a region has by default; `Skipped` where the device has it not."""
    kind = settings.default_dtype(subject.device.type)
    names = settings.supported(subject.device.type)
    if kind.name not in names:
        raise Skipped(f"{subject.device} does not claim {kind.name}, autocast's dtype there")
    return kind


# ------------------------------------------------------------------ the lists
def _lists_apart(subject: Subject) -> None:
    """No name stands in two lists."""
    places: dict[str, list[str]] = {}
    for rule, names in _lists(subject).items():
        for name in names:
            places.setdefault(name, []).append(rule)
    twice = {name: rules for name, rules in places.items() if len(rules) > 1}
    assert not twice, f"names in several lists: {twice}"


def _lists_known(subject: Subject) -> None:
    """Each name is an op's, or a function's."""
    places = [importlib.import_module(name) for name in _PLACES]
    unknown = sorted(
        name
        for names in _lists(subject).values()
        for name in names
        if name not in registry and not any(hasattr(place, name) for place in places)
    )
    assert not unknown, f"dlf has no op and no function {', '.join(unknown)}"


def _lists_useful(subject: Subject) -> None:
    """Products are in lower precision: without them a region brings nothing."""
    lacking = [name for name in _NEEDED if _rule(subject, name) != LOWER]
    assert not lacking, f"not in {LOWER}: {', '.join(lacking)}"


def _dtypes(subject: Subject) -> None:
    """A region's dtypes are lower ones that the device stores, the default among them."""
    found = settings.service_of(subject.device.type)
    assert found.default_dtype in found.dtypes, (
        f"the default {found.default_dtype} is not in dtypes"
    )
    strange = sorted(set(found.dtypes) - {"float16", "bfloat16"})
    assert not strange, f"autocast casts to no {', '.join(strange)}"
    _lower(subject)


# ------------------------------------------------------------------ regions
def _probes(subject: Subject) -> Mapping[str, tuple[Callable[..., Any], tuple[Any, ...]]]:
    """Calls by the names under which autocast looks for them, with float32 arguments."""
    import dlf
    from dlf.nn import functional as F

    def real(*shape: int) -> Any:
        return subject.tensor(subject.rng.uniform(0.25, 1.0, shape).astype(np.float32))

    square, row, images = real(4, 4), real(4), real(2, 3, 5, 5)
    return {
        "matmul": (dlf.matmul, (square, real(4, 3))),
        "linear": (F.linear, (square, real(3, 4), real(3))),
        "conv2d": (F.conv2d, (images, real(4, 3, 3, 3))),
        "addmm": (dlf.addmm, (real(4, 3), square, real(4, 3))),
        "exp": (dlf.exp, (square,)),
        "log": (dlf.log, (square,)),
        "sum": (lambda x: x.sum(), (square,)),
        "prod": (lambda x: x.prod(), (row,)),
        "pow": (dlf.pow, (square, 2.5)),
        "softmax": (lambda x: x.softmax(1), (square,)),
        "log_softmax": (lambda x: x.log_softmax(1), (square,)),
        "layer_norm": (lambda x: F.layer_norm(x, (4,)), (square,)),
        "mse_loss": (F.mse_loss, (square, real(4, 4))),
        "add": (dlf.add, (square, real(4, 4))),
        "mul": (dlf.mul, (square, real(4, 4))),
        "relu": (F.relu, (square,)),
        "sqrt": (dlf.sqrt, (square,)),
        "tanh": (dlf.tanh, (square,)),
        "max": (lambda x: x.amax(1), (square,)),
    }


def _cast(args: tuple[Any, ...], kind: Any) -> tuple[Any, ...]:
    from ...tensor import Tensor

    return tuple(a.to(kind) if isinstance(a, Tensor) else a for a in args)


def _casts(subject: Subject) -> None:
    """Each op runs in the dtype of its list, and is the op itself in that dtype; one that is in no
    list runs as outside."""
    from ... import autocast, float32

    lower = _lower(subject)
    with _afresh(subject):
        for name, (function, whole) in _probes(subject).items():
            rule = _rule(subject, name)
            for given in (float32, lower):
                args = _cast(whole, given)
                inside = {LOWER: lower, FLOAT32: float32, INSIDE: float32}.get(rule, given)
                expected = function(*_cast(args, inside))
                if rule == INSIDE:
                    expected = expected.to(given)
                with autocast(subject.device.type):
                    got = function(*args)
                what = f"{name}, in list {rule or 'none'}, of {given}"
                assert got.dtype is expected.dtype, f"{what}: {got.dtype}, not {expected.dtype}"
                assert_same(_wide(got), _wide(expected), what)


def _wide(tensor: Any) -> Any:
    from ... import float32

    return tensor.detach().cpu().to(float32).numpy()


def _left_alone(subject: Subject) -> None:
    """float64 and integers are not cast, whatever list an op is in."""
    from ... import autocast, float64, int64

    subject.need("float64", "int64")
    _lower(subject)
    x = subject.tensor(subject.rng.uniform(0.5, 1, (3, 3)))
    whole = subject.tensor(np.arange(9).reshape(3, 3))
    with _afresh(subject), autocast(subject.device.type):
        assert (x @ x).dtype is float64
        assert x.exp().dtype is float64
        assert whole.sum().dtype is int64


def _nested(subject: Subject) -> None:
    """A region within another counts there, a disabled one too; an error ends both."""
    from ... import autocast, float32, is_autocast_enabled

    lower, kind = _lower(subject), subject.device.type
    x = subject.tensor(np.ones((3, 3), np.float32))
    with _afresh(subject):
        try:
            with autocast(kind):
                assert (x @ x).dtype is lower
                with autocast(kind, enabled=False):
                    assert not is_autocast_enabled(kind)
                    assert (x @ x).dtype is float32
                    with autocast(kind):
                        assert (x @ x).dtype is lower
                    assert (x @ x).dtype is float32
                assert (x @ x).dtype is lower
                raise KeyError
        except KeyError:
            pass
        assert not is_autocast_enabled(kind)
        assert (x @ x).dtype is float32
        for name in sorted(settings.supported(kind)):
            chosen = getattr(importlib.import_module("dlf"), name)
            with autocast(kind, dtype=chosen):
                assert (x @ x).dtype is chosen


def _gradients(subject: Subject) -> None:
    """Gradients come in the parameters' dtype, near to those of float32."""
    from ... import autocast, float32
    from ...nn import Linear
    from ...nn import functional as F

    lower = _lower(subject)
    model = Linear(6, 4).to(subject.device)
    x = subject.tensor(subject.rng.uniform(-1, 1, (5, 6)).astype(np.float32))
    y = subject.tensor(subject.rng.uniform(-1, 1, (5, 4)).astype(np.float32))
    found = []
    with _afresh(subject):
        for enabled in (False, True):
            model.zero_grad()
            with autocast(subject.device.type, enabled=enabled):
                out = model(x)
                assert out.dtype is (lower if enabled else float32)
                loss = F.mse_loss(out, y)
            loss.backward()
            for parameter in model.parameters():
                assert parameter.dtype is float32
                assert parameter.grad is not None
                assert parameter.grad.dtype is float32, f"a gradient in {parameter.grad.dtype}"
            found.append([_wide(p.grad) for p in model.parameters()])
    for got, expected in zip(found[1], found[0], strict=True):
        assert_close(got.astype(lower.numpy), expected.astype(np.float64), lower.name, factor=4)


def _trains(subject: Subject) -> None:
    """A few steps of a small model in a region make its loss fall."""
    from ... import autocast
    from ...nn import Linear, ReLU, Sequential
    from ...nn import functional as F
    from ...optim import SGD

    _lower(subject)
    model = Sequential(Linear(4, 16), ReLU(), Linear(16, 1)).to(subject.device)
    optimizer = SGD(model.parameters(), lr=0.1)
    host = subject.rng.uniform(-1, 1, (32, 4)).astype(np.float32)
    x, y = subject.tensor(host), subject.tensor(host.sum(1, keepdims=True))
    losses = []
    with _afresh(subject):
        for _ in range(20):
            optimizer.zero_grad()
            with autocast(subject.device.type):
                loss = F.mse_loss(model(x), y)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    assert losses[-1] < losses[0] / 2, f"the loss went from {losses[0]} to {losses[-1]}"


# ------------------------------------------------------------------ GradScaler
def _scaling(subject: Subject, **arguments: Any) -> tuple[Any, Any, Any]:
    """A scaler, a parameter of ones, and its optimizer."""
    from ...amp import GradScaler
    from ...optim import SGD

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scaler = GradScaler(subject.device.type, **arguments)
    weight = subject.tensor(np.ones(3, np.float32), requires_grad=True)
    return scaler, weight, SGD([weight], lr=0.5)


def _step(subject: Subject, scaler: Any, weight: Any, optimizer: Any, factor: float) -> Any:
    """One step of a loss whose gradient by `weight` is `factor`; gives the weight after it."""
    optimizer.zero_grad()
    scaler.scale((weight * subject.tensor(np.full(3, factor, np.float32))).sum()).backward()
    scaler.step(optimizer)
    scaler.update()
    return weight.detach().cpu().numpy()


def _scaler_steps(subject: Subject) -> None:
    """Gradients are unscaled before the step, and before whoever asks for that."""
    scaler, weight, optimizer = _scaling(subject, init_scale=1024.0)
    assert_same(_step(subject, scaler, weight, optimizer, 0.5), np.full(3, 0.75, np.float32))
    assert scaler.get_scale() == 1024.0
    optimizer.zero_grad()
    scaler.scale((weight * 2).sum()).backward()
    assert_same(weight.grad.cpu().numpy(), np.full(3, 2048, np.float32), "the scaled gradient")
    scaler.unscale_(optimizer)
    assert_same(weight.grad.cpu().numpy(), np.full(3, 2, np.float32), "the unscaled gradient")
    scaler.step(optimizer)
    assert_same(weight.detach().cpu().numpy(), np.full(3, -0.25, np.float32), "the weight")


def _scaler_overflow(subject: Subject) -> None:
    """inf and NaN in one element cost the step and halve the scale; the next step goes on."""
    for bad in (np.inf, -np.inf, np.nan):
        scaler, weight, optimizer = _scaling(subject, init_scale=64.0)
        optimizer.zero_grad()
        scaler.scale(weight.sum()).backward()
        weight.grad = subject.tensor(np.array([64, bad, 64], np.float32))
        scaler.step(optimizer)
        scaler.update()
        assert_same(weight.detach().cpu().numpy(), np.ones(3, np.float32), f"after {bad}")
        assert scaler.get_scale() == 32.0, f"after {bad} the scale is {scaler.get_scale()}"
        assert_same(_step(subject, scaler, weight, optimizer, 1.0), np.full(3, 0.5, np.float32))
    scaler, weight, optimizer = _scaling(subject, init_scale=2.0**100)
    for _ in range(2):
        _step(subject, scaler, weight, optimizer, 2.0**30)
    assert scaler.get_scale() == 2.0**98, "a gradient that overflowed by the scale was not seen"


def _scaler_growth(subject: Subject) -> None:
    """The scale grows after so many good steps in a row, and begins to count anew."""
    scaler, weight, optimizer = _scaling(subject, init_scale=8.0, growth_interval=2)
    scales = []
    for factor in (1.0, 1.0, 1.0, np.inf, 1.0, 1.0):
        _step(subject, scaler, weight, optimizer, factor)
        scales.append(scaler.get_scale())
    assert scales == [8.0, 16.0, 16.0, 8.0, 8.0, 16.0], scales


def _scaler_state(subject: Subject) -> None:
    """What is saved and loaded goes on as the first would have."""
    first, weight, optimizer = _scaling(subject, init_scale=8.0, growth_interval=3)
    for _ in range(2):
        _step(subject, first, weight, optimizer, 1.0)
    second, other, its = _scaling(subject)
    second.load_state_dict(first.state_dict())
    assert second.get_scale() == 8.0
    for scaler, parameter, one in ((first, weight, optimizer), (second, other, its)):
        _step(subject, scaler, parameter, one, 1.0)
        assert scaler.get_scale() == 16.0, "the count of good steps was lost"


CASES = (
    _lists_apart,
    _lists_known,
    _lists_useful,
    _dtypes,
    _casts,
    _left_alone,
    _nested,
    _gradients,
    _trains,
    _scaler_steps,
    _scaler_overflow,
    _scaler_growth,
    _scaler_state,
)
