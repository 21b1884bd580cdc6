"""What cuBLAS and nvmath-python are called with, shown on stand-ins for both."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from dlf_cupy_gpu.kernels import matmul, matmul_epilogue
from dlf_cupy_gpu.kernels.matmul_cublas import CublasMultiply
from dlf_cupy_gpu.kernels.matmul_plan import Product, plan
from tests.cuda.compare import draw
from tests.cuda.host import modules

Array = np.ndarray[Any, Any]


class Recorded:
    """A stand-in for `cupy` that notes calls of cuBLAS."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []
        notes = SimpleNamespace(
            gemmEx=lambda *a: self.calls.append(("gemmEx", *a)),
            gemmStridedBatchedEx=lambda *a: self.calls.append(("gemmStridedBatchedEx", *a)),
        )
        self.cuda = SimpleNamespace(
            cublas=notes, device=SimpleNamespace(get_cublas_handle=lambda: 7)
        )


def _on_card(array: Array, at: int) -> Any:
    return SimpleNamespace(dtype=array.dtype, data=SimpleNamespace(ptr=at))


def _plan(a: Array, b: Array) -> Product:
    lead = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    steps = [tuple(s // x.itemsize for s in x.strides) for x in (a, b)]
    return plan(a.shape, steps[0], b.shape, steps[1], lead)


@pytest.mark.parametrize(
    ("dtype", "precision", "number", "compute"),
    [
        (np.float32, "highest", 0, 68),
        (np.float32, "high", 0, 77),
        (np.float64, "high", 1, 70),
        (np.float16, "highest", 2, 68),
        (ml_dtypes.bfloat16, "highest", 14, 68),
        (np.complex64, "highest", 4, 68),
        (np.complex128, "highest", 5, 70),
    ],
)
def test_arguments_of_the_batched_entry(
    dtype: Any, precision: str, number: int, compute: int
) -> None:
    a, b = np.zeros((5, 2, 3), dtype), np.zeros((5, 4, 3), dtype).swapaxes(1, 2)
    cupy = Recorded()
    CublasMultiply(cupy, lambda: precision)(
        _plan(a, b), _on_card(b, 4096), _on_card(a, 8192), _on_card(a, 16384), False
    )
    name, *rest = cupy.calls[0]
    assert name == "gemmStridedBatchedEx" and len(rest) == 23
    assert rest[:6] == [7, 1, 0, 4, 2, 3]
    assert rest[7:11] == [4096, number, 3, 12]
    assert rest[11:15] == [8192, number, 3, 6]
    assert rest[16:20] == [16384, number, 4, 8]
    assert rest[20:] == [5, compute, -1]


def test_arguments_of_a_single_product() -> None:
    a, b = np.zeros((2, 2, 3), np.float32), np.zeros((2, 1, 3, 4), np.float32)
    cupy = Recorded()
    product = _plan(a[0], b[0, 0])
    places = _on_card(b, 4096), _on_card(a, 8192), _on_card(a, 16384)
    CublasMultiply(cupy, lambda: "highest")(product, *places, True)
    name, *rest = cupy.calls[0]
    assert name == "gemmEx" and len(rest) == 19
    assert rest[:6] == [7, 0, 0, 4, 2, 3]
    assert rest[7:13] == [4096, 0, 4, 8192, 0, 3]
    # Factors lie on the host: 1, and 1 again where the product is added.
    assert rest[6] == rest[13] and rest[14:] == [16384, 0, 4, 68, -1]


def test_starts_of_several_calls_are_bytes() -> None:
    a, b = np.zeros((2, 1, 3, 5), np.float16), np.zeros((3, 5, 2), np.float16)
    cupy = Recorded()
    places = _on_card(b, 0), _on_card(a, 0), _on_card(a, 0)
    CublasMultiply(cupy, lambda: "highest")(_plan(a, b), *places, False)
    assert [(c[8], c[12], c[17]) for c in cupy.calls] == [(0, 0, 0), (0, 30, 36)]


class Advanced:
    """A stand-in for ``nvmath.linalg.advanced``."""

    MatmulEpilog = SimpleNamespace(BIAS="bias")
    MatmulComputeType = SimpleNamespace(COMPUTE_32F_FAST_TF32="tf32")

    def __init__(self) -> None:
        self.made: list[Any] = []

    def Matmul(  # noqa: N802 - the module's own name
        self, a: Array, b: Array, options: Any
    ) -> Any:
        made = _Planned(a, b, options)
        self.made.append(made)
        return made


class _Planned:
    def __init__(self, a: Array, b: Array, options: Any) -> None:
        self.options, self.freed = options, False
        self.a: Any = a
        self.b: Any = b

    def plan(self, epilog: str, epilog_inputs: Any) -> None:
        assert epilog == "bias"
        self.bias = epilog_inputs["bias"]

    def reset_operands(self, a: Array, b: Array, epilog_inputs: Any) -> None:
        assert self.a is None
        self.a, self.b, self.bias = a, b, epilog_inputs["bias"]

    def execute(self) -> Array:
        assert self.bias.shape == (self.a.shape[0], 1)
        return self.a @ self.b + self.bias

    def release_operands(self) -> None:
        self.a = self.b = self.bias = None

    def free(self) -> None:
        self.freed = True


def test_bias_inside_the_product(monkeypatch: Any) -> None:
    advanced = Advanced()
    linear = matmul_epilogue.NvmathLinear(advanced, lambda: "high", smallest=100)
    weight, bias = draw((4, 6), np.float32), draw((4,), np.float32)
    assert linear(draw((2, 6), np.float32), weight, bias) is None
    for seed in range(2):
        x = draw((2, 5, 6), np.float32, seed)
        np.testing.assert_allclose(linear(x, weight, bias), x @ weight.T + bias, rtol=1e-5)
    assert len(advanced.made) == 1 and advanced.made[0].options == {"compute_type": "tf32"}
    assert linear(x[:, ::2], weight, bias) is None
    monkeypatch.setattr(matmul_epilogue, "KEPT", 1)
    assert linear(draw((9, 6), np.float32), weight, bias) is not None
    assert advanced.made[0].freed and not advanced.made[1].freed


def test_a_library_without_cublas_keeps_its_own_product() -> None:
    assert matmul.kernels(modules()) == {}


def test_nothing_is_fused_without_nvmath(monkeypatch: Any) -> None:
    monkeypatch.setitem(sys.modules, "nvmath", None)
    monkeypatch.setitem(sys.modules, "nvmath.linalg", None)
    assert matmul_epilogue.find() is None
