"""The dtype of each op's result inside autocast, beside PyTorch's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch

import dlf
from dlf.registry import registry


class Row(NamedTuple):
    """A call on ``h`` (in the region's dtype), ``x`` and ``w`` (float32), in library ``T``."""

    name: str
    call: Callable[[Any, Any, Any, Any], Any]


F: dict[Any, Any] = {dlf: dlf.nn.functional, torch: torch.nn.functional}


def targets(T: Any) -> Any:
    return T.tensor([0, 3, 1, 7])


ROWS = [
    # lower precision
    Row("matmul", lambda T, h, x, w: x @ w),
    Row("matmul batched", lambda T, h, x, w: x.reshape(1, 4, 8) @ w),
    Row("mm", lambda T, h, x, w: T.mm(x, w)),
    Row("bmm", lambda T, h, x, w: T.bmm(x.reshape(2, 2, 8), x.reshape(2, 8, 2))),
    Row("linear", lambda T, h, x, w: F[T].linear(x, w)),
    Row("linear bias", lambda T, h, x, w: F[T].linear(x, w, w[0])),
    Row("conv1d", lambda T, h, x, w: F[T].conv1d(x.reshape(1, 4, 8), w.reshape(8, 4, 2))),
    Row("conv2d", lambda T, h, x, w: F[T].conv2d(x.reshape(1, 2, 4, 4), w.reshape(8, 2, 2, 2))),
    Row(
        "conv3d", lambda T, h, x, w: F[T].conv3d(x.reshape(1, 2, 2, 2, 4), w.reshape(4, 2, 2, 2, 2))
    ),
    Row(
        "conv_transpose2d",
        lambda T, h, x, w: F[T].conv_transpose2d(x.reshape(1, 2, 4, 4), w.reshape(2, 8, 2, 2)),
    ),
    Row("einsum", lambda T, h, x, w: T.einsum("ij,jk->ik", x, w)),
    Row("tensordot", lambda T, h, x, w: T.tensordot(x, w, 1)),
    Row(
        "attention",
        lambda T, h, x, w: F[T].scaled_dot_product_attention(*[x.reshape(1, 1, 4, 8)] * 3),
    ),
    Row("prelu", lambda T, h, x, w: F[T].prelu(x, w[0, :1])),
    # float32
    Row("prod", lambda T, h, x, w: h.prod()),
    Row("mse_loss", lambda T, h, x, w: F[T].mse_loss(h, h)),
    Row("smooth_l1_loss", lambda T, h, x, w: F[T].smooth_l1_loss(h, h * 2)),
    Row("huber_loss", lambda T, h, x, w: F[T].huber_loss(h, h * 2)),
    Row("soft_margin_loss", lambda T, h, x, w: F[T].soft_margin_loss(h, h.sign())),
    Row("kl_div", lambda T, h, x, w: F[T].kl_div(h, h.softmax(1), reduction="sum")),
    Row("nll_loss", lambda T, h, x, w: F[T].nll_loss(h.log_softmax(1), targets(T))),
    Row("cross_entropy", lambda T, h, x, w: F[T].cross_entropy(h, targets(T))),
    Row("binary_cross_entropy", lambda T, h, x, w: F[T].binary_cross_entropy(h.sigmoid(), h * 0)),
    Row("bce_with_logits", lambda T, h, x, w: F[T].binary_cross_entropy_with_logits(h, h * 0)),
    # neither: the dtype of the input, the widest of several
    Row("relu", lambda T, h, x, w: h.relu()),
    Row("gelu", lambda T, h, x, w: F[T].gelu(h)),
    Row("tanh", lambda T, h, x, w: h.tanh()),
    Row("softmax", lambda T, h, x, w: h.softmax(-1)),
    Row("log_softmax", lambda T, h, x, w: h.log_softmax(-1)),
    Row("exp", lambda T, h, x, w: h.exp()),
    Row("log", lambda T, h, x, w: h.abs().log()),
    Row("pow", lambda T, h, x, w: h**3),
    Row("sum", lambda T, h, x, w: h.sum()),
    Row("mean", lambda T, h, x, w: h.mean(1)),
    Row("max", lambda T, h, x, w: h.amax(1)),
    Row("add of two", lambda T, h, x, w: h + x),
    Row("add", lambda T, h, x, w: h + h),
    Row("mul", lambda T, h, x, w: x * h),
    Row("mul by a number", lambda T, h, x, w: h * 2.5),
    Row("where", lambda T, h, x, w: T.where(x > 0, h, x)),
    Row("cat", lambda T, h, x, w: T.cat([h, x])),
    Row("stack", lambda T, h, x, w: T.stack([h, x])),
    Row("index_copy", lambda T, h, x, w: T.index_copy(x, 0, T.tensor([1]), h[:1])),
    Row("bilinear", lambda T, h, x, w: F[T].bilinear(x, x, w.reshape(1, 8, 8))),
    # float32 inside, the input's dtype outside
    Row("layer_norm", lambda T, h, x, w: F[T].layer_norm(h, (8,), w[0], w[1])),
    Row("layer_norm of float32", lambda T, h, x, w: F[T].layer_norm(x, (8,), w[0], w[1])),
    Row("rms_norm", lambda T, h, x, w: F[T].rms_norm(h, (8,), w[0], 1e-5)),
    Row("batch_norm", lambda T, h, x, w: F[T].batch_norm(h, None, None, w[0], w[1], True)),
    # what is not cast
    Row("float64", lambda T, h, x, w: x.double() @ w.double()),
    Row("integers", lambda T, h, x, w: (x * 9).long().prod()),
    # recurrent
    Row("lstm", lambda T, h, x, w: T.nn.LSTM(8, 4)(x)[0]),
    Row("gru", lambda T, h, x, w: T.nn.GRU(8, 4)(x)[0]),
    Row("rnn", lambda T, h, x, w: T.nn.RNN(8, 4)(x)[0]),
    Row("lstm cell", lambda T, h, x, w: T.nn.LSTMCell(8, 4)(x)[0]),
]
TOLERANCE = {"float32": 2e-2, "bfloat16": 4e-2, "float64": 1e-12, "int64": 0}


def inputs(T: Any, dtype: Any) -> tuple[Any, Any, Any]:
    rng = np.random.default_rng(3)
    x, w = (rng.standard_normal(size).astype(np.float32) for size in ((4, 8), (8, 8)))
    return T.tensor(x).to(dtype), T.tensor(x), T.tensor(w)


@pytest.mark.filterwarnings("ignore:Mismatch dtype:UserWarning")
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_result(row: Row) -> None:
    found: list[Any] = []
    for T in (dlf, torch):
        T.manual_seed(0)
        with T.autocast("cpu", dtype=T.bfloat16):
            found.append(row.call(T, *inputs(T, T.bfloat16)).detach())
    ours, theirs = found
    assert str(ours.dtype) == str(theirs.dtype).replace("torch", "dlf")
    drawn = any(word in row.name for word in ("lstm", "gru", "rnn"))
    if not drawn:  # weights that are drawn differ
        np.testing.assert_allclose(
            ours.double().numpy(),
            theirs.double().numpy(),
            atol=TOLERANCE[ours.dtype.name],
            rtol=TOLERANCE[ours.dtype.name],
        )


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_decompositions_choose_the_same(row: Row, monkeypatch: pytest.MonkeyPatch) -> None:
    """A composite is cast as a whole, whether the device has a kernel for it or not."""
    dtypes = []
    for bare in (False, True):
        device = dlf.zeros(1).device
        if bare:
            table = [
                None if op.decomposes and not op.view else kernel
                for op, kernel in zip(registry, device.table, strict=True)
            ]
            monkeypatch.setattr(device, "table", table)
        with dlf.autocast("cpu"):
            dtypes.append(row.call(dlf, *inputs(dlf, dlf.bfloat16)).dtype)
    assert dtypes[0] is dtypes[1]


ACCELERATOR = {
    "softmax": lambda h: h.softmax(-1),
    "log_softmax": lambda h: h.log_softmax(-1),
    "exp": lambda h: h.exp(),
    "log": lambda h: h.abs().log(),
    "pow": lambda h: h**2,
    "sum": lambda h: h.sum(),
    "cumsum": lambda h: h.cumsum(0),
    "layer_norm": lambda h: F[dlf].layer_norm(h, (8,)),
    "mse_loss": lambda h: F[dlf].mse_loss(h, h),
}
KEPT = {
    "relu": lambda h: h.relu(),
    "sigmoid": lambda h: h.sigmoid(),  # its decomposition has an exponential
    "gelu": lambda h: F[dlf].gelu(h),
    "add": lambda h: h + h,
    "rms_norm": lambda h: F[dlf].rms_norm(h, (8,), eps=1e-5),
    "matmul": lambda h: h @ h.T,
}


@pytest.mark.parametrize("dtype", [dlf.bfloat16, dlf.float16], ids=str)
def test_devices_without_lists_of_their_own(dtype: dlf.dtype) -> None:
    """They have those that PyTorch's accelerators share."""
    h = dlf.rand(4, 8, device="sim:1").to(dtype)
    with dlf.autocast("sim", dtype=dtype):
        for name, call in ACCELERATOR.items():
            assert call(h).dtype is dlf.float32, name
        for name, call in KEPT.items():
            assert call(h).dtype is dtype, name
        assert (dlf.ones(2, 2) @ dlf.ones(2, 2)).dtype is dlf.float32, "another device type"
    assert h.exp().dtype is dtype
