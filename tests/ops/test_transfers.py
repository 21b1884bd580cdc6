"""`to`, `cpu` and pinned memory: arguments, what waits, and what is safe from later writes."""

from __future__ import annotations

import gc
import os
import pickle
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import dlf
from dlf import nn
from dlf_sim.backend import SimBackend
from dlf_sim.handle import Buffer
from dlf_sim.pinned import PinnedService


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Each time that the host waits for a value of `sim`."""
    seen: list[str] = []
    wait = Buffer.wait

    def noted(self: Buffer) -> Any:
        seen.append("wait")
        return wait(self)

    monkeypatch.setattr(Buffer, "wait", noted)
    yield seen
    dlf.sim.synchronize()


def busy() -> Any:
    """A tensor on `sim` whose value is still to be computed."""
    x = dlf.ones(3, device="sim") * 2
    assert not dlf.sim.current_stream().query()
    return x


# ------------------------------------------------------------------ arguments
ARGUMENTS: list[Callable[[Any, Any], Any]] = [
    lambda lib, x: x.to("cpu"),
    lambda lib, x: x.to(lib.float64),
    lambda lib, x: x.to("cpu", lib.float64),
    lambda lib, x: x.to("cpu", lib.float64, True),
    lambda lib, x: x.to("cpu", None, False, True),
    lambda lib, x: x.to(None, lib.int64),
    lambda lib, x: x.to(lib.float32, False, True),
    lambda lib, x: x.to(lib.float32, True),
    lambda lib, x: x.to(lib.ones(1, dtype=lib.float64), True),
    lambda lib, x: x.to(lib.ones(1), False, True),
    lambda lib, x: x.to(device="cpu", dtype=lib.float16, non_blocking=True, copy=True),
    lambda lib, x: x.to(dtype=lib.float32),
    lambda lib, x: x.to(non_blocking=True),
    lambda lib, x: x.to(lib.float32, copy=True),
]


@pytest.mark.parametrize("call", ARGUMENTS)
def test_arguments(call: Callable[[Any, Any], Any]) -> None:
    """dtype, values, and whether it is the tensor itself are as in PyTorch."""
    ours, theirs = dlf.ones(2), torch.ones(2)
    got, expected = call(dlf, ours), call(torch, theirs)
    assert got.dtype.name == str(expected.dtype).removeprefix("torch.")
    assert got.tolist() == expected.tolist()
    assert (got is ours) == (expected is theirs)


@pytest.mark.parametrize(
    "call",
    [
        lambda x: x.to("cpu", True, False, True),
        lambda x: x.to({}),
        lambda x: x.to(unknown=1),
    ],
)
def test_wrong_arguments(call: Callable[[Any], Any]) -> None:
    with pytest.raises(TypeError):
        call(torch.ones(1))
    with pytest.raises(TypeError):
        call(dlf.ones(1))


# ------------------------------------------------------------------ pinned memory
def test_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    """PyTorch's kinds of errors, and its words where they say something."""
    monkeypatch.setattr("dlf.ops.pinning._unasked", lambda: iter(()))
    monkeypatch.setattr("dlf.ops.pinning._last", None)
    with pytest.raises(RuntimeError, match="only dense CPU tensors can be pinned"):
        torch.ones(1, device="meta").pin_memory()
    with pytest.raises(RuntimeError, match="only dense CPU tensors can be pinned"):
        dlf.ones(1, device="sim").pin_memory()
    nobody = "Cannot access accelerator device when none is available"
    with pytest.raises(RuntimeError, match=nobody):
        dlf.ones(1).pin_memory()
    if not torch.accelerator.is_available():
        with pytest.raises(RuntimeError, match=nobody):
            torch.ones(1).pin_memory()
    with pytest.raises(RuntimeError, match="cpu has no pinned memory"):
        dlf.ones(1).pin_memory("cpu")
    with pytest.raises(LookupError, match="unknown device type"):
        dlf.ones(1).pin_memory("nonsense")
    assert not dlf.ones(1, device="sim").is_pinned()
    assert not dlf.ones(1).is_pinned("cpu")


def test_the_device_for_tests_is_not_taken_unasked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dlf.ops.pinning._last", None)
    from dlf.ops.pinning import pinning_device

    chosen = pinning_device()
    assert chosen is None or chosen.type != "sim"
    monkeypatch.setattr(PinnedService, "unasked", True)
    monkeypatch.setattr("dlf.ops.pinning._last", None)
    assert dlf.ones(1).pin_memory().is_pinned()


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "bool", "complex64"])
def test_an_ordinary_tensor(dtype: str, tmp_path: Path) -> None:
    kind = getattr(dlf, dtype)
    x = dlf.ones(3, 2, dtype=kind)
    pinned = x.pin_memory("sim")
    assert pinned.is_pinned("sim:1")
    assert dlf.equal(pinned, x)
    assert dlf.equal(pickle.loads(pickle.dumps(pinned)), x)
    dlf.save({"x": pinned}, tmp_path / "x.dlf")
    assert dlf.equal(dlf.load(tmp_path / "x.dlf")["x"], x)
    pinned[0] = 0
    assert not pinned[0].to(dlf.bool).any()
    assert dlf.equal(pinned[1:], x[1:])
    assert not (pinned + pinned).is_pinned() if dtype != "bool" else True


