"""The emulated card refuses what a card would, and tells why."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.cuda.nvrtc import nvrtc
from tests.emulated.conftest import RUN, Run

pytestmark = pytest.mark.emulated

KERNELS = """
import cupy
import numpy as np
source = r'''
extern "C" __global__ void scaled(const float* from, float* to, long long count, double by) {
  for (long long i = threadIdx.x; i < count; i += blockDim.x) to[i] = from[i] * by;
}
extern "C" __global__ void half_way(float* to) {
  __shared__ float kept[64];
  kept[threadIdx.x] = to[threadIdx.x];
  if (threadIdx.x % 2) return;
  __syncthreads();
  to[threadIdx.x] = kept[threadIdx.x + 1];
}
extern "C" __global__ void wild(float* to) { to[1LL << 40] = 1; }
extern "C" __global__ void lanes(float* to) {
  if (threadIdx.x < 16) to[threadIdx.x] = __shfl_sync(0xFFFFFFFFu, to[threadIdx.x], 0);
}
'''
module = cupy.RawModule(code=source)
scaled = module.get_function("scaled")
x, y = cupy.arange(64, dtype="f"), cupy.zeros(64, "f")
arguments = [x, y, np.int64(64), np.float64(2)]

def refused(words, call):
    try:
        call()
        cupy.cuda.Device().synchronize()
    except (cupy.cuda.driver.CUDADriverError, cupy.cuda.runtime.CUDARuntimeError) as error:
        assert words in str(error), (words, str(error))
    else:
        raise AssertionError(f"not refused: {words}")

def changed(at, value):
    return [value if i == at else given for i, given in enumerate(arguments)]

"""


def test_launches(card: Run) -> None:
    """Geometry, shared memory, and how many and how large arguments are."""
    card(
        KERNELS
        + """
for at, value, words in [
    (2, np.int32(64), "parameter 2 has 8 bytes and got 4"),
    (3, np.float32(2), "parameter 3 has 8 bytes and got 4"),
    (3, np.int64(2), "parameter 3 is a float of 8 bytes and got an integer of 8"),
    (2, y, "parameter 2 is a number and got an array"),
]:
    refused(words, lambda: scaled((1,), (32,), changed(at, value)))
refused("3 arguments for 4 parameters", lambda: scaled((1,), (32,), arguments[:3]))
refused("blocks (2048, 1, 1)", lambda: scaled((1,), (2048,), arguments))
refused("grid (1, 70000, 1)", lambda: scaled((1, 70000), (32,), arguments))
refused("100000 bytes of dynamic shared memory, where 49152 are allowed",
        lambda: scaled((1,), (32,), arguments, shared_mem=100000))
scaled.max_dynamic_shared_size_bytes = 100000
scaled((1,), (32,), arguments, shared_mem=100000)
assert y.tolist() == [2 * i for i in range(64)]
half_way = module.get_function("half_way")
half_way((1,), (64,), (y,))
assert y.tolist()[::2] == [2 * (i + 1) for i in range(0, 64, 2)]
""",
    )


@pytest.mark.parametrize(
    ("words", "call"),
    [
        ("is no card's memory", "scaled((1,), (32,), changed(1, np.uintp(12345)))"),
        ("is no card's memory", "scaled((1,), (32,), changed(0, np.uintp(host.ctypes.data)))"),
        ("access to an invalid address", "module.get_function('wild')((1,), (1,), (y,))"),
        ("names lanes that do not exist", "module.get_function('lanes')((1,), (16,), (y,))"),
        ("deadlock: not all threads come", "module.get_function('lanes')((1,), (32,), (y,))"),
    ],
)
@pytest.mark.parametrize("late", ["0", "1"])
def test_faults_last(card: Run, words: str, call: str, late: str) -> None:
    """After a kernel's fault the card gives its error to every call."""
    code = f"""
host = np.zeros(64, "f")
refused({words!r}, lambda: {call})
refused({words!r}, lambda: y.get())
"""
    card(KERNELS + code, DLF_CARD_LATE=late)


def test_captures(card: Run) -> None:
    """What a capture forbids ends it; a graph whose memory was freed is refused."""
    card(
        KERNELS
        + """
host = np.zeros(64, "f")
cupy.cuda.set_allocator(None)
arguments[:2] = x, y = cupy.arange(64, dtype="f"), cupy.zeros(64, "f")
stream = cupy.cuda.Stream(non_blocking=True)
for words, call in [
    ("cudaStreamSynchronize while the stream is captured", stream.synchronize),
    ("a copy of pageable memory while", lambda: cupy.cuda.runtime.memcpyAsync(
        y.data.ptr, host.ctypes.data, 256, cupy.cuda.runtime.memcpyHostToDevice, stream.ptr)),
    ("cudaDeviceSynchronize while", cupy.cuda.Device().synchronize),
]:
    with stream:
        stream.begin_capture()
        refused(words, call)
        try:
            stream.end_capture()
        except cupy.cuda.runtime.CUDARuntimeError as error:
            assert "StreamCaptureInvalidated" in str(error), error
with stream:
    stream.begin_capture()
    scaled((1,), (32,), arguments)
    graph = stream.end_capture()
    assert y.tolist() == [0] * 64
    graph.launch()
    stream.synchronize()
    assert y.tolist() == [2 * i for i in range(64)]
arguments.clear()
del x
refused("is no card's memory", lambda: graph.launch(stream))
""",
    )


def test_memory_starts_as_nan(card: Run) -> None:
    """A kernel that leaves elements out does not find zeros there."""
    card("import cupy\nassert cupy.isnan(cupy.empty(1000)).all()")


def test_idle(card: Run) -> None:
    """Launches that do nothing are counted all the same."""
    card(
        """
import ctypes
import cupy
card = ctypes.CDLL("libcard.so")
x = cupy.zeros(4)
y = x + 1
before = card.card_launch_count()
card.card_set_idle(1)
y = x + 2
y = x + 3
card.card_set_idle(0)
assert card.card_launch_count() == before + 2
assert (x + 1).tolist() == [1] * 4
"""
    )


def test_what_is_missing(tmp_path: Path) -> None:
    """Without a compiler or without CuPy: exit status 2, and what to install."""
    for path, words in ((str(tmp_path), "g++ on Linux is needed"), (None, "CuPy is not installed")):
        options = [] if path else ["-I", "-S"]
        begin = f"import sys; sys.path.insert(0, {str(Path(RUN[1]).parent)!r}); "
        code = begin + "import run; sys.exit(run.main(['--build']))"
        done = subprocess.run(
            [sys.executable, *options, "-c", code],
            env={"PATH": path or "/usr/local/bin:/usr/bin:/bin", "HOME": str(tmp_path)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 2, done
        assert words in done.stderr


def test_what_a_real_nvrtc_refuses(card: Run) -> None:
    """The host's compiler alone takes more than NVRTC does, such as the standard library."""
    library = nvrtc()
    if library is None:
        pytest.skip("there is no NVRTC, neither a wheel nor a toolkit's")
    told = card(
        """
import cupy
vectors = '#include <vector>\\nextern "C" __global__ void f() { std::vector<int> x; }'
for source in ('extern "C" __global__ void f() {}', vectors):
    try:
        cupy.RawKernel(source, "f")((1,), (32,), ())
        print("taken")
    except cupy.cuda.compiler.CompileException as error:
        print(str(error).splitlines()[0])
""",
        DLF_CARD_NVRTC=library._name,
    )
    assert told.splitlines() == ["taken", "the real NVRTC refuses it:"]
