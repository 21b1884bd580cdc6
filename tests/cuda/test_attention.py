"""Attention and its gradients against float64 and PyTorch."""

from __future__ import annotations

import re
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from dlf_cupy_gpu import module
from dlf_cupy_gpu.kernels import attention
from dlf_cupy_gpu.kernels import attention_launch as geometry
from tests.cuda import nvrtc
from tests.cuda.compare import DTYPES, IDS, assert_close, draw, misaligned
from tests.cuda.host import modules

Array = np.ndarray[Any, Any]
INFINITY = float("inf")


@pytest.fixture(scope="module")
def kernels() -> dict[str, Any]:
    return attention.kernels(modules())


def _scores(q: Array, k: Array, mask: Array | None, causal: bool, scale: float) -> Array:
    s = q @ k.swapaxes(-1, -2) * scale
    if causal:
        s = np.where(np.tri(*s.shape[-2:], dtype=bool), s, -INFINITY)
    return s if mask is None else s + mask


def forward(q: Array, k: Array, v: Array, mask: Any, causal: bool, scale: float) -> Any:
    """The op's definition, in float64."""
    q, k, v, mask = (None if a is None else a.astype(np.float64) for a in (q, k, v, mask))
    s = _scores(q, k, mask, causal, scale)
    with np.errstate(divide="ignore", invalid="ignore"):
        top = np.max(s, -1, keepdims=True, initial=-INFINITY)
        top = np.where(top == -INFINITY, 0, top)
        total = np.exp(s - top).sum(-1, keepdims=True)
        logsumexp = np.log(total) + top
    weights = np.exp(s - np.where(logsumexp == -INFINITY, 0, logsumexp))
    return weights @ v, logsumexp


def backward(
    g: Array, gl: Any, q: Array, k: Array, v: Array, mask: Any, lse: Array, *rest: Any
) -> Any:
    """The op's definition, in float64."""
    g, gl, q, k, v, mask, lse = (
        None if a is None else a.astype(np.float64) for a in (g, gl, q, k, v, mask, lse)
    )
    causal, scale = rest
    s = _scores(q, k, mask, causal, scale)
    weights = np.exp(s - np.where(lse == -INFINITY, 0, lse))
    by_weights = g @ v.swapaxes(-1, -2)
    inner = (weights * by_weights).sum(-1, keepdims=True) - (0 if gl is None else gl)
    d = weights * (by_weights - inner)
    return d @ k * scale, d.swapaxes(-1, -2) @ q * scale, weights.swapaxes(-1, -2) @ g, d


def _inputs(
    dtype: Any, lead: Any, length: int, keys: int, features: int, values: int
) -> list[Array]:
    shapes = (length, features), (keys, features), (keys, values)
    return [draw((*lead, *shape), dtype, i) for i, shape in enumerate(shapes)]


# Parts of a tile, several tiles, odd and even heads, several chunks of depth and of the result.
SIZES = [
    ((), 1, 1, 1, 1),
    ((2,), 5, 3, 4, 3),
    ((2, 2), 70, 67, 16, 8),
    ((), 33, 130, 72, 40),
    ((3,), 7, 9, 20, 136),
    ((2,), 40, 35, 300, 12),
]


@pytest.mark.parametrize("dtype", DTYPES, ids=IDS)
@pytest.mark.parametrize("sizes", SIZES, ids=str)
@pytest.mark.parametrize("causal", [False, True])
def test_forward(kernels: Any, dtype: Any, sizes: Any, causal: bool) -> None:
    q, k, v = _inputs(dtype, *sizes)
    result, logsumexp = kernels["flash_attention"](q, k, v, None, causal, 0.3)
    want = forward(q, k, v, None, causal, 0.3)
    assert_close(result, want[0], 2)
    assert_close(logsumexp, want[1], 2)


def sums_in(dtype: Any) -> Any:
    """What sums are taken in, and logarithms kept in."""
    return np.float64 if np.dtype(dtype).itemsize == 8 else np.float32


def results(
    q: Array, k: Array, v: Array, mask: Array | None, causal: bool, scale: float
) -> tuple[Array, Array]:
    """What the forward pass gives, exact and then rounded to the dtypes of the op."""
    result, total = forward(q, k, v, mask, causal, scale)
    return result.astype(q.dtype), total.astype(sums_in(q.dtype))


