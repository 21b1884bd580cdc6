"""Functions of several ops that are cast as a whole, and arguments whose dtypes differ."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import dlf

Call = Callable[[Any, Any, Any, Any], Any]
F: dict[Any, Any] = {dlf: dlf.nn.functional, torch: torch.nn.functional}

ROWS: dict[str, Call] = {
    "matmul": lambda T, h, x, w: h @ w,
    "bmm": lambda T, h, x, w: T.bmm(h.reshape(2, 2, 8), x.reshape(2, 8, 2)),
    "addmm": lambda T, h, x, w: T.addmm(w[0], h, w, beta=2, alpha=0.5),
    "baddbmm": lambda T, h, x, w: T.baddbmm(w[0, :2], h.reshape(2, 2, 8), x.reshape(2, 8, 2)),
    "trace": lambda T, h, x, w: h[:, :4].trace(),
    "linear": lambda T, h, x, w: F[T].linear(h, w, w[0]),
    "conv2d": lambda T, h, x, w: F[T].conv2d(h.reshape(1, 2, 4, 4), w.reshape(8, 2, 2, 2), w[0]),
    "conv_transpose2d": lambda T, h, x, w: F[T].conv_transpose2d(
        h.reshape(1, 2, 4, 4), w.reshape(2, 8, 2, 2), w[0]
    ),
    "attention": lambda T, h, x, w: F[T].scaled_dot_product_attention(
        h.reshape(1, 1, 4, 8), x.reshape(1, 1, 4, 8), x.reshape(1, 1, 4, 8)
    ),
    "attention mask": lambda T, h, x, w: F[T].scaled_dot_product_attention(
        *[h.reshape(1, 1, 4, 8)] * 3, attn_mask=w[:4, :4]
    ),
    "attention bool mask": lambda T, h, x, w: F[T].scaled_dot_product_attention(
        *[x.reshape(1, 1, 4, 8)] * 3, attn_mask=x[:, :4] > 0.2
    ),
    "cross_entropy": lambda T, h, x, w: F[T].cross_entropy(
        h, T.tensor([0, 3, 1, 7]), weight=w[0].abs(), label_smoothing=0.1
    ),
    "cross_entropy of probabilities": lambda T, h, x, w: F[T].cross_entropy(h, h.softmax(1)),
    "l1_loss": lambda T, h, x, w: F[T].l1_loss(h, h * 2),
    "margin_ranking_loss": lambda T, h, x, w: F[T].margin_ranking_loss(h, h * 2, h.sign()),
    "hinge_embedding_loss": lambda T, h, x, w: F[T].hinge_embedding_loss(h, h.sign()),
    "cosine_embedding_loss": lambda T, h, x, w: F[T].cosine_embedding_loss(
        h, h * 2, T.tensor([1, -1, 1, 1])
    ),
    "poisson_nll_loss": lambda T, h, x, w: F[T].poisson_nll_loss(h, h.abs()),
    "triplet_margin_loss": lambda T, h, x, w: F[T].triplet_margin_loss(h, h * 2, h * 3),
    "multi_margin_loss": lambda T, h, x, w: F[T].multi_margin_loss(h, T.tensor([0, 3, 1, 7])),
    "avg_pool3d": lambda T, h, x, w: F[T].avg_pool3d(h.reshape(1, 1, 2, 4, 4), 2),
    "adaptive_avg_pool3d": lambda T, h, x, w: F[T].adaptive_avg_pool3d(h.reshape(1, 1, 2, 4, 4), 2),
    "group_norm": lambda T, h, x, w: F[T].group_norm(h, 2, w[0], w[1]),
    "batch_norm": lambda T, h, x, w: F[T].batch_norm(h, w[2], w[3].abs(), w[0], w[1]),
}


def inputs(T: Any) -> tuple[Any, Any, Any]:
    rng = np.random.default_rng(4)
    x, w = (rng.standard_normal(size).astype(np.float32) for size in ((4, 8), (8, 8)))
    return T.tensor(x).to(T.bfloat16), T.tensor(x), T.tensor(w)


@pytest.mark.parametrize("name", ROWS)
def test_as_pytorch(name: str) -> None:
    found: list[Any] = []
    for T in (dlf, torch):
        with T.autocast("cpu", dtype=T.bfloat16):
            found.append(ROWS[name](T, *inputs(T)))
    ours, theirs = found
    assert str(ours.dtype) == str(theirs.dtype).replace("torch", "dlf")
    low = ours.dtype is dlf.bfloat16
    np.testing.assert_allclose(
        ours.double().numpy(),
        theirs.double().numpy(),
        atol=4e-2 if low else 1e-5,
        rtol=4e-2 if low else 1e-5,
    )


def test_dtypes_must_agree_again_outside() -> None:
    h, x, w = inputs(dlf)
    with pytest.raises(RuntimeError, match="same dtype"):
        h @ w
    with dlf.autocast("cpu"), dlf.autocast("cpu", enabled=False):
        with pytest.raises(RuntimeError, match="same dtype"):
            F[dlf].linear(h, w)
        with pytest.raises(RuntimeError, match="same dtype"):
            F[dlf].scaled_dot_product_attention(h, x, x)


def test_backward_inside_a_region_keeps_the_dtypes_of_the_forward() -> None:
    """An op that ran in float32 outside has a float32 gradient, also if that is asked inside."""
    x, w = dlf.randn(4, 8), dlf.randn(8, 8, requires_grad=True)
    before = x @ w
    with dlf.autocast("cpu"):
        before.square().sum().backward()
        assert w.grad is not None
        assert w.grad.dtype is dlf.float32
        exact = 2 * x.double().T @ (x.double() @ w.double())
        np.testing.assert_allclose(w.grad.numpy(), exact.detach().numpy(), rtol=1e-4, atol=1e-4)
        assert dlf.is_autocast_enabled("cpu")


def test_binary_ops_of_threads_that_have_it_off() -> None:
    """They find their kernel also while another thread is entering or leaving."""
    stop = threading.Event()
    wrong: list[object] = []

    def flicker() -> None:
        while not stop.is_set():
            with dlf.autocast("sim"):
                pass

    def compute() -> None:
        x = dlf.full((3,), 3.0, device="sim")
        try:
            for _ in range(300):
                out = x**2
                if out.dtype is not dlf.float32 or out[0].item() != 9:
                    wrong.append(out)
        except Exception as error:  # any: it is what the test is about
            wrong.append(error)

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        threads = [threading.Thread(target=flicker) for _ in range(2)]
        worker = threading.Thread(target=compute)
        for thread in (*threads, worker):
            thread.start()
        worker.join()
        stop.set()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(before)
    assert wrong == []


@pytest.mark.parametrize("layer", ["LSTM", "GRU", "TransformerEncoderLayer", "MultiheadAttention"])
def test_layers_train(layer: str) -> None:
    x = dlf.randn(3, 2, 8)
    model: Any = {
        "LSTM": lambda: dlf.nn.LSTM(8, 8, 2),
        "GRU": lambda: dlf.nn.GRU(8, 8, 2),
        "TransformerEncoderLayer": lambda: dlf.nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0),
        "MultiheadAttention": lambda: dlf.nn.MultiheadAttention(8, 2),
    }[layer]()
    outputs = []
    for enabled in (True, False):
        model.zero_grad()
        with dlf.autocast("cpu", enabled=enabled):
            out = model(x, x, x) if layer == "MultiheadAttention" else model(x)
            out = out[0] if isinstance(out, tuple) else out
            loss = (out.float() ** 2).mean()
        loss.backward()
        outputs.append(out.float().detach().numpy())
        for name, parameter in model.named_parameters():
            assert parameter.grad is not None, name
            assert parameter.grad.dtype is dlf.float32, name
    np.testing.assert_allclose(outputs[0], outputs[1], atol=5e-2)
