"""The assembly of the kernels, without a card; `test_resources.py` compiles all of them."""

from __future__ import annotations

import re

import pytest

from dlf_cupy_gpu import module
from dlf_cupy_gpu.kernels import attention_launch
from tests.cuda import nvrtc


def assembly(file: str, dtype: str, constants: dict[str, int] | None = None) -> dict[str, str]:
    """PTX by name of the entry; the test is skipped without a compiler."""
    if nvrtc.nvrtc() is None or nvrtc.headers() is None:
        pytest.skip("NVRTC with CUDA's headers is not on this machine")
    options = module.options((dtype,), constants or {})
    flags = [*options, f"-I{nvrtc.headers()}", "-arch=compute_80"]
    done, messages, text = nvrtc.compile_source(module.source(file), file, flags)
    assert done, messages
    entries = text.decode().split(".visible .entry ")[1:]
    return {entry[: entry.index("(")]: entry for entry in entries}


@pytest.mark.parametrize(
    ("file", "dtype"),
    [
        ("softmax.cu", "bfloat16"),
        ("elementwise.cu", "float32"),
        ("norm_rows.cu", "float16"),
        ("norm_batch.cu", "bfloat16"),
        ("cross_entropy.cu", "float32"),
        ("lookup.cu", "float16"),
    ],
)
def test_wide_entries_move_sixteen_bytes(file: str, dtype: str) -> None:
    found = assembly(file, dtype)
    wide = {name: text for name, text in found.items() if re.search("_wide(_backward)?$", name)}
    assert wide
    for name, entry in wide.items():
        assert re.search(r"ld\.global(\.nc)?\.v4", entry), name
        # What only sums has nothing of that size to write.
        sums = "partial" in name or name == "forward_rows_wide"
        assert sums or re.search(r"st\.global(\.wb)?\.v4", entry), name
        # A function without a float overload would be computed in double.
        assert not re.search(r"(add|mul|fma|div|sqrt|max|min)\.\S*f64", entry), name


@pytest.mark.parametrize(
    ("file", "entry"),
    [
        ("attention.cu", "attention_wide"),
        ("attention_backward.cu", "by_query_wide"),
        ("attention_backward.cu", "by_key_wide"),
    ],
)
def test_attention_is_on_tensor_cores(file: str, entry: str) -> None:
    constants = attention_launch.constants(64, True, False)
    text = assembly(file, "bfloat16", constants)[entry]
    for instruction in ("mma.sync", "ldmatrix", "cp.async.cg"):
        assert instruction in text, instruction
    # Sums whose index the compiler does not know would lie in local memory.
    assert ".local" not in text


def test_short_convolutions_are_on_tensor_cores() -> None:
    found = assembly("conv.cu", "float16")
    for name in ("conv", "conv_wide", "conv_input_grad", "conv_weight_grad"):
        assert "mma.sync" in found[name] and "ldmatrix" in found[name], name