def _check_backward(
    kernels: Any, dtype: Any, sizes: Any, mask: Any, causal: bool, with_total: bool
) -> tuple[Array, ...]:
    q, k, v = _inputs(dtype, *sizes)
    lead, length, *_ = sizes
    g = draw((*lead, length, v.shape[-1]), dtype, 7)
    gl = draw((*lead, length, 1), sums_in(dtype), 8) if with_total else None
    result, total = results(q, k, v, mask, causal, 0.3)
    got = kernels["flash_attention_backward"](g, gl, q, k, v, mask, result, total, causal, 0.3)
    want = backward(g, gl, q, k, v, mask, total, causal, 0.3)
    for ours, theirs in zip(got[: 3 if mask is None else 4], want, strict=False):
        assert_close(ours, theirs, 2 * max(1.0, np.abs(theirs).max(initial=0)))
    return tuple(got)


@pytest.mark.parametrize("dtype", DTYPES, ids=IDS)
@pytest.mark.parametrize("sizes", SIZES, ids=str)
@pytest.mark.parametrize("causal", [False, True])
def test_backward(kernels: Any, dtype: Any, sizes: Any, causal: bool) -> None:
    got = _check_backward(kernels, dtype, sizes, None, causal, causal)
    assert got[3].shape == ()  # nothing of the size of the scores is written


MASKS = [
    ((5, 4), ()),
    ((5, 4), (2, 3)),
    ((1, 4), (2, 1)),
    ((5, 1), (3,)),
    ((70, 66), (2,)),
]


@pytest.mark.parametrize("dtype", [np.float32, ml_dtypes.bfloat16], ids=["float32", "bfloat16"])
@pytest.mark.parametrize(("shape", "lead"), MASKS)
@pytest.mark.parametrize("causal", [False, True])
def test_mask(kernels: Any, dtype: Any, shape: Any, lead: Any, causal: bool) -> None:
    length, keys = (max(n, m) for n, m in zip(shape, (5, 4), strict=True))
    sizes = (2, 3) if len(lead) == 2 or not lead else (lead[0],), length, keys, 8, 8
    mask = draw((*lead, *shape), dtype, 5)
    q, k, v = _inputs(dtype, *sizes)
    result, logsumexp = kernels["flash_attention"](q, k, v, mask, causal, 0.3)
    want = forward(q, k, v, mask, causal, 0.3)
    assert_close(result, want[0], 2)
    assert_close(logsumexp, want[1], 2)
    _check_backward(kernels, dtype, sizes, mask, causal, True)


@pytest.mark.parametrize("dtype", [np.float32, np.float16], ids=["float32", "float16"])
def test_rows_that_see_nothing(kernels: Any, dtype: Any) -> None:
    sizes = (2,), 3, 70, 8, 5
    mask = np.zeros((2, 3, 70), dtype)
    mask[0, 1] = mask[1, 0] = -INFINITY
    mask[1, 2, :66] = -INFINITY
    q, k, v = _inputs(dtype, *sizes)
    result, logsumexp = kernels["flash_attention"](q, k, v, mask, False, 0.3)
    want = forward(q, k, v, mask, False, 0.3)
    assert_close(result, want[0], 2)
    assert_close(logsumexp, want[1], 2)
    assert not result[0, 1].any() and logsumexp[0, 1] == -INFINITY
    got = _check_backward(kernels, dtype, sizes, mask, False, True)
    assert not got[0][0, 1].any() and not got[3][1, 0].any()


def test_nan_stays_in_its_row(kernels: Any) -> None:
    q, k, v = _inputs(np.float32, (), 5, 6, 4, 4)
    q[2, 1] = np.nan
    result, logsumexp = kernels["flash_attention"](q, k, v, None, False, 0.3)
    assert np.isnan(result[2]).all() and np.isnan(logsumexp[2]).all()
    assert not np.isnan(np.delete(result, 2, 0)).any()


def test_large_scores_do_not_overflow(kernels: Any) -> None:
    q, k, v = _inputs(np.float32, (), 5, 80, 8, 4)
    want = forward(q, k, v, None, False, 100.0)
    result, logsumexp = kernels["flash_attention"](q, k, v, None, False, 100.0)
    assert_close(result, want[0], 20)
    assert_close(logsumexp, want[1])


@pytest.mark.parametrize(
    "sizes",
    [
        ((0,), 3, 4, 5, 2),
        ((2,), 0, 4, 5, 2),
        ((2,), 3, 0, 5, 2),
        ((2,), 3, 4, 0, 2),
        ((), 3, 4, 5, 0),
    ],
    ids=str,
)
def test_nothing(kernels: Any, sizes: Any) -> None:
    q, k, v = _inputs(np.float32, *sizes)
    result, logsumexp = kernels["flash_attention"](q, k, v, None, False, 0.3)
    want = forward(q, k, v, None, False, 0.3)
    assert_close(result, want[0])
    assert_close(logsumexp, want[1])
    _check_backward(kernels, np.float32, sizes, None, False, False)


