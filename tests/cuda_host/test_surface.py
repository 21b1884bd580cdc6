"""Small functions of `dlf.cuda` that programs written for PyTorch call, over a stand-in of CuPy."""

from __future__ import annotations

from tests.cuda_host.child import run


def test_readying(cuda_plugin: str) -> None:
    run(
        cuda_plugin,
        """
import dlf
assert not dlf.cuda.is_initialized()
dlf.cuda.init()
assert dlf.cuda.is_initialized()
""",
    )


def test_cards(cuda_plugin: str) -> None:
    run(
        cuda_plugin,
        """
import dlf
assert dlf.cuda.can_device_access_peer(0, "cuda:1") and not dlf.cuda.can_device_access_peer(1, 1)
for chosen in (1, "cuda:1", dlf.device("cuda:1")):
    with dlf.cuda.device(chosen):
        assert dlf.cuda.current_device() == 1
        assert dlf.zeros(1, device="cuda").device == dlf.device("cuda:1")
with dlf.cuda.device(None):
    assert dlf.cuda.current_device() == 0
""",
        DOUBLE_CARDS="2",
    )


def test_streams(cuda_plugin: str) -> None:
    run(
        cuda_plugin,
        """
import dlf
side = dlf.cuda.Stream()
x = dlf.ones(3, device="cuda")
dlf.cuda.set_stream(None)
assert dlf.cuda.current_stream() == dlf.cuda.default_stream()
dlf.cuda.set_stream(side)
assert dlf.cuda.current_stream() == side
y = x + 1
y.record_stream(side)
dlf.cuda.set_stream(dlf.cuda.default_stream())
assert dlf.cuda.current_stream() == dlf.cuda.default_stream()
assert y.tolist() == [2.0] * 3
""",
    )


def test_a_share_of_the_memory(cuda_plugin: str) -> None:
    told = run(
        cuda_plugin,
        """
import dlf
dlf.cuda.set_per_process_memory_fraction(0.25)
kept = dlf.zeros(1 << 17, device="cuda")
try:
    dlf.zeros(1 << 18, device="cuda")
except dlf.cuda.OutOfMemoryError:
    print("out of memory")
try:
    dlf.cuda.set_per_process_memory_fraction(2.0)
except ValueError as error:
    print(error)
""",
        DOUBLE_MEMORY=str(4 << 20),
    )
    assert told.splitlines() == ["out of memory", "Invalid fraction value: 2.0. Allowed range: 0~1"]


def test_mixed_precision_where_older_programs_look_for_it(cuda_plugin: str) -> None:
    run(
        cuda_plugin,
        """
import dlf
model = dlf.nn.Linear(4, 2).to("cuda")
scaler = dlf.cuda.amp.GradScaler(init_scale=8.0)
with dlf.cuda.amp.autocast(dtype=dlf.bfloat16):
    y = model(dlf.ones(3, 4, device="cuda"))
assert y.dtype is dlf.bfloat16
assert scaler.scale(y.float().sum()).item() == 8 * y.float().sum().item()
""",
    )
