"""A backend gets no dtype that it does not claim."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import dlf
import dlf.nn.functional as F
from dlf.dispatch import explain
from dlf.plugin import BackendSpec, Caps, get_host
from dlf_numpy_cpu.backend import NumpyBackend

STORED = frozenset({"bool", "int64", "float16", "float32"})
calls: list[str] = []


class Narrow(NumpyBackend):
    """Stores four dtypes; computes three ops in float32 only."""

    device_type = "narrow"
    caps = Caps(
        dtypes=STORED,
        op_dtypes={op: {"float32"} for op in ("exp", "gelu", "concat", "sgd_step")},
        features=frozenset({"views"}),
    )

    def kernels(self) -> dict[str, Callable[..., Any]]:
        def counted(name: str, kernel: Callable[..., Any]) -> Callable[..., Any]:
            def run(*args: Any) -> Any:
                calls.append(name)
                return kernel(*args)

            return run

        return {name: counted(name, kernel) for name, kernel in super().kernels().items()}


@pytest.fixture(autouse=True)
def narrow(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    host = get_host()
    made = dataclasses.replace(
        host.load_backend("cpu"), spec=BackendSpec("narrow", "narrow", "x:y"), backend=Narrow()
    )
    loaded = type(host).load_backend
    monkeypatch.setattr(
        type(host), "load_backend", lambda self, t: made if t == "narrow" else loaded(self, t)
    )
    calls.clear()
    yield


MAKERS: dict[str, Callable[[], Any]] = {
    "zeros": lambda: dlf.zeros(2, dtype=dlf.float64, device="narrow"),
    "full": lambda: dlf.full((2,), 3, dtype=dlf.int32, device="narrow"),
    "arange": lambda: dlf.arange(3, dtype=dlf.float64, device="narrow"),
    "tensor": lambda: dlf.tensor([1.0], dtype=dlf.float64, device="narrow"),
    "to device": lambda: dlf.ones(2, dtype=dlf.float64).to("narrow"),
    "cast": lambda: dlf.ones(2, device="narrow").double(),
    "bits": lambda: dlf.ones(2, device="narrow").view(dlf.int32),
}


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_a_dtype_that_is_not_stored_is_refused(make: Callable[[], Any]) -> None:
    with pytest.raises(TypeError, match=r"narrow:0 does not store dlf\.(float64|int32); it stores"):
        make()


@pytest.mark.parametrize("dtype", sorted(STORED))
def test_what_is_stored_goes_there_and_back(dtype: str) -> None:
    x = dlf.tensor([0, 1, 1], dtype=getattr(dlf, dtype), device="narrow")
    assert x.cpu().tolist() == [0, 1, 1]


def test_an_op_is_refused_in_a_dtype_that_is_not_computed() -> None:
    x = dlf.ones(3, device="narrow")
    np.testing.assert_allclose(x.exp().cpu().numpy(), np.exp(np.ones(3)), rtol=1e-6)
    assert "exp" in calls
    calls.clear()
    with pytest.raises(dlf.errors.MissingKernelError, match=r"exp.*narrow:0 for dlf\.float16"):
        x.half().exp()
    with pytest.raises(dlf.errors.MissingKernelError, match="concat"):
        dlf.cat([x.half(), x.half()])
    assert not {"exp", "concat"} & set(calls)


def test_the_host_computes_it_where_that_is_allowed() -> None:
    x = dlf.ones(3, device="narrow").half()
    with dlf.fallback_policy("allow"):
        assert x.exp().dtype is dlf.float16
    assert "exp" not in calls


def test_a_fused_op_is_decomposed_in_the_other_dtypes() -> None:
    x = dlf.linspace(-2, 2, 5).to("narrow")
    F.gelu(x)
    assert "gelu" in calls
    calls.clear()
    low = F.gelu(x.half())
    assert "gelu" not in calls and "erf" in calls
    np.testing.assert_allclose(low.cpu().numpy(), F.gelu(x.cpu()).numpy(), atol=2e-3)


def test_an_update_is_decomposed_in_the_other_dtypes() -> None:
    """It gives nothing back, and writes the parameters."""
    p = dlf.ones(3, device="narrow").half().requires_grad_()
    (p * 2).sum().backward()
    dlf.optim.SGD([p], lr=0.25).step()
    assert "sgd_step" not in calls
    assert p.detach().cpu().tolist() == [0.5, 0.5, 0.5]


def test_explain_names_the_dtypes_and_the_other_way() -> None:
    found = {one.op: one for one in explain("narrow")}
    assert found["exp"].dtypes == ("float32",) and found["exp"].otherwise == "fallback"
    assert found["gelu"].otherwise == "decomposed" and found["add"].dtypes == ()


def test_a_kernel_that_fails_is_named_with_its_own_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shapes that need not broadcast are not blamed."""
    device = dlf.ones(1, device="narrow").device
    slot = dlf.registry.registry["index_add"].slot

    def broken(*args: Any) -> Any:
        raise AttributeError("'Box' object has no attribute 'size'")

    table = [*device.table]
    table[slot] = broken
    monkeypatch.setattr(device, "table", table)
    x = dlf.ones(3, 4, device="narrow")
    index = dlf.tensor([0, 1, 2, 0, 1], device="narrow")
    with pytest.raises(RuntimeError, match=r"the kernel of narrow raised AttributeError: 'Box'"):
        x.index_add(0, index, dlf.ones(5, 4, device="narrow"))
