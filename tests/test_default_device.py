"""The default device: set for good, or within a ``with`` block, of one thread alone."""

from __future__ import annotations

import threading

import pytest

import dlf


def test_a_device_is_the_default_within_its_block() -> None:
    with dlf.device("sim:1") as inside:
        assert dlf.get_default_device() is inside is dlf.device("sim:1")
        assert dlf.zeros(2).device is inside
        assert dlf.nn.Linear(2, 2).weight.device is inside
        with dlf.device("cpu"):
            assert dlf.tensor([1.0]).device.type == "cpu"
        assert dlf.arange(3).device is inside
    assert dlf.zeros(2).device.type == "cpu"


def test_the_default_comes_back_after_an_error() -> None:
    with pytest.raises(ZeroDivisionError), dlf.device("sim"):
        raise ZeroDivisionError
    with pytest.raises(RuntimeError, match="sim has 2 device"), dlf.device("sim:7"):
        pass
    assert dlf.get_default_device().type == "cpu"


def test_other_threads_keep_theirs() -> None:
    found: list[str] = []
    dlf.set_default_device("sim:1")
    try:
        with dlf.device("sim:0"):
            thread = threading.Thread(target=lambda: found.append(dlf.zeros(1).device.type))
            thread.start()
            thread.join()
        assert dlf.zeros(1).device is dlf.device("sim:1")
    finally:
        dlf.set_default_device(None)
    assert found == ["cpu"]
