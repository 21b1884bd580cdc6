"""What cuDNN is asked for, shown on a stand-in for its frontend."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import numpy as np

from dlf_cupy_gpu.kernels import conv, conv_cudnn
from tests.cuda.compare import draw
from tests.cuda.host import modules


class Frontend:
    """A stand-in for the module `cudnn`: its graphs note what they are asked for."""

    class cudnnGraphNotSupportedError(Exception):
        pass

    data_type = SimpleNamespace(HALF="half", BFLOAT16="bfloat16", FLOAT="float", DOUBLE="double")
    heur_mode = SimpleNamespace(A="a", FALLBACK="fallback")
    numerical_note = SimpleNamespace(
        TENSOR_CORE="tensor core", DOWN_CONVERT_INPUTS="down", NONDETERMINISTIC="any order"
    )

    def __init__(self, fails: bool = False) -> None:
        self.fails, self.graphs, self.streams = fails, list[Any](), list[Any]()

    def create_handle(self) -> str:
        return "handle"

    def set_stream(self, handle: str, stream: int) -> None:
        self.streams.append((handle, stream))

    def pygraph(self, **options: Any) -> Any:
        graph = _Graph(options, self)
        self.graphs.append(graph)
        return graph


class _Tensor:
    def __init__(self, **given: Any) -> None:
        self.given = given

    def set_output(self, value: bool) -> _Tensor:
        self.given["output"] = value
        return self

    def set_dim(self, dim: list[int]) -> _Tensor:
        self.given["dim"] = dim
        return self

    def set_stride(self, stride: list[int]) -> _Tensor:
        self.given["stride"] = stride
        return self

    def set_data_type(self, kind: str) -> _Tensor:
        self.given["data_type"] = kind
        return self


class _Graph:
    def __init__(self, options: Any, module: Frontend) -> None:
        self.options, self.module = options, module
        self.steps: list[str] = []
        self.runs: list[Any] = []
        self.operation: Any = None
        self.avoided: Any = None

    def tensor(self, **given: Any) -> _Tensor:
        return _Tensor(**given)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("conv_") or name == "bias":

            def operation(**given: Any) -> _Tensor:
                self.operation = (self.operation, name, given) if self.operation else (name, given)
                return _Tensor()

            return operation
        if name in ("validate", "build_operation_graph", "check_support", "build_plans"):
            return lambda: self.steps.append(name)
        raise AttributeError(name)

    def create_execution_plans(self, modes: list[str]) -> None:
        if self.module.fails:
            raise Frontend.cudnnGraphNotSupportedError
        assert modes == ["a", "fallback"]

    def deselect_numeric_notes(self, notes: list[str]) -> None:
        assert self.steps == ["validate", "build_operation_graph"]
        self.avoided = notes

    def get_workspace_size(self) -> int:
        return 0

    def execute(self, pack: Any, workspace: int, handle: str) -> None:
        self.runs.append((pack, workspace, handle))


class _OnCard:
    def __init__(self, shape: Any, at: int, dtype: Any = np.float32) -> None:
        self.shape, self.dtype, self.at = tuple(shape), np.dtype(dtype), at
        self.data = SimpleNamespace(ptr=at)

    def reshape(self, *shape: int) -> _OnCard:
        count = int(np.prod(self.shape))
        known = -int(np.prod(shape))
        return _OnCard([count // known if n == -1 else n for n in shape], self.at, self.dtype)


def _cudnn(module: Frontend, precision: str = "high", deterministic: bool = False) -> Any:
    cuda = SimpleNamespace(
        runtime=SimpleNamespace(getDevice=lambda: 0),
        get_current_stream=lambda: SimpleNamespace(ptr=42),
    )
    cupy = SimpleNamespace(cuda=cuda, empty=lambda n, dtype: _OnCard((n,), 99, dtype))
    return conv_cudnn.Cudnn(cupy, module, lambda: precision, lambda: deterministic)


def test_arguments_of_cudnn() -> None:
    module = Frontend()
    cudnn = _cudnn(module, "highest", True)
    x, w, b, y = (
        _OnCard(shape, at)
        for at, shape in enumerate([(2, 6, 9, 8), (4, 3, 3, 3), (4,), (2, 4, 5, 4)], 1)
    )
    rest = (2, 1), (1, 0), (1, 2)
    assert cudnn.conv(x, w, b, y, *rest) and cudnn.conv(x, w, b, y, *rest)
    (graph,) = module.graphs
    assert graph.options == {
        "io_data_type": "float",
        "intermediate_data_type": "float",
        "compute_data_type": "float",
        "handle": "handle",
    }
    (name, given), last, biased = graph.operation
    assert (name, last) == ("conv_fprop", "bias")
    assert given.pop("image").given["stride"] == [432, 72, 8, 1]
    assert given.pop("weight").given["dim"] == [4, 3, 3, 3]
    assert given == {"padding": [1, 0], "stride": [2, 1], "dilation": [1, 2]}
    assert biased["bias"].given["dim"] == [1, 4, 1, 1]
    assert graph.avoided == ["tensor core", "down", "any order"]
    assert graph.steps[-2:] == ["check_support", "build_plans"] and len(graph.runs) == 2
    pack, workspace, handle = graph.runs[0]
    assert list(pack.values()) == [1, 2, 3, 4] and (workspace, handle) == (99, "handle")
    result = list(pack)[-1].given
    assert result == {
        "output": True,
        "dim": [2, 4, 5, 4],
        "stride": [80, 20, 4, 1],
        "data_type": "float",
    }
    assert module.streams == [("handle", 42)] * 2


def test_gradients_of_cudnn() -> None:
    module = Frontend()
    cudnn = _cudnn(module)
    x, w, g = (
        _OnCard(s, at, np.float16)
        for at, s in enumerate([(2, 6, 9, 8), (4, 3, 3, 3), (2, 4, 5, 4)], 1)
    )
    rest = (2, 1), (1, 0), (1, 2)
    assert cudnn.input_grad(g, w, x, *rest) and cudnn.weight_grad(g, x, w, *rest)
    by_input, by_weight = module.graphs
    assert by_input.avoided is None and by_input.options["io_data_type"] == "half"
    assert by_input.operation[0] == "conv_dgrad" and by_weight.operation[0] == "conv_wgrad"
    assert by_input.operation[1]["loss"].given["dim"] == [2, 4, 5, 4]
    assert by_input.operation[1]["filter"].given["dim"] == [4, 3, 3, 3]
    assert by_weight.operation[1]["image"].given["dim"] == [2, 6, 9, 8]
    assert [list(m.runs[0][0].values()) for m in module.graphs] == [[3, 2, 1], [3, 1, 2]]


def test_what_cudnn_does_not_do_is_done_here() -> None:
    module = Frontend(fails=True)
    cudnn = _cudnn(module)
    arrays = [_OnCard(s, 0) for s in [(1, 1, 2, 2), (1, 1, 1, 1), (1, 1, 2, 2)]]
    for _ in range(2):
        assert not cudnn.conv(arrays[0], arrays[1], None, arrays[2], (1, 1), (0, 0), (1, 1))
    # It is asked once only.
    assert len(module.graphs) == 1
    refusing: Any = SimpleNamespace(conv=lambda *_: False)
    x, w = draw((1, 1, 2, 2), np.float32), draw((1, 1, 1, 1), np.float32, 1)
    got = conv.kernels(modules(), refusing)["conv2d"](x, w, None, (1, 1), (0, 0), (1, 1), 1)
    np.testing.assert_allclose(got, x * w, rtol=1e-6)


def test_no_cudnn_without_its_frontend(monkeypatch: Any) -> None:
    monkeypatch.setitem(sys.modules, "cudnn", None)
    assert conv_cudnn.find(SimpleNamespace(cuda=None)) is None and conv_cudnn.find(np) is None
