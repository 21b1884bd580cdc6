"""Copies that the host does not wait for, and between cards, over a stand-in of CuPy."""

from __future__ import annotations

from tests.cuda_host.child import run


def test_between_cards(cuda_plugin: str) -> None:
    """Each card's current stream waits for the other's: before the copy, and after it."""
    run(
        cuda_plugin,
        """
import cupy
import dlf
from dlf_cupy_gpu.peer import to_index
x = dlf.arange(6, device="cuda:0").reshape(2, 3)
here, there = dlf.cuda.Stream("cuda:0"), dlf.cuda.Stream("cuda:1")
names = {0: "default", here.native.ptr: "here", there.native.ptr: "there"}
log = []

def noted(kind, name, say):
    before = getattr(kind, name)
    def call(self, *args, **named):
        log.append(say(self, *args))
        return before(self, *args, **named)
    setattr(kind, name, call)

noted(cupy.cuda.Event, "record", lambda self, stream: (self, "behind", names[stream.ptr]))
noted(cupy.cuda.Stream, "wait_event", lambda self, event: (event, "before", names[self.ptr]))
noted(cupy.ndarray, "copy", lambda self: ("copy", cupy.cuda.runtime.getDevice()))
with dlf.cuda.stream(here), dlf.cuda.stream(there):
    for view, gathered in ((x, []), (x.t(), [("copy", 0)])):
        log.clear()
        made = to_index(view._data, 1)
        assert made.data.device_id == 1 and made.get().tolist() == view.tolist()
        while gathered:
            assert log.pop(0) == gathered.pop(0)
        (first, a, b), (second, c, d), copied, (third, e, f), (fourth, g, h) = log
        assert copied == ("copy", 1)
        assert first is second and third is fourth
        assert (a, b, c, d) == ("behind", "here", "before", "there")
        assert (e, f, g, h) == ("behind", "there", "before", "here")
for shape in ((), (0, 3), (5,)):
    for dtype in (dlf.float32, dlf.bfloat16, dlf.bool):
        y = dlf.ones(shape, dtype=dtype, device="cuda:1")
        z = to_index(y._data, 0)
        assert z.shape == shape and z.data.device_id == 0
        assert z.dtype == y._data.dtype and (z.get() == 1).all()
""",
        DOUBLE_CARDS="2",
    )


def test_host_memory_is_kept(cuda_plugin: str) -> None:
    """What a card is still writing is not handed out again, whoever has let it go."""
    run(
        cuda_plugin,
        """
import gc
import weakref
import cupy
import dlf
from dlf_cupy_gpu import pinned
x = dlf.ones(4, device="cuda")
cupy.cuda.Event.done = False
backs = [x.to("cpu", non_blocking=True) for _ in range(3)]
memory = [weakref.ref(one._data.base) if one._data.base is not None else None for one in backs]
del backs
gc.collect()
assert len(pinned._landing) == 3
cupy.cuda.Event.done = True
last = x.to("cpu", non_blocking=True)
assert last.is_pinned() and last.tolist() == [1, 1, 1, 1]
assert not pinned._landing
""",
    )


def test_waiting_for_pinned_memory(cuda_plugin: str) -> None:
    """By default the host waits until a card has read pinned memory; with the flag it does not."""
    run(
        cuda_plugin,
        """
import cupy
import dlf
pinned = dlf.ones(4).pin_memory()
assert pinned.is_pinned("cuda") and pinned.is_pinned()
blocking, array = [], cupy.array
def noted(*args, **named):
    blocking.append(named["blocking"])
    return array(*args, **named)
cupy.array = noted
assert pinned.cuda(non_blocking=True).cpu().tolist() == [1] * 4
from dlf_cupy_gpu.backend import CupyBackend
CupyBackend().from_host(pinned.numpy(), dlf.float32, 0)
CupyBackend().from_host(pinned.clone().numpy(), dlf.float32, 0)
assert blocking == [False, True, False], blocking
dlf.cuda.set_sync_debug_mode("error")
there = pinned.to("cuda", non_blocking=True)
back = (there + 1).to("cpu", non_blocking=True)
dlf.cuda.synchronize()
assert back.is_pinned() and back.tolist() == [2] * 4
""",
    )


