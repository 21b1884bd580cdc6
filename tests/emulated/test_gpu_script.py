"""`benchmarks/gpu.py` on the emulated card: that it runs to its end. No figure of it is kept."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.emulated.conftest import HERE, Run

pytestmark = pytest.mark.emulated

BENCHMARKS = HERE.parents[1] / "benchmarks"


def test_sections(card: Run, tmp_path: Path) -> None:
    """Sections whose work does not depend on how fast a card is, each in a process of its own."""
    kept = sorted((BENCHMARKS / "results").glob("*"))
    file = tmp_path / "out.json"
    chosen = ["--only", "machine", "steps", "--seconds", "0.0001"]
    card(BENCHMARKS / "gpu.py", *chosen, "--output", str(file))
    sections = json.loads(file.read_text("utf-8"))["sections"]
    assert sections["machine"][0]["card"] == "Emulated card"
    assert [row["row"] for row in sections["steps"]] == ["mlp step", "cnn step", "gpt step"]
    for row in sections["steps"]:
        assert row["dlf eager ms"] > 0 and row["dlf captured ms"] > 0, row
    assert sorted((BENCHMARKS / "results").glob("*")) == kept


def test_kernels(card: Run) -> None:
    """Every case of a kernel, forward and backward, in small."""
    card(
        f"""
import sys
sys.path.insert(0, {str(BENCHMARKS)!r})
import dlf
import gpu_kernels
from gpu_times import ready
gpu_kernels.ROWS, gpu_kernels.IMAGES, gpu_kernels.HEADS = 2, (2, 64, 4, 4), (1, 2, 8, 4)
gpu_kernels.TOKENS, gpu_kernels.WORDS, gpu_kernels.WIDTH = 6, 5, 4
ready(dlf)
for name, case in gpu_kernels.CASES.items():
    for dtype in case.dtypes:
        leaves, forward = case.make(dlf, getattr(dlf, dtype))
        out = forward()
        assert out.device.type == "cuda" and out.dtype.name == dtype, (name, dtype)
        out.backward(dlf.ones_like(out))
        for leaf in leaves:
            assert dlf.isfinite(leaf.grad).all().item(), (name, dtype)
"""
    )
