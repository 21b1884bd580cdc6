"""Streams, events, pinned memory and two cards, with streams that run as late as they may."""

from __future__ import annotations

import pytest

from tests.emulated.conftest import Run

pytestmark = pytest.mark.emulated


def test_order(card: Run) -> None:
    """Work of another stream is not done before it is waited for, and is after."""
    card(
        """
import dlf
x = dlf.zeros(1000, device="cuda")
dlf.cuda.synchronize()
side, event = dlf.cuda.Stream(), dlf.cuda.Event()
with dlf.cuda.stream(side):
    x.add_(1)
    event.record(side)
early = x.clone().cpu()
assert early.sum().item() == 0, "the other stream has run ahead"
dlf.cuda.current_stream().wait_event(event)
assert x.sum().item() == 1000 and event.query()
with dlf.cuda.stream(side):
    x.add_(1)
side.synchronize()
assert x.cpu().sum().item() == 2000 and side.query()
first, second = dlf.cuda.Event(enable_timing=True), dlf.cuda.Event(enable_timing=True)
first.record()
x * 2
second.record()
second.synchronize()
assert first.elapsed_time(second) >= 0
""",
        DLF_CARD_LATE="1",
    )


def test_memory_of_other_streams(card: Run) -> None:
    """Memory that a stream still reads is not given to another one."""
    card(
        """
import dlf
side = dlf.cuda.Stream()
with dlf.cuda.stream(side):
    total = dlf.zeros(4096, device="cuda")
for _ in range(20):
    x = dlf.ones(4096, device="cuda")
    side.wait_stream(dlf.cuda.current_stream())
    with dlf.cuda.stream(side):
        total.add_(x)
    del x
    dlf.full((4096,), 7.0, device="cuda")
side.synchronize()
assert total.cpu().tolist() == [20.0] * 4096
""",
        DLF_CARD_LATE="1",
    )


def test_pinned(card: Run) -> None:
    """Copies from and to pinned memory that the host does not wait for."""
    card(
        """
import ctypes
import dlf
card = ctypes.CDLL("libcard.so")
given = dlf.arange(1000, dtype=dlf.float32).pin_memory()
dlf.ones(1, device="cuda") + 1  # compiled
dlf.cuda.synchronize()
before = card.card_wait_count()
there = given.to("cuda", non_blocking=True)
back = (there + 1).to("cpu", non_blocking=True)
assert card.card_wait_count() == before, "the host has waited"
assert back.is_pinned() and back.numpy()[1] != 2, "the copy has run ahead"
dlf.cuda.synchronize()
assert back.tolist() == [i + 1 for i in range(1000)]
from dlf.utils.data import DataLoader, TensorDataset
got = []
for x, y in DataLoader(TensorDataset(dlf.arange(10), dlf.arange(10) * 2), 4, pin_memory=True):
    got += (x.cuda(non_blocking=True) + y.cuda(non_blocking=True)).tolist()
assert got == [3 * k for k in range(10)]
""",
        DLF_CARD_LATE="1",
    )


def test_two_cards(card: Run) -> None:
    """Kernels run on the card that their arrays are on, and copies between cards keep the order."""
    card(
        """
import dlf
from dlf import nn
assert dlf.cuda.device_count() == 2
x = dlf.ones(64, 48, device="cuda:0", requires_grad=True)
layer = nn.Sequential(nn.Linear(48, 32), nn.LayerNorm(32), nn.GELU()).to("cuda:1")
optimizer = dlf.optim.Adam(layer.parameters())
with dlf.cuda.count_synchronizations() as counter:
    for _ in range(3):
        y = layer(x.to("cuda:1") * 2)
        loss = nn.functional.cross_entropy(y, dlf.zeros(64, dtype=dlf.int64, device="cuda:1"))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
assert not counter, counter
assert x.grad.device.index == 0 and loss.device.index == 1
assert all(one.device.index == 1 for one in layer.parameters())
assert 0 < loss.item() < 10 and x.grad.abs().sum().item() > 0
with dlf.cuda.device(1):
    a = dlf.arange(1000, dtype=dlf.float32, device="cuda") + 1
    assert a.device.index == 1
b = a.to("cuda:0")
a.zero_()
assert b.sum().item() == 500500 and a.sum().item() == 0
side = dlf.cuda.Stream("cuda:1")
with dlf.cuda.stream(side):
    side.wait_stream(dlf.cuda.default_stream("cuda:1"))
    a.add_(3)
    c = a.to("cuda:0")
assert c.sum().item() == 3000
assert dlf.cuda.memory_allocated(1) > 0
""",
        DLF_CARD_LATE="1",
        DLF_CARD_DEVICES="2",
    )


def test_other_cards_memory(card: Run) -> None:
    """A kernel is refused memory of a card that was not let in, and a stream of another card."""
    card(
        """
import cupy
add = cupy.RawKernel('extern "C" __global__ void add(float* x) { x[0] += 1; }', "add")
with cupy.cuda.Device(1):
    x = cupy.zeros(4, "f")
    stream = cupy.cuda.Stream(non_blocking=True)
    cupy.cuda.Device(1).synchronize()
Error = cupy.cuda.driver.CUDADriverError
try:
    add((1,), (1,), (x,), stream=stream)
except Error as error:
    assert "on a stream of card 1, while card 0 is current" in str(error), error
else:
    raise AssertionError("not refused")
try:
    add((1,), (1,), (x,))
except Error as error:
    assert "memory of card 1, on card 0, which was not let in" in str(error), error
else:
    raise AssertionError("not refused")
""",
        DLF_CARD_DEVICES="2",
    )


def test_no_card(card: Run) -> None:
    """Without a device the probe tells so."""
    told = card(
        """
import dlf
assert not dlf.cuda.is_available()
try:
    dlf.zeros(1, device="cuda")
except RuntimeError as error:
    print(error)
""",
        DLF_CARD_DEVICES="0",
    )
    assert "no device is visible" in told