def test_capturing(cuda_plugin: str) -> None:
    """A step that is captured copies neither from nor to pinned memory, nor to another card."""
    run(
        cuda_plugin,
        """
import dlf
from dlf_cupy_gpu.peer import to_index
pinned = dlf.ones(3).pin_memory()
steps = {
    "a copy to the host": lambda x: x.to("cpu", non_blocking=True),
    "from the host to the device": lambda x: x + pinned.to("cuda", non_blocking=True),
    "a copy to another card": lambda x: to_index(x._data, 1),
}
for words, function in steps.items():
    step = dlf.cuda.graph(function, warmup=1)
    step(dlf.ones(3))
    try:
        step(dlf.ones(3))
    except dlf.cuda.CaptureError as error:
        assert words in str(error), error
    else:
        raise AssertionError(words)
step = dlf.cuda.graph(
    lambda x: x + pinned.to("cuda", non_blocking=True), warmup=1, constants=True
)
for _ in range(4):
    assert step(dlf.ones(3)).cpu().tolist() == [2, 2, 2]
""",
        DOUBLE_CARDS="2",
    )


def test_loading(cuda_plugin: str) -> None:
    """A loader pins for the card without being told which device it is for."""
    run(
        cuda_plugin,
        """
import warnings
import dlf
from dlf.utils.data import DataLoader, TensorDataset
warnings.simplefilter("error")
data = TensorDataset(dlf.arange(10), dlf.arange(10) * 2)
for workers in (0, 2):
    got = []
    for x, y in DataLoader(data, 4, num_workers=workers, pin_memory=True):
        assert x.is_pinned() and y.is_pinned("cuda")
        got += (x.cuda(non_blocking=True) + y.cuda(non_blocking=True)).tolist()
    assert got == [3 * k for k in range(10)]
assert dlf.ones(2).pin_memory().is_pinned("cuda") and not dlf.ones(2).is_pinned()
""",
    )


def test_workers_use_no_other_card(cuda_plugin: str) -> None:
    """Threads that pin are on the current card, not on the one that threads begin on."""
    run(
        cuda_plugin,
        """
import cupy
import dlf
from dlf.utils.data import DataLoader, TensorDataset
cards = []
alloc, asked = cupy.cuda.alloc_pinned_memory, cupy.cuda.pinned_memory.is_memory_pinned
def noted(function):
    def call(argument):
        cards.append(cupy.cuda.runtime.getDevice())
        return function(argument)
    return call
cupy.cuda.alloc_pinned_memory = noted(alloc)
cupy.cuda.pinned_memory.is_memory_pinned = noted(asked)
with dlf.cuda.device(1):
    batches = list(DataLoader(TensorDataset(dlf.ones(6)), 2, num_workers=1, pin_memory=True))
assert len(batches) == 3 and len(cards) > 3 and set(cards) == {1}, cards
""",
        DOUBLE_CARDS="2",
    )


def test_tensors_between_cards(cuda_plugin: str) -> None:
    """No way over the host, for tensors, gradients and modules."""
    run(
        cuda_plugin,
        """
import dlf
from dlf import nn
x = dlf.ones(2, 3, device="cuda:0", requires_grad=True)
layer = nn.Linear(3, 2).to("cuda:1")
target = dlf.zeros(2, 3, device="cuda:1")
with dlf.cuda.count_synchronizations() as counter:
    y = x.to("cuda:1")
    layer(y * 2).sum().backward()
    layer.to("cuda:0")
    target.copy_(x.detach())
assert not counter, counter
assert y.device == dlf.device("cuda:1") and x.grad.device == dlf.device("cuda:0")
assert layer.weight.device == dlf.device("cuda:0")
assert target.tolist() == [[1, 1, 1], [1, 1, 1]]
""",
        DOUBLE_CARDS="2",
    )
