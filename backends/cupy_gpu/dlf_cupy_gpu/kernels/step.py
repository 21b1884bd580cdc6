"""Optimizers' updates: one launch for all parameters."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import numpy as np

from dlf_cupy_gpu import launch
from dlf_cupy_gpu.module import Modules

from .common import Array, Kernel, kind

__all__ = ["Tables", "kernels"]

_FILE = "step.cu"
Arrays = Sequence[Array]


class Tables:
    """Tables of addresses on the device, kept by what they say.

    Parameters and state stay where they are, and gradients mostly come to lie where those of the
    last step did, so that most steps copy nothing to the device.

    Args:
        modules: where to put them.
        limit: how many are kept. Those made while a graph was captured are kept for good, since the
            graph reads them in each replay.
    """

    def __init__(self, modules: Modules, limit: int = 64) -> None:
        self.modules, self.limit = modules, limit
        self.uploads = 0
        """How many tables were copied to the device."""
        self._kept: OrderedDict[Any, tuple[Array, int]] = OrderedDict()
        self._captured: dict[Any, tuple[Array, int]] = {}

    def get(self, lists: Sequence[Arrays | None]) -> tuple[Array, int]:
        """The table for `lists`, the second of which is never None, and the number of blocks."""
        address = self.modules.address
        arrays = lists[0] or ()
        places = tuple(
            0 if given is None else address(given[i]) for given in lists for i in range(len(arrays))
        )
        sizes = tuple(a.size for a in arrays)
        key = (self.modules.device(), places, sizes)
        found = self._captured.get(key) or self._kept.get(key)
        if found is None:
            host, blocks = launch.step_table(places, sizes)
            if not self.modules.capturing():
                self._let_go(places[: len(arrays)], key)
            found = self.modules.upload(np.array(host, np.int64)), blocks
            self.uploads += 1
            if self.modules.capturing():
                self._captured[key] = found
                return found
            self._kept[key] = found
            if len(self._kept) > self.limit:
                self._kept.popitem(last=False)
        elif key in self._kept:
            self._kept.move_to_end(key)
            if self.modules.capturing():
                self._captured[key] = found
        return found

    def _let_go(self, params: tuple[int, ...], key: Any) -> None:
        """Forget all but the last table of the same parameters, before a new one is put up.

        It then takes the memory of an old one. Where it took that of a gradient which was let go,
        the next gradients would lie elsewhere, and each step would need another table.
        """
        device, _, sizes = key
        count = len(params)
        same = [
            known
            for known in self._kept
            if known[0] == device and known[2] == sizes and known[1][:count] == params
        ]
        for known in same[:-1]:
            del self._kept[known]


class _Contiguous:
    """Lists whose arrays all lie in row-major order; `close` writes copies of others back."""

    def __init__(self, modules: Modules, lists: Sequence[Arrays | None]) -> None:
        self.back: list[tuple[Array, Array]] = []
        self.lists: list[Arrays | None] = []
        for at, given in enumerate(lists):
            if given is None or all(a.flags.c_contiguous for a in given):
                self.lists.append(given)
                continue
            copies = [modules.xp.ascontiguousarray(a) for a in given]
            self.lists.append(copies)
            if at != 1:
                self.back += [(a, c) for a, c in zip(given, copies, strict=True) if a is not c]

    def close(self) -> None:
        """Write back."""
        for array, copy in self.back:
            array[...] = copy


def kernels(modules: Modules) -> dict[str, Kernel]:
    """Kernel by op name."""
    tables = Tables(modules)

    def run(name: str, lists: Sequence[Arrays | None], *values: float) -> None:
        params = lists[0]
        if not params:
            return
        even = _Contiguous(modules, lists)
        table, blocks = tables.get(even.lists)
        if blocks:
            function = modules.function(_FILE, name, kind(params[0]))
            head = (table, len(params), launch.STEP_CHUNK)
            function((blocks,), (launch.STEP_THREADS,), (*head, *values))
        even.close()

    def direction(maximize: bool) -> float:
        return -1.0 if maximize else 1.0

    def sgd_step(
        params: Arrays,
        grads: Arrays,
        bufs: Arrays | None,
        first: bool,
        lr: float,
        momentum: float,
        dampening: float,
        weight_decay: float,
        nesterov: bool,
        maximize: bool,
    ) -> None:
        flags = (int(bufs is not None), int(first))
        numbers = map(float, (lr, momentum, 1 - dampening, weight_decay))
        lists = (params, grads, bufs)
        run("sgd_step", lists, *flags, *numbers, int(nesterov), direction(maximize))

    def adam_step(
        params: Arrays,
        grads: Arrays,
        exp_avgs: Arrays,
        exp_avg_sqs: Arrays,
        max_exp_avg_sqs: Arrays | None,
        step: int,
        lr: float,
        beta1: float,
        beta2: float,
        eps: float,
        weight_decay: float,
        decoupled: bool,
        maximize: bool,
    ) -> None:
        decay = 0.0 if decoupled else weight_decay
        shrink = 1 - lr * weight_decay if decoupled else 1.0
        size, left = lr / (1 - beta1**step), 1 - beta2**step
        scale = left**-0.5 if left else math.inf
        numbers = map(float, (1 - beta1, beta2, 1 - beta2, size, scale, eps, decay, shrink))
        lists = (params, grads, exp_avgs, exp_avg_sqs, max_exp_avg_sqs)
        amsgrad = int(max_exp_avg_sqs is not None)
        run("adam_step", lists, amsgrad, *numbers, direction(maximize))

    def rmsprop_step(
        params: Arrays,
        grads: Arrays,
        square_avgs: Arrays,
        grad_avgs: Arrays | None,
        bufs: Arrays | None,
        lr: float,
        alpha: float,
        eps: float,
        weight_decay: float,
        momentum: float,
        maximize: bool,
    ) -> None:
        flags = (int(grad_avgs is not None), int(bufs is not None))
        numbers = map(float, (lr, alpha, 1 - alpha, eps, weight_decay, momentum))
        lists = (params, grads, square_avgs, grad_avgs, bufs)
        run("rmsprop_step", lists, *flags, *numbers, direction(maximize))

    def adagrad_step(
        params: Arrays,
        grads: Arrays,
        sums: Arrays,
        lr: float,
        weight_decay: float,
        eps: float,
        maximize: bool,
    ) -> None:
        numbers = map(float, (lr, eps, weight_decay))
        run("adagrad_step", (params, grads, sums), *numbers, direction(maximize))

    return {f.__name__: f for f in (sgd_step, adam_step, rmsprop_step, adagrad_step)}
