"""Convolutions through cuDNN: a thin layer over nvidia-cudnn-frontend's graphs.

A graph is made once for each set of shapes, strides and dtypes. What cuDNN has no plan for, such as
a dtype or sizes that it does not take, is left to the kernels of this package.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from dlf_cupy_gpu.deterministic import is_deterministic, matmul_precision

from .common import Array

__all__ = ["Cudnn", "find"]

Ints = tuple[int, ...]

_TYPES: Mapping[str, str] = {
    "float16": "HALF",
    "bfloat16": "BFLOAT16",
    "float32": "FLOAT",
    "float64": "DOUBLE",
}


class _Plan(NamedTuple):
    """A built graph, its tensors in the order of the arrays, and the bytes of its workspace."""

    graph: Any
    tensors: tuple[Any, ...]
    workspace: int


def find(xp: Any) -> Cudnn | None:
    """cuDNN over CuPy `xp`; None where the frontend or cuDNN itself is missing."""
    if not hasattr(xp, "cuda"):
        return None
    try:
        import cudnn
    except (ImportError, OSError, RuntimeError):
        return None
    return Cudnn(xp, cudnn)


class Cudnn:
    """Each method writes its last array and gives True, or gives False where cuDNN does not do it.

    Arrays are contiguous and not empty.

    Args:
        cupy: the module `cupy`.
        cudnn: the module `cudnn` of nvidia-cudnn-frontend.
        precision: whether float32 may be rounded to TF32, as for products of matrices.
        deterministic: whether sums must come in one order.
    """

    def __init__(
        self,
        cupy: Any,
        cudnn: Any,
        precision: Callable[[], str] = matmul_precision,
        deterministic: Callable[[], bool] = is_deterministic,
    ) -> None:
        self._cupy, self._cudnn = cupy, cudnn
        self._precision, self._deterministic = precision, deterministic
        self._plans: dict[Any, _Plan | None] = {}
        self._handles: dict[tuple[int, int], Any] = {}
        self._lock = threading.Lock()

    def conv(
        self,
        input: Array,
        weight: Array,
        bias: Array | None,
        result: Array,
        stride: Ints,
        padding: Ints,
        dilation: Ints,
    ) -> bool:
        """Write the convolution, groups by the sizes of input and weight, to `result`."""
        arrays = [input, weight]
        if bias is not None:
            arrays.append(bias.reshape(1, -1, *[1] * len(stride)))

        def build(graph: Any, tensors: Sequence[Any], steps: Mapping[str, Any]) -> Any:
            out = graph.conv_fprop(image=tensors[0], weight=tensors[1], **steps)
            return out if bias is None else graph.bias(input=out, bias=tensors[2])

        return self._run("conv", build, arrays, result, stride, padding, dilation)

    def input_grad(
        self, grad: Array, weight: Array, result: Array, stride: Ints, padding: Ints, dilation: Ints
    ) -> bool:
        """Write the gradient by the input to `result`."""

        def build(graph: Any, tensors: Sequence[Any], steps: Mapping[str, Any]) -> Any:
            return graph.conv_dgrad(loss=tensors[0], filter=tensors[1], **steps)

        return self._run("input_grad", build, [grad, weight], result, stride, padding, dilation)

    def weight_grad(
        self, grad: Array, input: Array, result: Array, stride: Ints, padding: Ints, dilation: Ints
    ) -> bool:
        """Write the gradient by the weight to `result`."""

        def build(graph: Any, tensors: Sequence[Any], steps: Mapping[str, Any]) -> Any:
            return graph.conv_wgrad(loss=tensors[0], image=tensors[1], **steps)

        return self._run("weight_grad", build, [grad, input], result, stride, padding, dilation)

    def _run(
        self,
        name: str,
        build: Callable[..., Any],
        arrays: Sequence[Array],
        result: Array,
        stride: Ints,
        padding: Ints,
        dilation: Ints,
    ) -> bool:
        dtype = result.dtype.name
        if dtype not in _TYPES:
            return False
        exact = dtype == "float32" and self._precision() == "highest"
        steps = {"padding": list(padding), "stride": list(stride), "dilation": list(dilation)}
        device = int(self._cupy.cuda.runtime.getDevice())
        settings = exact, self._deterministic()
        shapes = tuple(a.shape for a in (*arrays, result))
        key = (name, device, dtype, shapes, stride, padding, dilation, settings)
        handle = self._handle(device)
        with self._lock:
            if key not in self._plans:
                self._plans[key] = self._built(build, arrays, result, steps, settings, handle)
            plan = self._plans[key]
        if plan is None:
            return False
        workspace = self._cupy.empty(max(plan.workspace, 1), "uint8")
        places = [int(a.data.ptr) for a in (*arrays, result)]
        pack = dict(zip(plan.tensors, places, strict=True))
        plan.graph.execute(pack, int(workspace.data.ptr), handle=handle)
        return True

    def _handle(self, device: int) -> Any:
        """A handle of this thread and device, on the current stream."""
        key = threading.get_ident(), device
        handle = self._handles.get(key)
        if handle is None:
            handle = self._handles[key] = self._cudnn.create_handle()
        self._cudnn.set_stream(handle=handle, stream=self._cupy.cuda.get_current_stream().ptr)
        return handle

    def _built(
        self,
        build: Callable[..., Any],
        arrays: Sequence[Array],
        result: Array,
        steps: Mapping[str, Any],
        settings: tuple[bool, bool],
        handle: Any,
    ) -> _Plan | None:
        try:
            return self._planned(build, arrays, result, steps, settings, handle)
        except (self._cudnn.cudnnGraphNotSupportedError, RuntimeError, ValueError):
            return None

    def _planned(
        self,
        build: Callable[..., Any],
        arrays: Sequence[Array],
        result: Array,
        steps: Mapping[str, Any],
        settings: tuple[bool, bool],
        handle: Any,
    ) -> _Plan:
        cudnn, (exact, deterministic) = self._cudnn, settings
        kind = getattr(cudnn.data_type, _TYPES[result.dtype.name])
        compute = cudnn.data_type.DOUBLE if result.dtype.itemsize == 8 else cudnn.data_type.FLOAT
        graph = cudnn.pygraph(
            io_data_type=kind,
            intermediate_data_type=compute,
            compute_data_type=compute,
            handle=handle,
        )
        tensors = [
            graph.tensor(dim=list(a.shape), stride=_steps(a), data_type=kind, name=f"operand{i}")
            for i, a in enumerate(arrays)
        ]
        out = build(graph, tensors, steps)
        out.set_output(True).set_dim(list(result.shape)).set_stride(_steps(result))
        out.set_data_type(kind)
        graph.validate()
        graph.build_operation_graph()
        graph.create_execution_plans([cudnn.heur_mode.A, cudnn.heur_mode.FALLBACK])
        notes = cudnn.numerical_note
        avoided = [notes.TENSOR_CORE, notes.DOWN_CONVERT_INPUTS] if exact else []
        if deterministic:
            avoided.append(notes.NONDETERMINISTIC)
        if avoided:
            graph.deselect_numeric_notes(avoided)
        graph.check_support()
        graph.build_plans()
        return _Plan(graph, (*tensors, out), int(graph.get_workspace_size()))


def _steps(array: Array) -> list[int]:
    """Strides in elements; cuDNN wants those of a contiguous array also where a size is 1."""
    steps, step = [], 1
    for size in reversed(array.shape):
        steps.append(step)
        step *= size
    return steps[::-1]
