"""custom_fwd and custom_bwd: autocast for one's own autograd functions."""

from __future__ import annotations

from typing import Any

import pytest

import dlf
from dlf.amp import custom_bwd, custom_fwd

seen: dict[str, Any] = {}


class Follows(dlf.autograd.Function):
    @staticmethod
    @custom_fwd(device_type="cpu")
    def forward(ctx: Any, a: Any, b: Any) -> Any:  # type: ignore[override]  # as PyTorch has it
        ctx.save_for_backward(a, b)
        out = a @ b
        seen["forward"] = out.dtype
        return out

    @staticmethod
    @custom_bwd(device_type="cpu")
    def backward(ctx: Any, g: Any) -> Any:  # type: ignore[override]  # as PyTorch has it
        a, b = ctx.saved_tensors
        seen["enabled"] = dlf.is_autocast_enabled("cpu")
        seen["backward"] = (a @ a.T).dtype
        return (g.float() @ b.float().T), (a.float().T @ g.float())


class Float32(dlf.autograd.Function):
    @staticmethod
    @custom_fwd(device_type="cpu", cast_inputs=dlf.float32)
    def forward(ctx: Any, a: Any, pair: Any, scale: float) -> Any:  # type: ignore[override]  # as above
        seen["dtypes"] = [a.dtype, *(t.dtype for t in pair)]
        seen["forward"] = (a @ a.T).dtype
        return a * scale

    @staticmethod
    @custom_bwd(device_type="cpu")
    def backward(ctx: Any, g: Any) -> Any:  # type: ignore[override]  # as above
        seen["enabled"] = dlf.is_autocast_enabled("cpu")
        return g.to(dlf.bfloat16), None, None


def test_backward_runs_as_forward_did() -> None:
    a, b = dlf.ones(2, 2, requires_grad=True), dlf.ones(2, 2, requires_grad=True)
    with dlf.autocast("cpu", dtype=dlf.float16):
        out = Follows.apply(a, b)
    out.float().sum().backward()
    assert seen["forward"] is dlf.float16
    assert seen["enabled"]
    assert seen["backward"] is dlf.float16
    out = Follows.apply(a, b)
    with dlf.autocast("cpu"):
        out.sum().backward()
    assert not seen["enabled"]
    assert seen["forward"] is seen["backward"] is dlf.float32


def test_inputs_are_cast() -> None:
    a = dlf.ones(2, 2, dtype=dlf.bfloat16).requires_grad_()
    others = (dlf.ones(1, dtype=dlf.float16), dlf.ones(1, dtype=dlf.float64), dlf.arange(2))
    with dlf.autocast("cpu"):
        out = Float32.apply(a, others, 2.0)
    assert seen["dtypes"] == [dlf.float32, dlf.float32, dlf.float64, dlf.int64]
    assert seen["forward"] is dlf.float32
    out.sum().backward()
    assert not seen["enabled"]
    Float32.apply(a, others, 2.0)
    assert seen["dtypes"][0] is dlf.bfloat16, "outside a region it does nothing"


def test_the_device_type_is_a_name() -> None:
    for decorator in (custom_fwd, custom_bwd):
        with pytest.raises(ValueError, match="device_type"):
            decorator(device_type=3)  # type: ignore[operator]  # wrong on purpose
