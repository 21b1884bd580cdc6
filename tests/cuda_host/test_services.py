"""Memory, streams, pinned memory, random states and hidden waiting, over a stand-in of CuPy."""

from __future__ import annotations

from tests.cuda_host.child import run


def test_out_of_memory(cuda_plugin: str) -> None:
    """What nobody holds is collected and the allocation tried again before the error, which says
    all.
    """
    told = run(
        cuda_plugin,
        """
import dlf
kept = dlf.zeros(1 << 18, device="cuda")
view = kept[1:]
gone = [dlf.zeros(1 << 19, device="cuda")]
gone.append(gone)  # a cycle, which Python frees when it looks for such
del gone
large = dlf.zeros((1 << 20) - (1 << 17), device="cuda")  # fits once it is gone
stats = dlf.cuda.memory_stats()
assert stats["num_alloc_retries"] == 1 and stats["num_ooms"] == 0, stats
try:
    dlf.zeros(1 << 20, device="cuda")
except dlf.cuda.OutOfMemoryError as error:
    assert isinstance(error, (RuntimeError,)) and isinstance(error, MemoryError)
    assert error.asked == 4 << 20
    assert error.free < 2 << 20 and error.reserved >= error.allocated >= 4 << 20
    print(error)
assert dlf.cuda.memory_stats()["num_ooms"] == 1
print(dlf.cuda.memory_summary())
del large, view, kept
dlf.cuda.empty_cache()
free, total = dlf.cuda.mem_get_info()
assert total == 6 << 20 and dlf.zeros(1 << 20, device="cuda").sum().item() == 0
""",
        DOUBLE_MEMORY=str(6 << 20),
    )
    assert "cuda:0 out of memory: tried to allocate 4.00 MiB" in told
    largest = told.partition("The largest tensors: ")[2]
    assert largest.startswith("3.50 MiB (917504, float32); 1.00 MiB (262144, float32)")
    assert largest.partition(". Smaller")[0].count("262144") == 1, "a view counts with its base"


def test_peaks(cuda_plugin: str) -> None:
    run(
        cuda_plugin,
        """
import dlf
base = dlf.cuda.memory_allocated()
x = dlf.zeros(1 << 16, device="cuda")
y = dlf.zeros(1 << 16, device="cuda")
assert dlf.cuda.memory_allocated() == base + (1 << 19)
del y
assert dlf.cuda.memory_allocated() == base + (1 << 18)
assert dlf.cuda.max_memory_allocated() >= base + (1 << 19)
assert dlf.cuda.memory_reserved() >= base + (1 << 19)
dlf.cuda.reset_peak_memory_stats()
assert dlf.cuda.max_memory_allocated() == dlf.cuda.memory_allocated("cuda:0")
""",
    )


def test_memory_leaves_with_the_last_stream(cuda_plugin: str) -> None:
    """Freed memory is not handed out while another stream may still use it."""
    run(
        cuda_plugin,
        """
import cupy
import dlf
from dlf_cupy_gpu.memory import METER
side = dlf.cuda.Stream()
x = dlf.zeros(1 << 16, device="cuda")
place = x._data.data.ptr
cupy.cuda.Stream.done = cupy.cuda.Event.done = False  # All of them have work to do.
with dlf.cuda.stream(side):
    y = x + 1
del x, y
assert METER._leaving
assert dlf.zeros(1 << 16, device="cuda")._data.data.ptr != place
cupy.cuda.Stream.done = cupy.cuda.Event.done = True
again = [dlf.zeros(1 << 16, device="cuda") for _ in range(4)]
assert place in [one._data.data.ptr for one in again] and not METER._leaving
""",
    )


def test_streams(cuda_plugin: str) -> None:
    run(
        cuda_plugin,
        """
import dlf
assert dlf.cuda.current_stream() == dlf.cuda.default_stream()
side = dlf.cuda.Stream("cuda:1", priority=-1)
assert side.device == dlf.device("cuda:1") and side != dlf.cuda.current_stream(1)
with dlf.cuda.stream(side):
    assert dlf.cuda.current_stream(1) == side
    x = dlf.ones(3, device="cuda:1") + 1
dlf.cuda.current_stream(1).wait_stream(side)
assert x.sum().item() == 6 and side.query()
start, end = dlf.cuda.Event(enable_timing=True), dlf.cuda.Event(enable_timing=True)
try:
    start.elapsed_time(end)
except RuntimeError as error:
    assert "recorded and completed" in str(error)
start.record(side), end.record(side)
assert start.elapsed_time(end) >= 0
try:
    dlf.cuda.Event().elapsed_time(end)
except RuntimeError as error:
    assert "enable_timing" in str(error)
with dlf.cuda.stream(None):
    dlf.cuda.synchronize("cuda:1")
assert len({side, side}) == 1 and "cuda:1" in repr(side)
""",
        DOUBLE_CARDS="2",
    )


