"""Memory of the emulated card: running out, giving back, counting."""

from __future__ import annotations

import pytest

from tests.emulated.conftest import Run

pytestmark = pytest.mark.emulated


def test_running_out(card: Run) -> None:
    """The cache is given back and the allocation tried again, then the error has its numbers."""
    told = card(
        """
import dlf
mib = 1 << 18  # elements of float32
kept = dlf.zeros(16 * mib, device="cuda")
gone = dlf.zeros(32 * mib, device="cuda")
del gone
large = dlf.zeros(40 * mib, device="cuda")  # fits once the cache is given back
assert dlf.cuda.memory_stats()["num_ooms"] == 0
try:
    dlf.zeros(20 * mib, device="cuda")
except dlf.cuda.OutOfMemoryError as error:
    assert isinstance(error, RuntimeError) and isinstance(error, MemoryError)
    assert error.asked == 20 << 20 and error.free == 8 << 20, (error.asked, error.free)
    assert error.reserved == error.allocated == 56 << 20, (error.reserved, error.allocated)
    print(error)
else:
    raise AssertionError("not refused")
stats = dlf.cuda.memory_stats()
assert stats["num_ooms"] == 1 and stats["num_alloc_retries"] >= 1, stats
assert kept.sum().item() == large.sum().item() == 0
del large
dlf.cuda.empty_cache()
free, total = dlf.cuda.mem_get_info()
assert total == 64 << 20 and free == 48 << 20, (free, total)
assert dlf.ones(44 * mib, device="cuda").sum().item() == 44 * mib
""",
        DLF_CARD_MEMORY="64M",
    )
    assert "cuda:0 out of memory: tried to allocate 20.00 MiB" in told
    assert "8.00 MiB of 64.00 MiB are free" in told


def test_statistics(card: Run) -> None:
    card(
        """
import dlf
base = dlf.cuda.memory_allocated()
x = dlf.zeros(1 << 18, device="cuda")
assert dlf.cuda.memory_allocated() - base == 1 << 20
y = x + 1
z = y * 2
del y
assert dlf.cuda.memory_allocated() - base == 2 << 20
assert dlf.cuda.max_memory_allocated() - base == 3 << 20
assert dlf.cuda.memory_reserved() >= 3 << 20
dlf.cuda.reset_peak_memory_stats()
assert dlf.cuda.max_memory_allocated() - base == 2 << 20
del x, z
dlf.cuda.empty_cache()
assert dlf.cuda.memory_allocated() == base and dlf.cuda.memory_reserved() < 1 << 20
"""
    )