@pytest.mark.parametrize("dtype", [np.float32, ml_dtypes.bfloat16], ids=["float32", "bfloat16"])
def test_heads_are_read_where_they_are(monkeypatch: Any, kernels: Any, dtype: Any) -> None:
    q, k, v = (draw((2, 9, 3, 8), dtype, i).transpose(0, 2, 1, 3) for i in range(3))
    want = forward(q, k, v, None, True, 0.5)
    monkeypatch.setattr(np, "ascontiguousarray", None)
    result, logsumexp = kernels["flash_attention"](q, k, v, None, True, 0.5)
    assert_close(result, want[0], 2)
    assert modules().launches[-1] == "attention_wide"
    got = kernels["flash_attention_backward"](q, None, q, k, v, None, result, logsumexp, True, 0.5)
    want = backward(q, None, q, k, v, None, logsumexp, True, 0.5)
    for ours, theirs in zip(got[:3], want, strict=False):
        assert_close(ours, theirs, 2 * np.abs(theirs).max())


def test_other_layouts(kernels: Any) -> None:
    q, k, v = _inputs(np.float32, (2, 3, 2), 5, 4, 8, 8)
    want = forward(q, k, v, None, False, 0.5)[0]
    reverse = q[..., ::-1, :].copy()[..., ::-1, :]
    by_column = np.ascontiguousarray(k.swapaxes(-1, -2)).swapaxes(-1, -2)
    uneven = v.transpose(1, 0, 2, 3, 4).copy().transpose(1, 0, 2, 3, 4)
    assert_close(kernels["flash_attention"](reverse, by_column, uneven, None, False, 0.5)[0], want)
    assert_close(kernels["flash_attention"](misaligned(q), k, v, None, False, 0.5)[0], want)
    assert modules().launches[-1] == "attention"
    one = kernels["flash_attention"](q, k[0, 0, 0], v[:1], None, False, 0.5)[0]
    assert_close(one, forward(q, k[0, 0, 0], v[:1], None, False, 0.5)[0])


def test_against_pytorch(kernels: Any) -> None:
    torch = pytest.importorskip("torch")
    arrays = _inputs(np.float32, (2, 2), 40, 40, 16, 16)
    tensors = [torch.from_numpy(a).requires_grad_() for a in arrays]
    scaled = torch.nn.functional.scaled_dot_product_attention
    want = scaled(*tensors, is_causal=True)
    result, logsumexp = kernels["flash_attention"](*arrays, None, True, 0.25)
    np.testing.assert_allclose(result, want.detach(), rtol=1e-5, atol=1e-5)
    g = draw(result.shape, np.float32, 9)
    want.backward(torch.from_numpy(g))
    got = kernels["flash_attention_backward"](g, None, *arrays, None, result, logsumexp, True, 0.25)
    for ours, tensor in zip(got[:3], tensors, strict=False):
        np.testing.assert_allclose(ours, tensor.grad, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16], ids=["float16", "bfloat16"])
def test_logarithms_in_float32(kernels: Any, dtype: Any) -> None:
    """Their rounding to the operands' dtype, a few in a hundred here, would reach the gradients."""
    q, k, v = _inputs(dtype, (), 6, 7, 8, 8)
    k[:] = k[:1] * 2
    q[:] = k[:1]
    want = forward(q, k, v, None, False, 1.0)[1]
    result, total = kernels["flash_attention"](q, k, v, None, False, 1.0)
    assert total.dtype == np.float32 and want.max() > 16
    assert_close(total, want, 10)
    g = draw((6, 8), dtype, 3)
    got = kernels["flash_attention_backward"](g, None, q, k, v, None, result, total, False, 1.0)
    assert_close(got[2], backward(g, None, q, k, v, None, want, False, 1.0)[2])


def test_without_a_mask_no_matrix_of_scores_is_given(kernels: Any) -> None:
    for length in (70, 0):
        q, k, v = _inputs(np.float32, (2,), length, 90, 4, 3)
        g, both = draw((2, length, 3), np.float32, 3), results(q, k, v, None, True, 0.5)
        got = kernels["flash_attention_backward"](g, None, q, k, v, None, *both, True, 0.5)
        assert got[3].shape == () and got[3] == 0


