"""The settings that backends read."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import dlf


@pytest.mark.parametrize("lib", [dlf, torch], ids=["dlf", "torch"])
def test_matmul_precision(lib: Any) -> None:
    before = lib.get_float32_matmul_precision()
    assert before == "highest"
    try:
        for name in ("high", "medium", "highest"):
            lib.set_float32_matmul_precision(name)
            assert lib.get_float32_matmul_precision() == name
    finally:
        lib.set_float32_matmul_precision(before)


@pytest.mark.parametrize("lib", [dlf, torch], ids=["dlf", "torch"])
def test_deterministic_algorithms(lib: Any) -> None:
    assert not lib.are_deterministic_algorithms_enabled()
    try:
        lib.use_deterministic_algorithms(True, warn_only=True)
        assert lib.are_deterministic_algorithms_enabled()
    finally:
        lib.use_deterministic_algorithms(False)
    assert not lib.are_deterministic_algorithms_enabled()


def test_mode_must_be_a_bool() -> None:
    with pytest.raises(TypeError, match="must be a bool"):
        dlf.use_deterministic_algorithms("yes")


def test_a_precision_of_another_name_is_refused() -> None:
    """PyTorch warns, and goes on as before."""
    with pytest.raises(RuntimeError, match="expected one of highest, high, medium"):
        dlf.set_float32_matmul_precision("low")
    assert dlf.get_float32_matmul_precision() == "highest"
