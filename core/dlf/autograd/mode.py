"""Grad mode, per thread: whether ops record nodes, and who looks on when they do."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import wraps
from types import TracebackType
from typing import Any, TypeVar

__all__ = [
    "enable_grad",
    "inference_mode",
    "is_grad_enabled",
    "is_inference_mode_enabled",
    "no_grad",
    "set_grad_enabled",
]

F = TypeVar("F", bound=Callable[..., Any])


class _Mode(threading.local):
    grad: bool = True
    inference: bool = False
    # Called with each new node while anomaly detection or saved-tensor hooks are on.
    observer: Callable[[Any], None] | None = None


mode = _Mode()


class _Watch:
    """Whether some thread is in an unusual state: grad mode off, or an observer set.

    While `on` is 0 an op needs no per-thread look-up, which costs 30 ns.
    """

    __slots__ = ("on",)

    def __init__(self) -> None:
        self.on = 0


watch = _Watch()
_lock = threading.Lock()


def set_grad(enabled: bool) -> bool:
    """Set this thread's grad mode; returns what it was."""
    before = mode.grad
    if before is not enabled:
        mode.grad = enabled
        with _lock:
            watch.on += -1 if enabled else 1
    return before


def set_observer(observer: Callable[[Any], None] | None) -> Callable[[Any], None] | None:
    """Set this thread's observer of new nodes; returns the one before."""
    before = mode.observer
    mode.observer = observer
    if (before is None) is not (observer is None):
        with _lock:
            watch.on += -1 if observer is None else 1
    return before


def observe(node: Any) -> None:
    """Show a new node to this thread's observer, if it has one."""
    if mode.observer is not None:
        mode.observer(node)


class _GradContext:
    """Sets the calling thread's grad mode inside a ``with`` block or a decorated function."""

    def __init__(self, enabled: bool) -> None:
        self.enabled = enabled
        self._previous: list[bool] = []

    def __enter__(self) -> None:
        self._previous.append(set_grad(self.enabled))

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        set_grad(self._previous.pop())

    def __call__(self, function: F) -> F:
        @wraps(function)
        def decorated(*args: Any, **kwargs: Any) -> Any:
            with _GradContext(self.enabled):
                return function(*args, **kwargs)

        return decorated  # type: ignore[return-value]  # wraps keeps the signature


class no_grad(_GradContext):
    """Ops inside record nothing: ``with no_grad():`` or ``@no_grad()`` or ``@no_grad``."""

    def __new__(cls, function: Any = None) -> Any:
        made = super().__new__(cls)
        if function is None:
            return made
        made.__init__()  # type: ignore[misc]  # the bare-decorator form skips the usual call
        return made(function)

    def __init__(self, function: Any = None) -> None:
        super().__init__(False)


class enable_grad(_GradContext):
    """Ops inside record again: the inverse of `no_grad`."""

    def __new__(cls, function: Any = None) -> Any:
        made = super().__new__(cls)
        if function is None:
            return made
        made.__init__()  # type: ignore[misc]  # the bare-decorator form skips the usual call
        return made(function)

    def __init__(self, function: Any = None) -> None:
        super().__init__(True)


class set_grad_enabled(_GradContext):
    """Sets grad mode at once, and back at the end when used with ``with``."""

    def __init__(self, mode_: bool) -> None:
        super().__init__(bool(mode_))
        self._before = set_grad(self.enabled)

    def __enter__(self) -> None:
        self._previous.append(self._before)
        set_grad(self.enabled)

    def __call__(self, function: F) -> F:
        set_grad(self._before)
        return super().__call__(function)


class inference_mode(_GradContext):
    """As `no_grad`; with ``mode=False`` it is the ordinary mode."""

    def __init__(self, mode: bool = True) -> None:
        self.flag = mode
        super().__init__(not mode)
        self._flags: list[bool] = []

    def __enter__(self) -> None:
        super().__enter__()
        self._flags.append(mode.inference)
        mode.inference = self.flag

    def __exit__(self, *error: Any) -> None:
        mode.inference = self._flags.pop()
        super().__exit__(*error)


def is_grad_enabled() -> bool:
    """Whether ops of this thread record nodes."""
    return mode.grad


def is_inference_mode_enabled() -> bool:
    """Whether this thread is inside `inference_mode`."""
    return mode.inference
