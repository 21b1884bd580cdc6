"""The shim finds what would go wrong on a card: each of these kernels has one fault."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dlf_cupy_gpu import module
from tests.cuda import host

SOURCE = """
#include "reduce.cuh"
KERNEL past_the_end(const scalar_t* x, scalar_t* y, index_t count) {
  y[threadIdx.x] = x[threadIdx.x + 1];
}
KERNEL writes_past_the_end(const scalar_t* x, scalar_t* y, index_t count) { y[count] = x[0]; }
KERNEL before_the_start(const scalar_t* x, scalar_t* y, index_t count) { y[0] = x[-count]; }
KERNEL past_shared_memory(const scalar_t* x, scalar_t* y, index_t count) {
  SHARED_MEMORY(scalar_t, shared);
  shared[threadIdx.x + 1] = x[threadIdx.x];
}
KERNEL past_a_static_array(const scalar_t* x, scalar_t* y, index_t count) {
  __shared__ scalar_t slots[4];
  slots[count % 29] = x[0];
  y[0] = slots[count % 28];
}
KERNEL wide_at_an_odd_address(const scalar_t* x, scalar_t* y, index_t count) {
  if (threadIdx.x == 0) packs<WIDTH>(y)[0] = packs<WIDTH>(x + 1)[0];
}
KERNEL some_skip_the_barrier(const scalar_t* x, scalar_t* y, index_t count) {
  if (threadIdx.x > 3) __syncthreads();
}
KERNEL some_return_early(const scalar_t* x, scalar_t* y, index_t count) {
  if (threadIdx.x == 5) return;
  __syncthreads();
}
KERNEL full_mask_in_half_a_warp(const scalar_t* x, scalar_t* y, index_t count) {
  if (threadIdx.x < 16) y[threadIdx.x] = narrow(__shfl_xor_sync(FULL_WARP, acc_t(1), 1));
}
KERNEL no_barrier_between(const scalar_t* x, scalar_t* y, index_t count) {
  SHARED_MEMORY(scalar_t, shared);
  shared[threadIdx.x] = x[threadIdx.x];
  y[threadIdx.x] = shared[31 - threadIdx.x];
}
KERNEL overflows(const scalar_t* x, scalar_t* y, index_t count) {
  const int big = 2147483647;
  y[0] = narrow(acc_t(big + int(count)));
}
KERNEL right(const scalar_t* x, scalar_t* y, index_t count) {
  SHARED_MEMORY(scalar_t, shared);
  shared[threadIdx.x] = x[threadIdx.x];
  __syncthreads();
  Sum sum = {wide(shared[31 - threadIdx.x])};
  y[threadIdx.x] = narrow(team_reduce(sum).value);
}
"""


@pytest.fixture
def launch(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> Any:
    host.runtime()
    (tmp_path / "faults.cu").write_text(SOURCE)
    for header in module.FOLDER.glob("*.cuh"):
        (tmp_path / header.name).write_text(header.read_text())
    monkeypatch.setattr(module, "FOLDER", tmp_path)
    module.source.cache_clear()

    def run(name: str) -> Any:
        x, y = np.arange(32, dtype=np.float32), np.zeros(32, np.float32)
        host.modules().function("faults.cu", name, "float32")((1,), (32,), (x, y, 32), 32 * 4)
        return y

    yield run
    module.source.cache_clear()


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("past_the_end", "use-after-poison"),
        ("writes_past_the_end", "use-after-poison"),
        ("before_the_start", "use-after-poison"),
        ("past_shared_memory", "use-after-poison"),
        ("past_a_static_array", "bounds|global-buffer-overflow"),
        ("wide_at_an_odd_address", "misaligned"),
        ("some_skip_the_barrier", "deadlock|has returned"),
        ("some_return_early", "deadlock|has returned"),
        ("full_mask_in_half_a_warp", "deadlock|have returned"),
        ("overflows", "overflow"),
    ],
)
def test_faults_are_reported(launch: Any, name: str, why: str) -> None:
    if not host._sanitizers() and not why.endswith("returned"):
        pytest.skip("the sanitizers cannot be loaded into a running interpreter here")
    with pytest.raises(host.KernelError, match=why):
        launch(name)


def test_a_missing_barrier_gives_wrong_values(launch: Any) -> None:
    assert not np.array_equal(launch("no_barrier_between"), np.arange(32)[::-1])


def test_what_is_right_passes(launch: Any) -> None:
    assert np.array_equal(launch("right"), np.full(32, 31 * 16))


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ((np.zeros(3), None, 1), "parameter 0 is 4"),
        ((None, None), "takes 44q"),
        ((None, None, 1.0), "parameter 2 is q, got the float"),
        ((1, None, 1), "parameter 0 is 4, got the int"),
    ],
)
def test_arguments_are_checked_against_the_source(launch: Any, arguments: Any, why: str) -> None:
    launch("right")
    function = host.modules().function("faults.cu", "right", "float32")
    with pytest.raises(AssertionError, match=why):
        function((1,), (32,), arguments, 128)
