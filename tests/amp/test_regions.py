"""Where autocast is on: nesting, threads, errors, and what is left of it afterwards."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest

import dlf
import dlf.nn.functional
import dlf.optim  # its ops too are registered before tables are compared
from dlf.amp.switch import current, switch
from dlf.registry import composite, registry

A, B = dlf.ones(2, 3), dlf.ones(3, 2)


def product() -> Any:
    return (A @ B).dtype


@pytest.fixture(autouse=True)
def tables_are_restored() -> Iterator[None]:
    devices = [A.device, dlf.ones(1, device="sim:0").device, dlf.ones(1, device="sim:1").device]
    before = [list(device.table) for device in devices]
    yield
    assert switch.on == 0
    assert not dlf.is_autocast_enabled()
    for device, kernels in zip(devices, before, strict=True):
        assert all(a is b for a, b in zip(device.table, kernels, strict=True))


def test_import_loads_the_switch_alone() -> None:
    code = (
        "import sys, dlf; dlf.ones(2) @ dlf.ones(2); "
        "print(*sorted(m for m in sys.modules if m.startswith('dlf.amp')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) <= {"dlf.amp", "dlf.amp.switch", "dlf.amp.listed"}


def test_first_region_of_a_process() -> None:
    """Also where no tensor was made before."""
    code = (
        "import dlf\n"
        "with dlf.autocast('cpu'):\n"
        "    print((dlf.ones(2, 2) @ dlf.ones(2, 2)).dtype)\n"
        "with dlf.autocast('sim'):\n"
        "    x = dlf.ones(2, 2, device='sim:1')\n"
        "    print((x @ x).dtype)\n"
        "print((x @ x).dtype)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["dlf.bfloat16", "dlf.bfloat16", "dlf.float32"]


def test_nested() -> None:
    assert product() is dlf.float32
    with dlf.autocast("cpu"):
        assert product() is dlf.bfloat16
        with dlf.autocast("cpu", dtype=dlf.float16):
            assert product() is dlf.float16
            with dlf.autocast("cpu", enabled=False):
                assert product() is dlf.float32
                assert not dlf.is_autocast_enabled("cpu")
                with dlf.autocast("cpu"):
                    assert product() is dlf.float16, "as around it, as PyTorch has it"
                assert product() is dlf.float32
            assert product() is dlf.float16
        assert product() is dlf.bfloat16
    assert product() is dlf.float32


def test_one_region_entered_twice() -> None:
    region = dlf.autocast("cpu")
    with region:
        with region:
            assert product() is dlf.bfloat16
        assert product() is dlf.bfloat16
    assert product() is dlf.float32


def test_two_device_types() -> None:
    x = dlf.ones(2, 2, device="sim")
    with dlf.autocast("sim"):
        assert product() is dlf.float32
        with dlf.autocast("cpu"):
            assert switch.on == 2
            assert product() is dlf.bfloat16
        assert (x @ x).dtype is dlf.bfloat16
        assert product() is dlf.float32


def test_decorator() -> None:
    @dlf.autocast("cpu")
    def inner() -> Any:
        """What it does."""
        return product()

    assert inner() is dlf.bfloat16
    assert inner.__doc__ == "What it does."
    with pytest.raises(TypeError, match="requires a callable"):
        dlf.autocast("cpu")(3)  # type: ignore[type-var]  # wrong on purpose


def test_an_error_leaves_nothing_behind() -> None:
    with pytest.raises(KeyError), dlf.autocast("cpu"), dlf.autocast("sim"):
        raise KeyError
    with dlf.autocast("cpu"), pytest.raises(RuntimeError, match="cannot be multiplied"):
        A @ A
    with dlf.autocast("cpu"):
        with pytest.raises(RuntimeError):
            dlf.registry.registry["matmul"].function(A, A)  # type: ignore[misc]  # it has one
        assert product() is dlf.bfloat16


def test_an_error_on_the_way_in_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    class Twice:
        lower_precision = float32 = frozenset({"matmul"})
        promote = float32_inside = frozenset[str]()
        dtypes, default_dtype = frozenset({"bfloat16"}), "bfloat16"

    monkeypatch.setattr(A.device.backend, "services", {"amp": Twice()}, raising=False)
    with (
        pytest.raises(dlf.errors.PluginError, match="lists 'matmul' under"),
        dlf.autocast("cpu"),
    ):
        pass
    assert dlf.get_autocast_dtype("cpu") is dlf.bfloat16


def test_each_thread_has_its_own() -> None:
    found = []
    with dlf.autocast("cpu"):
        thread = threading.Thread(
            target=lambda: found.append((product(), dlf.is_autocast_enabled("cpu")))
        )
        thread.start()
        thread.join()
        assert product() is dlf.bfloat16
    assert found == [(dlf.float32, False)]


def test_regions_of_two_threads_overlap() -> None:
    entered, leave = threading.Event(), threading.Event()

    def work() -> None:
        with dlf.autocast("cpu"):
            entered.set()
            leave.wait()

    thread = threading.Thread(target=work)
    thread.start()
    entered.wait()
    with dlf.autocast("cpu"):
        leave.set()
        thread.join()
        assert product() is dlf.bfloat16
    assert product() is dlf.float32


def test_threads_that_come_and_go_disturb_no_other() -> None:
    """A call that finds no kernel, because another thread is just entering or leaving, is right."""
    stop = threading.Event()
    wrong: list[object] = []

    def flicker() -> None:
        while not stop.is_set():
            with dlf.autocast("cpu"):
                pass

    def compute() -> None:
        a = dlf.full((3, 3), 1.25, requires_grad=True)
        try:
            for _ in range(400):
                out = dlf.nn.functional.linear(a @ a, a)
                if out.dtype is not dlf.float32 or out[0, 0].item() != 17.578125:
                    wrong.append(out)
                out.sum().backward()
        except Exception as error:  # any: it is what the test is about
            wrong.append(error)

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        threads = [threading.Thread(target=flicker) for _ in range(2)]
        workers = [threading.Thread(target=compute) for _ in range(2)]
        for thread in threads + workers:
            thread.start()
        for thread in workers:
            thread.join()
        stop.set()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(before)
    assert wrong == []


def test_state_functions() -> None:
    assert dlf.get_autocast_dtype("cpu") is dlf.bfloat16
    dlf.set_autocast_enabled("cpu", True)
    try:
        assert product() is dlf.bfloat16
        dlf.set_autocast_dtype("cpu", dlf.float16)
        assert product() is dlf.float16
        with dlf.autocast("cpu"):
            assert dlf.get_autocast_dtype("cpu") is dlf.float16
    finally:
        dlf.set_autocast_enabled("cpu", False)
        current.dtypes.clear()
    dlf.set_autocast_enabled("cpu", False)
    with dlf.autocast("cpu", cache_enabled=False):
        assert not dlf.is_autocast_cache_enabled()
    assert dlf.is_autocast_cache_enabled()
    assert dlf.amp.is_autocast_available("cpu")
    assert not dlf.amp.is_autocast_available("nosuch")
    with dlf.amp.autocast("cpu"):
        assert dlf.is_autocast_enabled()


def test_wrong_use() -> None:
    with pytest.raises(RuntimeError, match="no backend is registered for the device type 'nosuch'"):
        dlf.autocast("nosuch")
    with pytest.raises(TypeError, match="device_type must be a string"):
        dlf.autocast(dlf.device("cpu"))  # type: ignore[arg-type]  # wrong on purpose
    with pytest.raises(TypeError, match=r"must be a dlf\.dtype"):
        dlf.autocast("cpu", dtype="bfloat16")  # type: ignore[arg-type]  # wrong on purpose
    with pytest.warns(UserWarning, match="only supports bfloat16, float16 there, not dlf.float32"):
        region = dlf.autocast("cpu", dtype=dlf.float32)
    with region:
        assert product() is dlf.float32
        assert not dlf.is_autocast_enabled("cpu")


def test_a_device_that_cannot_be_used_here(monkeypatch: pytest.MonkeyPatch) -> None:
    from dlf.plugin.host import get_host

    def refuse(device_type: str) -> Any:
        raise dlf.errors.DeviceUnavailableError("no driver")

    monkeypatch.setattr(get_host(), "load_backend", refuse)
    with pytest.warns(UserWarning, match="disabled: no driver"), dlf.autocast("sim"):
        assert not dlf.is_autocast_enabled("sim")
    with dlf.autocast("sim", enabled=False):
        pass
    with pytest.warns(UserWarning, match="GradScaler is disabled: no driver"):
        scaler = dlf.amp.GradScaler("sim")
    assert not scaler.is_enabled()


def test_an_op_that_comes_within_a_region(monkeypatch: pytest.MonkeyPatch) -> None:
    class Own:
        lower_precision = frozenset({"amp_late"})
        float32 = promote = frozenset[str]()
        dtypes, default_dtype = frozenset({"bfloat16"}), "bfloat16"

    monkeypatch.setattr(A.device.backend, "services", {"amp": Own()}, raising=False)
    with dlf.autocast("cpu"):
        assert product() is dlf.float32, "the service's lists hold, not core's"

        @composite(inputs=1, name="amp_late")
        def late(input: Any) -> Any:
            return input + 1

        try:
            assert late(A).dtype is dlf.bfloat16
        finally:
            registry.remove(late.op)
    assert product() is dlf.float32


def test_in_place_and_out_of_autocast_writes_keep_their_dtype() -> None:
    total = dlf.zeros(2, 2)
    with dlf.autocast("cpu"):
        total += A @ B
        total.copy_(A @ B)
    assert total.dtype is dlf.float32
    assert total.tolist() == [[3.0, 3.0], [3.0, 3.0]]
