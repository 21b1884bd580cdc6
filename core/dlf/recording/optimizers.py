"""Optimizers whose steps are taken by Python in each replay of a captured step."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ..optim import Optimizer

if TYPE_CHECKING:
    from .recorder import Recorder

__all__ = ["hooked"]


@contextmanager
def hooked(recorder: Recorder) -> Iterator[None]:
    """Within the block each optimizer's step is a piece of `recorder`'s own.

    That is so for all optimizers that are alive at its beginning: a step says nowhere which ones it
    will use.
    """
    handles: list[Any] = []
    try:
        for one in gc.get_objects():
            # `isinstance` would ask a proxy for its `__class__`, which may do anything.
            if issubclass(type(one), Optimizer):
                handles += _hooks(one, recorder)
        yield
    finally:
        for handle in handles:
            handle.remove()


def _hooks(optimizer: Any, recorder: Recorder) -> list[Any]:
    """Let Python take over the optimizer's step after the first playing.

    A gradient that the step sets to None afterwards is there again when Python needs it.
    """

    def before(_: Any, args: Any, kwargs: Any) -> None:
        if recorder.state.active() is recorder:
            recorder.cut()

    def after(_: Any, args: Any, kwargs: Any) -> None:
        if recorder.state.active() is not recorder:
            return
        parameters = [p for group in optimizer.param_groups for p in group["params"]]
        held = [(p, p.grad) for p in parameters if p.grad is not None]

        def again() -> None:
            now = [p.grad for p, _ in held]
            for p, grad in held:
                p.grad = grad
            optimizer.step(*args, **kwargs)
            for (p, _), grad in zip(held, now, strict=True):
                p.grad = grad

        recorder.cut(again)

    return [
        optimizer.register_step_pre_hook(before),
        optimizer.register_step_post_hook(after),
    ]
