"""The `sim` device finds host leaks, mixed devices, races between streams and lost memory."""

from __future__ import annotations

import gc
from typing import Any

import numpy as np
import pytest

import dlf.dtypes as dt
import dlf_sim
from dlf_sim.backend import SimBackend

SIM = SimBackend()
KERNELS = SIM.kernels()


def put(values: Any, index: int = 0) -> Any:
    host = np.asarray(values, np.float32)
    return SIM.from_host(host, dt.dtype_named("float32"), index)


@pytest.mark.parametrize("use", [np.asarray, list, len, float, bool, lambda a: a[0], np.exp])
def test_an_array_shows_nothing_but_its_shape(use: Any) -> None:
    a = put([1.0, 2.0])
    assert a.shape == (2,)
    with pytest.raises(TypeError):
        use(a)
    with pytest.raises(TypeError):
        np.ones(2) + a
    with pytest.raises(TypeError, match="from_host"):
        KERNELS["add"](a, np.ones(2, np.float32))


def test_devices_do_not_mix() -> None:
    with pytest.raises(RuntimeError, match=r"same device.*sim:0 and sim:1"):
        KERNELS["add"](put([1.0]), put([1.0], 1))
    with pytest.raises(RuntimeError, match="sim:0 and sim:1"):
        KERNELS["concat"]((put([1.0]), put([1.0], 1)), 0)
    with pytest.raises(RuntimeError, match="sim:0 and sim:1"):
        SIM.assign(put([1.0]), put([1.0], 1))
    with pytest.raises(RuntimeError, match="ordinal"):
        put([1.0], 2)


def test_kernels_run_late_and_in_order() -> None:
    a = put([1.0, 2.0])
    b = KERNELS["add"](a, a)
    SIM.assign(a, put(5.0))
    c = KERNELS["add"](a, a)
    assert not dlf_sim.current_stream().query()
    assert SIM.to_host(b).tolist() == [2.0, 4.0]
    assert SIM.to_host(c).tolist() == [10.0, 10.0]
    assert dlf_sim.current_stream().query()


def test_a_host_array_may_change_after_from_host() -> None:
    host = np.ones(3, np.float32)
    a = SIM.from_host(host, dt.dtype_named("float32"), 0)
    b = KERNELS["mul"](a, 2.0)
    host[...] = 9
    assert SIM.to_host(b).tolist() == [2.0, 2.0, 2.0]


def test_movement_does_not_alias() -> None:
    a = put([1.0, 2.0])
    b = KERNELS["reshape"](a, (2, 1))
    SIM.assign(b, put(7.0))
    assert SIM.to_host(a).tolist() == [1.0, 2.0]


def test_a_failing_kernel_is_heard_of_at_the_next_wait() -> None:
    integers = SIM.from_host(np.array([1, 0]), dt.dtype_named("int64"), 0)
    bad = KERNELS["floordiv"](integers, integers)
    worse = KERNELS["add"](bad, bad)
    with pytest.raises(RuntimeError, match="ZeroDivisionError"):
        SIM.to_host(worse)
    KERNELS["floordiv"](integers, integers)
    with pytest.raises(RuntimeError, match="ZeroDivisionError"):
        dlf_sim.synchronize(0)
    dlf_sim.synchronize()


def test_a_race_between_streams_is_found() -> None:
    main, side = dlf_sim.current_stream(), dlf_sim.Stream()
    a = KERNELS["add"](put([1.0]), 1.0)
    with dlf_sim.stream(side):
        with pytest.raises(dlf_sim.StreamOrderError, match="wait_event"):
            KERNELS["add"](a, 1.0)
        event = dlf_sim.Event()
        event.record(main)
        side.wait_event(event)
        b = KERNELS["add"](a, 1.0)
    with pytest.raises(dlf_sim.StreamOrderError):
        SIM.to_host(b)
    side.synchronize()
    assert SIM.to_host(b).tolist() == [3.0]


def test_events_measure_time() -> None:
    start, end = dlf_sim.Event(enable_timing=True), dlf_sim.Event(enable_timing=True)
    start.record()
    KERNELS["add"](put(np.ones(1000)), 1.0)
    end.record()
    assert not end.query()
    with pytest.raises(RuntimeError, match="completed"):
        start.elapsed_time(end)
    end.synchronize()
    assert end.query()
    assert start.elapsed_time(end) > 0
    with pytest.raises(RuntimeError, match="enable_timing"):
        dlf_sim.Event().elapsed_time(end)


def test_memory_is_counted_and_runs_out() -> None:
    memory: Any = SIM.services["memory"]
    gc.collect()
    dlf_sim.synchronize()
    before = memory.memory_allocated(1)
    memory.reset_peak_memory_stats(1)
    a = put(np.ones(256), 1)
    b = KERNELS["add"](a, a)
    assert memory.memory_allocated(1) - before == 2048
    with dlf_sim.inject_oom(after_bytes=1024, index=1):
        c = KERNELS["add"](a, b)
        with pytest.raises(dlf_sim.OutOfMemoryError, match="tried to allocate 1024 bytes"):
            KERNELS["add"](a, b)
        del c
        dlf_sim.synchronize(1)
        d = KERNELS["add"](a, b)
    KERNELS["add"](a, b)
    del a, b, d
    dlf_sim.synchronize(1)
    gc.collect()
    assert memory.memory_allocated(1) == before
    assert memory.max_memory_allocated(1) - before == 4096
    assert memory.memory_stats(1)["allocations"] >= 5


def test_shapes_are_known_without_waiting() -> None:
    a = put(np.ones((3, 4)))
    index = SIM.from_host(np.array([2, 0]), dt.dtype_named("int64"), 0)
    assert KERNELS["matmul"](a, put(np.ones((5, 4, 2)))).shape == (5, 3, 2)
    assert KERNELS["take"](a, index, 1).shape == (3, 2)
    values, places = KERNELS["sort"](a, 1, False, True)
    assert values.shape == places.shape == (3, 4)
    assert KERNELS["full"]((2, 0), 1, dt.dtype_named("float32"), 1).shape == (2, 0)
    assert not dlf_sim.current_stream().query()
    with pytest.raises(RuntimeError, match="cannot be multiplied"):
        KERNELS["matmul"](a, a)
    assert KERNELS["nonzero"](a).shape == (12, 2)