def test_rows_sums_are_those_of_the_result(kernels: Any) -> None:
    """Nothing is multiplied for them: another result leads to other gradients."""
    q, k, v = _inputs(np.float32, (2,), 5, 6, 8, 4)
    g, both = draw((2, 5, 4), np.float32, 3), results(q, k, v, None, False, 0.5)
    run = kernels["flash_attention_backward"]
    right = run(g, None, q, k, v, None, *both, False, 0.5)
    other = run(g, None, q, k, v, None, both[0] + 1, both[1], False, 0.5)
    shifted = run(g, g.sum(-1, keepdims=True) * -1, q, k, v, None, *both, False, 0.5)
    for one, more, equal in zip(right[:2], other, shifted, strict=False):
        assert np.abs(one - more).max() > 0.1
        assert_close(more, equal.astype(np.float64), 10)
    assert_close(other[2], right[2].astype(np.float64))


def test_a_result_laid_otherwise(kernels: Any) -> None:
    q, k, v = _inputs(np.float32, (2,), 9, 6, 8, 8)
    g, (result, total) = draw((2, 9, 8), np.float32, 3), results(q, k, v, None, False, 0.5)
    run = kernels["flash_attention_backward"]
    want = run(g, None, q, k, v, None, result, total, False, 0.5)
    assert modules().launches[-3:] == ["statistics_wide", "by_key_wide", "by_query_wide"]
    turned = np.ascontiguousarray(result.swapaxes(0, 1)).swapaxes(0, 1)
    got = run(g, None, q, k, v, None, turned, total, False, 0.5)
    assert all((a == b).all() for a, b in zip(got, want, strict=True))
    got = run(g, None, q, k, v, None, misaligned(result), total, False, 0.5)
    assert modules().launches[-3:] == ["statistics_narrow", "by_key_wide", "by_query_wide"]
    for ours, theirs in zip(got, want, strict=True):
        assert_close(ours, theirs.astype(np.float64))


@pytest.mark.parametrize("dtype", [np.float32, np.float16], ids=["float32", "float16"])
def test_blocks_take_several_tiles(monkeypatch: Any, kernels: Any, dtype: Any) -> None:
    monkeypatch.setattr(geometry, "GRID", 2)
    sizes = (3,), 70, 68, 8, 8
    q, k, v = _inputs(dtype, *sizes)
    want = forward(q, k, v, None, True, 0.3)
    result, logsumexp = kernels["flash_attention"](q, k, v, None, True, 0.3)
    assert_close(result, want[0], 2)
    assert_close(logsumexp, want[1], 2)
    _check_backward(kernels, dtype, sizes, None, True, True)


def test_integers_are_refused(kernels: Any) -> None:
    x = np.zeros((2, 2), np.int64)
    with pytest.raises(TypeError, match="int64"):
        kernels["flash_attention"](x, x, x, None, False, 1.0)


@pytest.mark.parametrize("itemsize", [2, 4, 8])
def test_geometry(itemsize: int) -> None:
    for scores in (False, True):
        plan = geometry.blocks(130, 300, 256, 6, itemsize, scores)
        assert plan.grid == (-(-130 // geometry.tile(itemsize)) * 2 * 6,)
        # With the static arrays of a kernel it has to stay below 48 KiB.
        assert plan.block == (256,) and plan.shared <= 46 * 1024
    assert [geometry.head(n) for n in (1, 64, 65, 128, 129, 500)] == [64, 64, 128, 128, 256, 256]


def test_steps_of_a_batch() -> None:
    steps = geometry.batch_steps
    assert steps((), ()) == (0, 0) and steps((4,), (7,)) == (0, 7) and steps((1,), (7,)) == (0, 0)
    assert steps((2, 3), (50, 4)) == (50, 4) and steps((2, 3, 4), (30, 10, 1)) == (10, 1)
    assert steps((2, 3, 4), (30, 11, 1)) is None and steps((2, 1, 4), (30, 11, 1)) == (30, 1)
    assert steps((5, 3, 4), (0, 0, 2)) == (0, 2) and steps((5, 3, 4), (0, 8, 2)) is None


@pytest.mark.parametrize("file", ["attention.cu", "attention_backward.cu"])
@pytest.mark.parametrize("head", [128, 256])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_wide_heads_compile(file: str, head: int, dtype: str) -> None:
    if nvrtc.nvrtc() is None or nvrtc.headers() is None:
        pytest.skip("NVRTC with CUDA's headers is not on this machine")
    constants = {"HEAD": head, "BLOCKS": geometry.resident(head)}
    flags = [*module.options((dtype,), constants), f"-I{nvrtc.headers()}", "-arch=sm_90"]
    done, messages, _ = nvrtc.compile_source(
        module.source(file), file, [*flags, "--ptxas-options=-v"]
    )
    assert done and "warning" not in messages, messages
    spilled = [int(n) for n in re.findall(r"(\d+) bytes spill stores", messages)]
    assert spilled and max(spilled) <= 96, messages