def test_views_keep_the_memory() -> None:
    pinned = dlf.arange(8).pin_memory("sim")
    view, array = pinned[2:4], pinned.numpy()[4:]
    del pinned
    gc.collect()
    again = [dlf.zeros(8, dtype=dlf.int64).pin_memory("sim") for _ in range(4)]
    assert view.is_pinned()
    assert view.tolist() == [2, 3]
    assert array.tolist() == [4, 5, 6, 7]
    assert len(again) == 4


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_a_child_has_its_own() -> None:
    pinned = dlf.arange(4).pin_memory("sim")
    child = os.fork()
    if not child:
        right = pinned.tolist() == [0, 1, 2, 3] and pinned.is_pinned()
        pinned.fill_(9)
        os._exit(0 if right else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert pinned.tolist() == [0, 1, 2, 3]


def test_parameters() -> None:
    layer = nn.Linear(2, 2)
    pinned = layer.weight.pin_memory("sim")
    assert type(pinned) is dlf.Tensor
    (pinned * 2).sum().backward()
    assert layer.weight.grad is not None
    assert layer.weight.grad.tolist() == [[2, 2], [2, 2]]


# ------------------------------------------------------------------ what waits
def test_from_pinned_memory(waits: list[str]) -> None:
    """The host does not wait, and the device reads late; by default it reads at once."""
    pinned = dlf.zeros(3).pin_memory("sim")
    late = pinned.to("sim", non_blocking=True)
    later = pinned.sim(non_blocking=True)
    safe = pinned.to("sim")
    pinned.fill_(4)
    assert not waits
    assert late.tolist() == later.tolist() == [4, 4, 4]
    assert safe.tolist() == [0, 0, 0]


def test_to_the_host(waits: list[str]) -> None:
    """The values are there after the device is synchronised, and not before."""
    ways: list[Callable[[Any], Any]] = [
        lambda x: x.to("cpu", non_blocking=True),
        lambda x: x.to(dlf.ones(1), True),
        lambda x: x.cpu(non_blocking=True),
        lambda x: x.to("cpu", dlf.int64, non_blocking=True),
    ]
    for fetch in ways:
        back = fetch(busy())
        assert not waits
        assert back.is_pinned()
        assert back.tolist() != [2, 2, 2]
        dlf.sim.synchronize()
        assert back.tolist() == [2, 2, 2]
    assert busy().to("cpu").tolist() == busy().cpu().tolist() == [2, 2, 2]
    assert waits


def test_a_cast_that_the_device_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    """The host casts, so it waits."""
    caps = SimBackend.caps
    fewer = type(caps)(dtypes=caps.dtypes - {"float64"})
    monkeypatch.setattr(SimBackend, "caps", fewer)
    back = busy().to("cpu", dlf.float64, non_blocking=True)
    assert back.dtype is dlf.float64
    assert back.tolist() == [2, 2, 2]
    pinned = dlf.ones(2, dtype=dlf.float64).pin_memory("sim")
    with pytest.raises(TypeError, match="float64"):
        pinned.to("sim", non_blocking=True)


def test_from_ordinary_memory() -> None:
    x = dlf.zeros(3)
    there = x.to("sim", non_blocking=True)
    x.fill_(4)
    assert there.tolist() == [0, 0, 0]


def test_without_the_service(monkeypatch: pytest.MonkeyPatch) -> None:
    """The flag changes nothing."""
    services = {k: v for k, v in SimBackend.services.items() if k != "pinned"}
    monkeypatch.setattr(SimBackend, "services", services)
    x = dlf.zeros(3)
    there = x.to("sim", non_blocking=True)
    x.fill_(4)
    assert there.tolist() == [0, 0, 0]
    assert busy().to("cpu", non_blocking=True).tolist() == [2, 2, 2]
    with pytest.raises(RuntimeError, match="sim:0 has no pinned memory"):
        x.pin_memory("sim")
    assert not x.is_pinned("sim")


def test_modules(waits: list[str]) -> None:
    layer = nn.Linear(2, 2)
    for parameter in layer.parameters():
        parameter.data = parameter.data.pin_memory("sim")
    layer.to("sim", non_blocking=True)
    assert layer.weight.device.type == "sim"
    layer.cpu()
    assert waits


def test_gradients_flow() -> None:
    x = dlf.ones(3).pin_memory("sim").requires_grad_()
    y = (x.to("sim", non_blocking=True) * 3).to("cpu", non_blocking=True)
    dlf.sim.synchronize()
    y.sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [3, 3, 3]


# ------------------------------------------------------------------ between indices
def test_between_indices(waits: list[str]) -> None:
    """No way over the host, in the order of both devices' streams."""
    x = busy()
    y = (x.to("sim:1") + 1).to("sim:0") * 2
    x.fill_(9)
    assert not waits
    assert y.device is dlf.device("sim:0")
    assert y.tolist() == [6, 6, 6]


def test_between_indices_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    """A backend without `to_index` goes over the host."""
    from dlf.plugin import Backend

    monkeypatch.setattr(SimBackend, "to_index", Backend.to_index)
    for dtype in (dlf.float32, dlf.bfloat16, dlf.bool, dlf.complex64):
        x = dlf.ones(2, 3, dtype=dtype, device="sim")
        y = x.to("sim:1")
        assert y.device is dlf.device("sim:1")
        assert y.dtype is dtype
        assert dlf.equal(y.cpu(), x.cpu())


def test_streams_that_do_not_wait_are_found() -> None:
    """A copy on one stream is not there for another one before that waits."""
    side = dlf.sim.Stream("sim:1")
    with dlf.sim.stream(side):
        y = dlf.ones(2, device="sim").to("sim:1")
    with pytest.raises(RuntimeError, match="wait_event or wait_stream is missing"):
        y + 1
    dlf.sim.current_stream("sim:1").wait_stream(side)
    assert (y + 1).tolist() == [2, 2]


def test_host_arrays_are_numpys() -> None:
    pinned = dlf.ones(2, 3).pin_memory("sim")
    assert isinstance(pinned.numpy(), np.ndarray)
    assert pinned.numpy().flags.writeable


# ------------------------------------------------------------------ writing in place
def test_copy_in_place_to_pinned_memory(waits: list[str]) -> None:
    """The values come when the device is synchronised; casts and broadcasts are the device's."""
    for dtype in (dlf.float32, dlf.int64):
        pinned = dlf.zeros(2, 3, dtype=dtype).pin_memory("sim")
        assert pinned.copy_(busy(), non_blocking=True) is pinned
        assert not waits
        assert pinned.tolist() == [[0, 0, 0], [0, 0, 0]]
        dlf.sim.synchronize()
        assert pinned.tolist() == [[2, 2, 2], [2, 2, 2]]
    pinned[1].copy_(busy() * 2, non_blocking=True)
    assert pinned.tolist() == [[2, 2, 2], [2, 2, 2]]
    dlf.sim.synchronize()
    assert pinned.tolist() == [[2, 2, 2], [4, 4, 4]]
    with pytest.raises(RuntimeError):
        pinned.copy_(dlf.ones(4, device="sim"), non_blocking=True)


def test_copy_in_place_is_counted() -> None:
    """A value that was saved for a gradient is not overwritten unnoticed."""
    pinned = dlf.ones(3).pin_memory("sim")
    x = dlf.ones(3, requires_grad=True)
    y = (x * pinned).sum()
    pinned.copy_(busy(), non_blocking=True)
    dlf.sim.synchronize()
    with pytest.raises(RuntimeError, match="copy_"):
        y.backward()


@pytest.mark.parametrize(
    "make",
    [
        lambda: dlf.zeros(3),
        lambda: dlf.zeros(3, 2).pin_memory("sim").t()[0],
        lambda: dlf.zeros(3).pin_memory("sim").requires_grad_() * 1,
    ],
    ids=["ordinary", "view", "with a gradient"],
)
def test_copy_in_place_that_waits(make: Callable[[], Any]) -> None:
    """Where the host has to write, it waits."""
    target = make()
    target.copy_(busy(), non_blocking=True)
    assert target.tolist() == [2, 2, 2]


def test_copy_in_place_carries_gradients() -> None:
    x = dlf.ones(3, device="sim", requires_grad=True)
    pinned = dlf.zeros(3).pin_memory("sim")
    pinned.copy_(x * 2, non_blocking=True)
    assert pinned.tolist() == [2, 2, 2]
    pinned.sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [2, 2, 2]


def test_copy_in_place_from_pinned_memory(waits: list[str]) -> None:
    pinned = dlf.ones(3).pin_memory("sim")
    late, safe = dlf.zeros(3, device="sim"), dlf.zeros(3, device="sim")
    late.copy_(pinned, non_blocking=True)
    safe.copy_(pinned)
    pinned.fill_(5)
    assert not waits
    assert late.tolist() == [5, 5, 5]
    assert safe.tolist() == [1, 1, 1]


def test_pinned_from_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PinnedService, "unasked", True)
    monkeypatch.setattr("dlf.ops.pinning._last", None)
    made = dlf.tensor([1.0, 2.0], pin_memory=True, requires_grad=True)
    assert made.is_pinned()
    assert made.is_leaf
    assert made.requires_grad
    assert dlf.tensor(dlf.ones(2), pin_memory=True).is_pinned()
    with pytest.raises(RuntimeError, match="only dense CPU tensors can be pinned"):
        dlf.tensor([1.0], device="sim", pin_memory=True)
