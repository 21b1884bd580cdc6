"""Several threads compute on the device at once, and each gets its own results."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..case import Case
from ..close import assert_same
from ..subject import Array, Subject
from .models import MODELS, batch, fresh, loss_of

__all__ = ["cases"]

THREADS = 4
ROUNDS = 20


def cases(subject: Subject) -> Iterator[Case]:
    """Kernels, gradients, and tensors that go from one thread to another."""
    for run in (_kernels, _gradients, _handed_over, _shared_input):
        name = run.__name__.strip("_").replace("_", " ")
        yield Case(f"threads/{name}", run, "system", dtype="float32")


def _together(work: Callable[[int], None], count: int = THREADS) -> None:
    """`work` of 0, 1 ... in as many threads, started together; raises the first of their errors."""
    from ...fallback import fallback_policy, get_policy

    policy, errors = get_policy(), list[BaseException]()
    gate = threading.Barrier(count)

    def run(number: int) -> None:
        try:
            gate.wait()
            with fallback_policy(policy):
                work(number)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


def _kernels(subject: Subject) -> None:
    """Small integers, so that every order of summation gives the same numbers."""
    hosts = [
        subject.rng.integers(-4, 5, (24, 24)).astype(np.float32) + number
        for number in range(THREADS)
    ]

    def work(number: int) -> None:
        host = hosts[number]
        expected = (host @ host.T + number).sum(1)
        for _ in range(ROUNDS):
            x = subject.tensor(host)
            got = (x @ x.t() + number).sum(1).cpu().numpy()
            assert_same(got, expected, f"thread {number}")

    _together(work)


def _gradients(subject: Subject) -> None:
    """Each thread trains a model of its own and gets what it gets alone."""
    subject.need("int64", "bool")
    model = MODELS["mlp"]
    data = [batch(model, subject.rng) for _ in range(THREADS)]
    modules = [fresh(model, subject.rng).to(subject.device) for _ in range(THREADS)]

    def gradients(number: int) -> list[Array]:
        modules[number].zero_grad()
        loss_of(subject, modules[number], data[number]).backward()
        return [p.grad.cpu().numpy().copy() for p in modules[number].parameters()]

    alone = [gradients(number) for number in range(THREADS)]

    def work(number: int) -> None:
        for _ in range(3):
            for got, expected in zip(gradients(number), alone[number], strict=True):
                np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-6)

    _together(work)


def _handed_over(subject: Subject) -> None:
    """What one thread computed, another goes on with."""
    box: list[Any] = []
    host = np.arange(12, dtype=np.float32).reshape(3, 4)

    def first(number: int) -> None:
        x = subject.tensor(host)
        for _ in range(5):
            x = x + 1
        box.append(x)

    def second(number: int) -> None:
        assert_same((box[0] * 2).cpu().numpy(), (host + 5) * 2, "in the second thread")

    _together(first, 1)
    _together(second, 1)
    assert_same((box[0] - 1).cpu().numpy(), host + 4, "in the first thread")


def _shared_input(subject: Subject) -> None:
    """All threads read one tensor, and nobody's result depends on the others."""
    host = np.arange(600, dtype=np.float32).reshape(20, 30)
    shared = subject.tensor(host)

    def work(number: int) -> None:
        for step in range(ROUNDS):
            got = (shared * (number + 1) + step).cpu().numpy()
            assert_same(got, host * (number + 1) + step, f"thread {number}")

    _together(work)
    assert_same(shared.cpu().numpy(), host, "the shared tensor")
