"""Dropout on the device, whatever it is made of."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..close import assert_close
from ..subject import Array, Subject
from .random_statistics import assert_mean, assert_unrelated

__all__ = ["CASES"]


def _host(t: Any) -> Array:
    found: Array = t.detach().cpu().numpy().copy()
    return found


def _dropout(subject: Subject) -> None:
    """Each value is dropped or scaled, and its gradient with it."""
    import dlf
    from dlf.nn import functional as F

    subject.need("bool")
    dlf.manual_seed(5)
    for p in (0.25, 0.9):
        x = subject.tensor(np.ones((50, 60), np.float32), requires_grad=True)
        y = F.dropout(x, p)
        (y * 3).sum().backward()
        values, scale = _host(y), np.float32(1 / (1 - p))
        kept = values != 0
        assert np.allclose(values[kept], scale, rtol=1e-6), f"{values[kept][:3]}, not {scale}"
        assert_mean(~kept, p, p * (1 - p), f"what was dropped at p={p}")
        assert x.grad is not None
        assert_close(_host(x.grad), values * 3.0, "float32", "the gradient")
        assert np.array_equal(_host(F.dropout(x, p, training=False)), np.ones((50, 60)))


def _dropout_twice(subject: Subject) -> None:
    """Two calls drop different values, in the forward and in the backward pass."""
    import dlf
    from dlf.nn import functional as F

    subject.need("bool")
    dlf.manual_seed(5)
    x = subject.tensor(np.ones((64, 64), np.float32), requires_grad=True)
    first, second = F.dropout(x, 0.5), F.dropout(x, 0.5)
    assert_unrelated(_host(first), _host(second), "the masks of two calls")
    (first * second).sum().backward()
    assert x.grad is not None
    both = _host(first) * _host(second) * 2
    assert_close(_host(x.grad), both.astype(np.float64), "float32", "the gradient of a product")


def _dropout_ends(subject: Subject) -> None:
    """At p = 0 all stays, at p = 1 nothing; empty and 0-d tensors; dtypes stay."""
    from dlf.nn import functional as F

    subject.need("bool")
    x = subject.tensor(np.arange(1.0, 7.0, dtype=np.float32).reshape(2, 3))
    assert np.array_equal(_host(F.dropout(x, 0.0)), _host(x)), "p = 0"
    assert not _host(F.dropout(x, 1.0)).any(), "p = 1"
    for shape in ((0,), (3, 0), (), (1,)):
        made = F.dropout(subject.tensor(np.ones(shape, np.float32)), 0.5)
        assert tuple(made.shape) == shape and set(_host(made).ravel().tolist()) <= {0.0, 2.0}
    for name in ("float16", "bfloat16", "float64"):
        if subject.claims(name):
            made = F.dropout(x.to(_dtype(name)), 0.5)
            assert made.dtype is _dtype(name), f"{name} became {made.dtype}"
            whole = _host(made).astype(np.float64).ravel()
            expected = {float(v) for v in (2, 4, 6, 8, 10, 12)} | {0.0}
            assert set(whole.tolist()) <= expected, f"{name}: {whole}"


def _dropout_channels(subject: Subject) -> None:
    """`dropout2d` drops whole channels, `alpha_dropout` keeps mean and variance."""
    import dlf
    from dlf.nn import functional as F

    subject.need("bool")
    dlf.manual_seed(9)
    x = subject.tensor(np.ones((40, 25, 2, 3), np.float32))
    values = _host(F.dropout2d(x, 0.4)).reshape(1000, 6)
    assert (values == values[:, :1]).all(), "a channel was dropped in part"
    assert_mean(values[:, 0] == 0, 0.4, 0.24, "the channels dropped")
    normal = subject.tensor(subject.rng.standard_normal(20_000).astype(np.float32))
    changed = _host(F.alpha_dropout(normal, 0.3, training=True)).astype(np.float64)
    assert abs(changed.mean()) < 0.05 and 0.9 < changed.var() < 1.1, "alpha_dropout"


def _dtype(name: str) -> Any:
    from ...dtypes import ALL

    return ALL[name]


CASES = (_dropout, _dropout_twice, _dropout_ends, _dropout_channels)
