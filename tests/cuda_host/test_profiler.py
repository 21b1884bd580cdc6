"""Ranges for profilers, over a stand-in of CuPy."""

from __future__ import annotations

from tests.cuda_host.child import run


def test_ranges(cuda_plugin: str) -> None:
    told = run(
        cuda_plugin,
        """
import dlf, cupy
nvtx = dlf.cuda.nvtx
assert nvtx.range_push("step") == 0
assert nvtx.range_push("forward") == 1
assert nvtx.range_pop() == 1
assert nvtx.range_pop() == 0
try:
    with nvtx.range("batch {}", 7):
        nvtx.mark("here")
        raise ZeroDivisionError
except ZeroDivisionError:
    pass
try:
    nvtx.range_pop()
except RuntimeError as error:
    print(error)
print(*cupy.cuda.nvtx.told, sep="; ")
""",
    )
    assert told.splitlines() == [
        "range_pop: no range was pushed in this thread",
        "push step; push forward; pop; pop; push batch 7; mark here; pop",
    ]
