"""cuBLAS within a recording: the calls that reach the library, in the library's own types."""

from __future__ import annotations

import ctypes
import gc
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from dlf_cupy_gpu import capture
from dlf_cupy_gpu.kernels import matmul_captured
from dlf_cupy_gpu.kernels.matmul_captured import _ENTRIES, CapturedCublas
from dlf_cupy_gpu.kernels.matmul_cublas import CublasMultiply
from dlf_cupy_gpu.kernels.matmul_plan import plan

STREAM = 99


class Array(np.ndarray):  # type: ignore[type-arg]  # NumPy's own, with CuPy's `data.ptr`
    @property
    def data(self) -> Any:  # type: ignore[override]  # so that it stands for CuPy's
        return SimpleNamespace(ptr=self.ctypes.data)


class Library:
    """libcublas as far as it is called: C functions that note their arguments."""

    def __init__(self, status: int = 0) -> None:
        self.calls: list[tuple[Any, ...]] = []
        for name, types in _ENTRIES.items():
            kind = ctypes.CFUNCTYPE(ctypes.c_int, *types)
            setattr(self, name, kind(self._noting(name, status)))

    def _noting(self, name: str, status: int) -> Any:
        def called(*arguments: Any) -> int:
            self.calls.append((name, *arguments))
            return status if "Gemm" in name else 0

        return called


class Recording:
    """What a thread's work is kept by."""


@pytest.fixture
def recorder() -> Any:
    made = Recording()
    capture.begin(made)
    yield made
    capture.end()


def cupy(capability: str = "90") -> Any:
    def refused(*_: Any) -> None:
        raise NotImplementedError("calling cuBLAS API during stream capture is unsupported")

    cuda = SimpleNamespace(
        cublas=SimpleNamespace(gemmEx=refused, gemmStridedBatchedEx=refused),
        device=SimpleNamespace(get_cublas_handle=lambda: 7),
        Device=lambda: SimpleNamespace(compute_capability=capability),
        get_current_stream=lambda: SimpleNamespace(ptr=STREAM),
    )
    return SimpleNamespace(cuda=cuda, empty=lambda *of: np.empty(*of).view(Array))


def multiplied(given: Any, library: Library, *batch: int) -> Any:
    a, b = (np.ones((*batch, 4, 4), "float32").view(Array) for _ in range(2))
    multiply = CublasMultiply(given, lambda: "highest")
    if (active := capture.active()) is not None:
        multiply._captured[active] = CapturedCublas(given, lambda _: library)
    strides = tuple(s // 4 for s in a.strides)
    product = plan(a.shape, strides, b.shape, strides, batch)
    multiply(product, b, a, np.empty((*batch, 4, 4), "float32").view(Array), False)
    return product


@pytest.mark.parametrize(("capability", "megabytes"), [("80", 4), ("90", 32), ("100", 32)])
def test_a_recording_has_memory_of_its_own(recorder: Any, capability: str, megabytes: int) -> None:
    library = Library()
    multiplied(cupy(capability), library)
    names = [call[0] for call in library.calls]
    assert names == ["cublasSetStream_v2", "cublasSetWorkspace_v2", "cublasGemmEx"]
    assert library.calls[0][1:] == (7, STREAM)
    handle, start, size = library.calls[1][1:]
    assert handle == 7 and start and size == megabytes << 20


def test_sizes_arrive_where_the_library_expects_them(recorder: Any) -> None:
    library = Library()
    product = multiplied(cupy(), library, 3)
    name, handle, _, _, m, n, k, one, *rest = library.calls[-1]
    assert (name, handle, m, n, k) == ("cublasGemmStridedBatchedEx", 7, 4, 4, 4)
    assert ctypes.c_float.from_address(one).value == 1.0
    _, kind, leading, stride, _, _, leading_b, stride_b, zero = rest[:9]
    assert (kind, leading, stride, leading_b, stride_b) == (0, 4, 16, 4, 16)
    assert ctypes.c_float.from_address(zero).value == 0.0
    assert rest[-3:] == [product.batch, 68, -1]


def test_a_status_is_an_error(recorder: Any) -> None:
    with pytest.raises(RuntimeError, match="cublasGemmEx failed with cublasStatus_t 13"):
        multiplied(cupy(), Library(status=13))


def test_cupys_wrapper_is_left_alone_only_in_a_recording() -> None:
    with pytest.raises(NotImplementedError, match="during stream capture"):
        multiplied(cupy(), Library())


def test_each_recording_has_its_own_for_as_long_as_it_lives(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(
        matmul_captured.CapturedCublas.__init__, "__defaults__", (lambda _: Library(),)
    )
    multiply = CublasMultiply(cupy(), lambda: "highest")
    first, second = Recording(), Recording()
    assert multiply._in(first) is multiply._in(first) is not multiply._in(second)
    del first
    gc.collect()
    assert list(multiply._captured) == [second]
