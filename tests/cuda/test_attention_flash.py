"""Attention of the two short types on tensor cores: several tiles of rows, stages and heads."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
import pytest

from dlf_cupy_gpu.kernels import attention
from dlf_cupy_gpu.kernels import attention_launch as geometry
from tests.cuda.compare import assert_close, draw, misaligned
from tests.cuda.host import HostModules
from tests.cuda.test_attention import backward, forward, results

Array = np.ndarray[Any, Any]
INFINITY = float("inf")
SHORT = [np.float16, ml_dtypes.bfloat16]
IDS = ["float16", "bfloat16"]


class Recorded(HostModules):
    """Notes the constants that functions are compiled with."""

    def __init__(self) -> None:
        super().__init__()
        self.constants: list[dict[str, int]] = []

    def function(self, file: str, name: str, *types: str, **constants: int) -> Any:
        self.constants.append(constants)
        return super().function(file, name, *types, **constants)


MODULES = Recorded()
KERNELS = attention.kernels(MODULES)


def check(arrays: list[Array], mask: Array | None, causal: bool, scale: float = 0.3) -> Any:
    """Forward and backward against the definition in float64; gives what the kernels gave."""
    q, k, v = arrays
    MODULES.constants.clear()
    got = KERNELS["flash_attention"](q, k, v, mask, causal, scale)
    want = forward(q, k, v, mask, causal, scale)
    assert_close(got[0], want[0], 2)
    assert_close(got[1], want[1], 2)
    g = draw(got[0].shape, q.dtype, 7)
    gl = draw(got[1].shape, np.float32, 8)
    exact = results(q, k, v, mask, causal, scale)
    grads = KERNELS["flash_attention_backward"](g, gl, q, k, v, mask, *exact, causal, scale)
    wanted = backward(g, gl, q, k, v, mask, exact[1], causal, scale)
    for ours, theirs in zip(grads[: 3 if mask is None else 4], wanted, strict=False):
        assert_close(ours, theirs, 2 * max(1.0, np.abs(theirs).max(initial=0)))
    assert all(c.get("FLASH") == 1 for c in MODULES.constants), MODULES.constants
    return got, grads


def operands(dtype: Any, lead: Any, queries: int, keys: int, features: int, values: int) -> Any:
    shapes = (queries, features), (keys, features), (keys, values)
    return [draw((*lead, *shape), dtype, i) for i, shape in enumerate(shapes)]


# Heads of each size and less; one row; rows and keys that end within a tile, a stage or with it.
SIZES = [
    ((), 1, 1, 8, 8),
    ((2,), 129, 65, 16, 32),
    ((), 128, 128, 64, 64),
    ((), 140, 200, 64, 40),
    ((), 200, 140, 48, 64),
    ((), 33, 130, 96, 72),
    ((), 135, 97, 128, 104),
    ((), 64, 256, 128, 128),
]


@pytest.mark.parametrize("dtype", SHORT, ids=IDS)
@pytest.mark.parametrize("sizes", SIZES, ids=str)
@pytest.mark.parametrize("causal", [False, True])
def test_sizes(dtype: Any, sizes: Any, causal: bool) -> None:
    check(operands(dtype, *sizes), None, causal)


@pytest.mark.parametrize("sizes", [((2,), 130, 70, 64, 64), ((2,), 70, 130, 128, 64)], ids=str)
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("lead", [(), (2,)])
def test_mask(sizes: Any, causal: bool, lead: Any) -> None:
    mask = draw((*lead, *sizes[1:3]), ml_dtypes.bfloat16, 5)
    check(operands(ml_dtypes.bfloat16, *sizes), mask, causal)


def test_mask_of_one_row_and_rows_that_see_nothing() -> None:
    mask = np.zeros((1, 70), np.float16)
    mask[0, 64:] = -INFINITY
    check(operands(np.float16, (2,), 20, 70, 64, 64), mask, False)
    mask = np.zeros((20, 70), np.float16)
    mask[3] = -INFINITY
    (result, total), grads = check(operands(np.float16, (), 20, 70, 64, 64), mask, False)
    assert not result[3].any() and total[3] == -INFINITY and not grads[0][3].any()


def test_nan_stays_in_its_row() -> None:
    q, k, v = operands(ml_dtypes.bfloat16, (), 40, 70, 64, 64)
    q[20, 3] = np.nan
    result, total = KERNELS["flash_attention"](q, k, v, None, False, 0.3)
    assert np.isnan(result[20].astype(np.float32)).all() and np.isnan(total[20]).all()
    assert not np.isnan(np.delete(result, 20, 0).astype(np.float32)).any()


@pytest.mark.parametrize("scale", [0.0, -0.4, 30.0])
def test_scales(scale: float) -> None:
    q, k, v = operands(np.float16, (), 20, 150, 64, 64)
    result, total = KERNELS["flash_attention"](q, k, v, None, False, scale)
    want = forward(q, k, v, None, False, scale)
    assert_close(result, want[0], 2)
    assert_close(total, want[1], 2)


def test_keys_for_several_heads() -> None:
    """Groups of queries that have their keys in common read these where they are."""
    q, k, v = operands(np.float16, (2, 4), 40, 70, 32, 32)
    shared = [np.broadcast_to(a[:, :1], a.shape) for a in (k, v)]
    check([q, *shared], None, True)


def test_heads_are_read_where_they_are(monkeypatch: Any) -> None:
    q, k, v = (draw((2, 70, 3, 64), np.float16, i).transpose(0, 2, 1, 3) for i in range(3))
    monkeypatch.setattr(np, "ascontiguousarray", None)
    result, total = KERNELS["flash_attention"](q, k, v, None, True, 0.2)
    want = forward(q, k, v, None, True, 0.2)
    assert_close(result, want[0], 2)
    assert_close(total, want[1], 2)


def test_blocks_take_several_tiles(monkeypatch: Any) -> None:
    monkeypatch.setattr(geometry, "GRID", 2)
    check(operands(ml_dtypes.bfloat16, (3,), 150, 140, 64, 64), None, True)


def test_other_operands_take_the_other_kernels() -> None:
    q, k, v = operands(np.float16, (), 20, 30, 64, 64)
    for arrays in ([misaligned(q), k, v], [q[:, :60], k[:, :60], v]):
        MODULES.constants.clear()
        result, _ = KERNELS["flash_attention"](*arrays, None, False, 0.3)
        assert_close(result, forward(*arrays, None, False, 0.3)[0], 2)
        assert "FLASH" not in MODULES.constants[-1]
    assert not geometry.is_flash(4, True, 9, 64) and not geometry.is_flash(2, True, 9, 136)
    assert not geometry.is_flash(2, True, 1 << 30, 64)


def test_geometry() -> None:
    heads = [geometry.constants(n, True, False)["HEAD"] for n in (8, 32, 40, 64, 72, 96, 128)]
    assert heads == [32, 32, 64, 64, 96, 96, 128]
    for masked in (False, True):
        constants = geometry.constants(64, True, masked)
        assert constants == {"HEAD": 64, "BLOCKS": 2 - masked, "FLASH": 1, "MASKED": int(masked)}
    assert geometry.constants(72, False, True) == {"HEAD": 128, "BLOCKS": 2}
    for head in (32, 64, 96, 128):
        plan = geometry.flash_blocks(257, head, 6)
        assert plan.grid == (3 * 6,) and plan.block == (256,)
        # The operands of 128 rows, or four parts of a stage; beside it lies 1 KiB of static.
        stage = 64 if head <= 64 else 32
        assert max(128, 4 * stage) * (head + 8) * 2 <= plan.shared <= 47 * 1024
