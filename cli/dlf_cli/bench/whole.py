"""Benchmarks of more than an op: an optimizer's update, a dataset's loader, a training step."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from dlf_cli.bench.cases import Case, Setup, Work
from dlf_cli.models import MODELS, build, forward_flops

__all__ = ["loaders", "optimizers", "steps"]


def optimizers() -> Iterator[Case]:
    """One update of `size` parameters in four tensors, for each registered optimizer."""
    from dlf.plugin.host import get_host

    for name, registered in sorted(get_host().optimizers().items()):
        yield Case(name, "optimizer", "GB/s", 1 << 22, "parameters", partial(_update, registered))


def _update(registered: Any, setup: Setup, size: int) -> Work:
    import dlf

    make = registered.load()
    parts = [dlf.rand(max(1, size // 4)).to(setup.device, setup.dtype) for _ in range(4)]
    parameters = [dlf.nn.Parameter(part) for part in parts]
    for parameter in parameters:
        parameter.grad = dlf.rand(*parameter.shape).to(setup.device, setup.dtype)
    updates = make(parameters, lr=1e-3)
    updates.step()
    weights = sum(p.numel() * p.dtype.itemsize for p in parameters)
    kept = [one for state in updates.state.values() for one in state.values()]
    tensors = [one for one in kept if isinstance(one, dlf.Tensor) and one.ndim]
    state = sum(one.numel() * one.dtype.itemsize for one in tensors)
    # Weights and state are read and written, gradients read.
    return Work(updates.step, bytes=3.0 * weights + 2.0 * state)


def loaders() -> Iterator[Case]:
    """One pass over a dataset's training images in shuffled batches of `size`."""
    from dlf.plugin.host import get_host

    for name, registered in sorted(get_host().datasets().items()):
        yield Case(name, "loader", "samples/s", 64, "images a batch", partial(_load, registered))


def _load(registered: Any, setup: Setup, size: int) -> Work:
    from dlf.utils.data import DataLoader

    dataset = registered.load()(None, train=True)
    loader = DataLoader(dataset, batch_size=size, shuffle=True)

    def run() -> None:
        for images, labels in loader:
            images.to(setup.device, setup.dtype)
            labels.to(setup.device)

    images, labels = dataset.tensors
    moved = sum(t.numel() * t.dtype.itemsize for t in (images, labels))
    return Work(run, bytes=2.0 * moved, samples=len(dataset))


def steps() -> Iterator[Case]:
    """Forward, backward and update on `size` images of 1x28x28, for each model of `dlf train`."""
    for name in MODELS:
        yield Case(f"train_{name}", "step", "samples/s", 64, "images a batch", partial(_step, name))


def _step(name: str, setup: Setup, size: int) -> Work:
    import dlf

    shape, classes = (1, 28, 28), 10
    net = build(name, shape, classes).to(setup.device, setup.dtype)
    images = dlf.rand(size, *shape).to(setup.device, setup.dtype)
    labels = dlf.randint(0, classes, (size,)).to(setup.device)
    updates = dlf.optim.SGD(net.parameters(), lr=0.01, momentum=0.9)
    criterion = dlf.nn.CrossEntropyLoss()

    def run() -> None:
        updates.zero_grad()
        criterion(net(images), labels).backward()
        updates.step()

    first, *rest = forward_flops(name, shape, classes)
    # Backward: one product for the weights, one for the input; the first layer needs no second.
    return Work(run, flops=size * (2.0 * first + 3.0 * sum(rest)), samples=size)