def test_cards(cuda_plugin: str) -> None:
    run(
        cuda_plugin,
        """
import dlf
assert dlf.cuda.is_available() and dlf.cuda.device_count() == 2
assert dlf.cuda.get_device_name() == "a stand-in"
assert dlf.cuda.get_device_capability("cuda:1") == (9, 0)
assert dlf.cuda.get_device_properties(1).total_memory == 1 << 30
assert dlf.cuda.is_bf16_supported()
x = dlf.arange(6, device="cuda:1").reshape(2, 3)
assert x._data.device.id == 1
assert (x.to("cuda:0") + 1)._data.device.id == 0
with dlf.cuda.device(1):
    assert dlf.zeros(2, device="cuda").device == dlf.device("cuda:1")
    assert dlf.cuda.memory_allocated() == dlf.cuda.memory_allocated(1)
x[0] = 7
assert x.cpu().tolist() == [[7, 7, 7], [3, 4, 5]]
""",
        DOUBLE_CARDS="2",
    )


def test_pinned(cuda_plugin: str) -> None:
    run(
        cuda_plugin,
        """
import ml_dtypes
import numpy as np
import dlf
from dlf_cupy_gpu.backend import CupyBackend
service = CupyBackend.services["pinned"]
x = dlf.zeros(1, device="cuda")
for dtype in ("float32", "bool", ml_dtypes.bfloat16):
    for shape in ((2, 3), (), (0, 4)):
        host = np.ones(shape, dtype)
        assert not service.is_pinned(host)
        held = service.pin(host)
        assert service.is_pinned(held) == bool(host.size) and held.dtype == host.dtype
        assert np.array_equal(held, host)
        there = service.copy_to_device(held, dlf.dtypes.from_numpy(host.dtype), 0)
        back, event = service.copy_to_host(there)
        event.synchronize()
        assert back.shape == shape and np.array_equal(back, host)
""",
    )


def test_hidden_waiting(cuda_plugin: str) -> None:
    """A training step does not wait for the card; what does is counted, warned of or refused."""
    run(
        cuda_plugin,
        """
import warnings
import dlf
from dlf import nn
model = nn.Sequential(
    nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.AvgPool2d(2), nn.Flatten(),
    nn.Linear(36, 8), nn.LayerNorm(8), nn.GELU(), nn.Linear(8, 3),
).to("cuda")
optimizer = dlf.optim.Adam(model.parameters())
x, y = dlf.randn(2, 1, 8, 8).to("cuda"), dlf.rand(2, 3).to("cuda")

def step():
    optimizer.zero_grad()
    loss = nn.functional.mse_loss(model(x).log_softmax(1), y)
    loss.backward()
    optimizer.step()
    return loss

dlf.cuda.set_sync_debug_mode("error")
with dlf.cuda.count_synchronizations() as counter:
    loss = step()
assert not counter, counter
try:
    loss.item()
except dlf.cuda.SynchronizationError as error:
    assert "a copy to the host" in str(error)
else:
    raise AssertionError
assert dlf.cuda.get_sync_debug_mode() == 2
dlf.cuda.set_sync_debug_mode(1)
with warnings.catch_warnings(record=True) as told:
    warnings.simplefilter("always")
    x.nonzero()
assert "nonzero made the host wait" in str(told[0].message)
dlf.cuda.set_sync_debug_mode("default")
with dlf.cuda.count_synchronizations() as counter:
    loss.item(), x.nonzero(), dlf.cuda.synchronize()
assert counter == {"a copy to the host": 1, "nonzero": 1}, counter
for wrong in ("loud", 3):
    try:
        dlf.cuda.set_sync_debug_mode(wrong)
    except RuntimeError as error:
        assert "debug_mode" in str(error)
    else:
        raise AssertionError(wrong)
""",
    )


def test_random_states(cuda_plugin: str) -> None:
    run(
        cuda_plugin,
        """
import dlf
dlf.cuda.manual_seed(5)
assert dlf.cuda.initial_seed() == 5
state = dlf.cuda.get_rng_state()
first = dlf.rand(4, device="cuda").cpu().tolist()
dlf.cuda.set_rng_state(state)
assert dlf.rand(4, device="cuda").cpu().tolist() == first
try:
    dlf.cuda.set_rng_state(state[:-1])
except RuntimeError as error:
    assert "bytes" in str(error)
else:
    raise AssertionError
""",
    )


def test_settings(cuda_plugin: str) -> None:
    code = """
import dlf
from dlf_cupy_gpu.deterministic import is_deterministic, matmul_precision
print(is_deterministic(), matmul_precision())
dlf.use_deterministic_algorithms(True)
dlf.set_float32_matmul_precision("high")
print(is_deterministic(), matmul_precision())
"""
    assert run(cuda_plugin, code).split() == ["False", "highest", "True", "high"]
