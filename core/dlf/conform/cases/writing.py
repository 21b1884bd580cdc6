"""In-place writes, views and hooks, as autograd sees them on the device."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..case import Case, Skipped
from ..subject import Array, Subject

__all__ = ["cases"]

GRID = np.arange(12, dtype=np.float32).reshape(3, 4) / 4 - 1


def cases(subject: Subject) -> Iterator[Case]:
    """Cases of the group gradient, all in float32."""
    for run in (
        _in_place,
        _overwritten,
        _leaf,
        _view_written,
        _view_of_leaf,
        _view_refused,
        _shared,
        _hook,
        _no_grad,
        _twice,
    ):
        name = run.__name__.strip("_").replace("_", " ")
        yield Case(f"writing/{name}", run, "gradient", dtype="float32")


def _host(t: Any) -> Array:
    found: Array = t.detach().cpu().numpy()
    return found


def _close(t: Any, expected: Any) -> None:
    np.testing.assert_allclose(_host(t), expected, rtol=1e-5, atol=1e-6)


def _refused(what: str, run: Any, *words: str) -> None:
    try:
        run()
    except RuntimeError as error:
        text = str(error)
        assert any(word in text for word in words), f"{what}: the refusal says {text!r}"
        return
    raise AssertionError(f"{what} was not refused")


def _in_place(subject: Subject) -> None:
    """A write in place counts in the gradient."""
    x = subject.tensor(GRID, requires_grad=True)
    y = x * 2
    y.mul_(x).add_(1)
    _close(y, 2 * GRID * GRID + 1)
    y.sum().backward()
    _close(x.grad, 4 * GRID)


def _overwritten(subject: Subject) -> None:
    """A value that a gradient needs, and that was overwritten, is an error."""
    x = subject.tensor(GRID, requires_grad=True)
    y = x.exp()
    z = y * y
    y.add_(1)
    _refused("a gradient through overwritten values", z.sum().backward, "modified", "overwrit")


def _leaf(subject: Subject) -> None:
    """A leaf that requires grad is written inside no_grad alone."""
    from ... import no_grad

    x = subject.tensor(GRID, requires_grad=True)
    _refused("a write to a leaf", lambda: x.add_(1), "leaf")
    with no_grad():
        x.add_(1)
    _close(x, GRID + 1)


def _views(subject: Subject) -> None:
    if not subject.device.views:
        raise Skipped("the backend does not declare views")


def _view_written(subject: Subject) -> None:
    """A write through a view reaches its base, and the base's gradient knows."""
    _views(subject)
    x = subject.tensor(GRID, requires_grad=True)
    base = x * 1
    base[1].mul_(3)
    base.t()[0].zero_()
    expected = GRID.copy()
    expected[1] *= 3
    expected[:, 0] = 0
    _close(base, expected)
    (base * base).sum().backward()
    slope = np.ones_like(GRID)
    slope[1] = 3
    slope[:, 0] = 0
    _close(x.grad, 2 * expected * slope)


def _view_of_leaf(subject: Subject) -> None:
    """Movement ops alias: reshape, permute, slice, expand."""
    _views(subject)
    base = subject.tensor(GRID)
    base.reshape(2, 6)[0, 1] = 10
    base.permute(1, 0)[3, 2] = 20
    base[::2, 1:3].fill_(30)
    expected = GRID.copy()
    expected[0, 1], expected[2, 3], expected[::2, 1:3] = 10, 20, 30
    _close(base, expected)


def _view_refused(subject: Subject) -> None:
    """Without views a write through one is refused, and changes nothing."""
    if subject.device.views:
        raise Skipped("the backend declares views")
    base = subject.tensor(GRID)
    for view in (base[1], base.permute(1, 0), base.reshape(2, 6)):
        _refused("a write through a view", lambda view=view: view.add_(1), "views")
    _close(base, GRID)


def _shared(subject: Subject) -> None:
    """A clone, and the result of an op, have memory of their own."""
    x = subject.tensor(GRID)
    others = [x.clone(), x + 0, x.abs(), x.reshape(4, 3).clone()]
    before = [_host(o).copy() for o in others]
    x.fill_(9)
    for other, host in zip(others, before, strict=True):
        _close(other, host)
    others[0].fill_(5)
    _close(x, np.full_like(GRID, 9))


def _hook(subject: Subject) -> None:
    """A hook sees a gradient on the device, and may replace it."""
    x = subject.tensor(GRID, requires_grad=True)
    y = x * 2
    seen: list[Any] = []

    def triple(g: Any) -> Any:
        seen.append(g)
        return g * 3

    handle = y.register_hook(triple)
    y.sum().backward(retain_graph=True)
    assert len(seen) == 1, f"the hook was called {len(seen)} times"
    assert seen[0].device is subject.device, f"the hook's gradient is on {seen[0].device}"
    _close(x.grad, np.full_like(GRID, 6))
    handle.remove()
    y.sum().backward()
    _close(x.grad, np.full_like(GRID, 8))


def _no_grad(subject: Subject) -> None:
    """Nothing is recorded where gradients are off."""
    from ... import no_grad

    x = subject.tensor(GRID, requires_grad=True)
    with no_grad():
        y = (x * 2).exp()
    assert not y.requires_grad
    assert not x.detach().requires_grad


def _twice(subject: Subject) -> None:
    """A graph is released by its backward pass, and kept if one asks."""
    x = subject.tensor(GRID, requires_grad=True)
    y = (x * x).sum()
    y.backward(retain_graph=True)
    y.backward()
    _close(x.grad, 4 * GRID)
    _refused("a second backward pass", y.backward, "second time", "freed")
