"""Sources are joined and compiled once for each dtype; arguments get the sizes of parameters."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from dlf_cupy_gpu import capture, kernels, module


class FakeCupy:
    """What `CupyModules` uses of CuPy, keeping what it is asked for."""

    def __init__(self) -> None:
        self.compiled: list[tuple[str, tuple[str, ...]]] = []
        self.launched: list[Any] = []
        self.looked_up: list[int] = []
        self.synchronized = 0
        attributes = {"MultiProcessorCount": 132}
        self.cuda = SimpleNamespace(
            Device=lambda index: SimpleNamespace(attributes=attributes),
            runtime=self._Runtime(),
            Stream=lambda non_blocking: self,
        )

    class _Runtime:
        card = 0

        def getDevice(self) -> int:  # noqa: N802
            return self.card

    def __enter__(self) -> None: ...

    def __exit__(self, *error: object) -> None: ...

    def synchronize(self) -> None:
        self.synchronized += 1

    def array(self, host: Any, blocking: bool) -> Any:
        assert not blocking
        return host.copy()

    def RawModule(self, code: str, options: tuple[str, ...]) -> Any:  # noqa: N802
        self.compiled.append((code, options))

        cupy = self

        class Kernel:
            """A RawKernel: `kernel` is its function on the current card."""

            def __init__(self, name: str) -> None:
                self.name = name

            @property
            def kernel(self) -> Any:
                card = cupy.cuda.runtime.card
                cupy.looked_up.append(card)
                return lambda *given: cupy.launched.append((self.name, card, *given))

        return SimpleNamespace(get_function=Kernel)


def test_headers_are_pasted_once() -> None:
    text = module.source("softmax.cu")
    assert '#include "' not in text and "#pragma once" not in text
    assert text.count("struct Accumulator {") == 1
    assert text.count("struct TwoSums {") == 1
    assert text.count("#include <cuda_fp16.h>") == 1
    # Messages name the file and line that one can open.
    lines = text.splitlines()
    place = next(i for i, line in enumerate(lines) if line.startswith("template <bool LOG>"))
    marker = max(i for i in range(place) if lines[i].startswith("#line"))
    number = int(lines[marker].split()[1]) + place - marker - 1
    assert lines[marker].endswith('"softmax.cu"')
    original = (module.FOLDER / "softmax.cu").read_text().splitlines()
    assert original[number - 1].startswith("template <bool LOG>")


def test_options() -> None:
    assert module.options(("bfloat16",), {"TILE": 4, "DEPTH": 2}) == (
        "-std=c++17",
        "-DSCALAR=__nv_bfloat16",
        "-DDEPTH=2",
        "-DTILE=4",
    )
    assert module.options(("float16", "float32"), {})[1:] == ("-DSCALAR=__half", "-DOTHER=float")


def test_a_source_is_compiled_once_a_dtype() -> None:
    cupy = FakeCupy()
    modules = module.CupyModules(cupy)
    first = modules.function("softmax.cu", "softmax_rows", "float32")
    assert modules.function("softmax.cu", "softmax_rows", "float32") is first
    modules.function("softmax.cu", "softmax_strided", "float32")
    assert len(cupy.compiled) == 1
    modules.function("softmax.cu", "softmax_rows", "float16")
    modules.function("softmax.cu", "softmax_rows", "float16", TILE=2)
    assert [options[1:] for _, options in cupy.compiled] == [
        ("-DSCALAR=float",),
        ("-DSCALAR=__half",),
        ("-DSCALAR=__half", "-DTILE=2"),
    ]


def test_arguments_go_as_they_are_to_the_card_s_own_function() -> None:
    cupy, given = FakeCupy(), (np.zeros(3), None, 7, 0.5)
    function = module.CupyModules(cupy).function("softmax.cu", "softmax_rows", "float32")
    for card in (0, 1, 0):
        cupy.cuda.runtime.card = card
        function((2,), (32, 4), given, 128)
    assert [(one[0], *one[2:]) for one in cupy.launched] == [
        ("softmax_rows", (2,), (32, 4), given, 128)
    ] * 3
    assert [card for _, card, *_ in cupy.launched] == [0, 1, 0]
    assert cupy.looked_up == [0, 1]  # once a card


def test_uploads_do_not_wait_unless_a_graph_is_captured() -> None:
    cupy, host = FakeCupy(), np.arange(4)
    modules = module.CupyModules(cupy)
    assert modules.upload(host).tolist() == [0, 1, 2, 3] and cupy.synchronized == 0
    capture.begin(object())
    try:
        assert modules.capturing()
        assert modules.upload(host).tolist() == [0, 1, 2, 3] and cupy.synchronized == 1
    finally:
        capture.end()
    assert not modules.capturing() and modules.processors() == 132


def test_other_dtypes_are_refused_or_left_to_the_shared_kernels() -> None:
    modules = module.CupyModules(FakeCupy(), {"relu": lambda x: "shared"})
    table = kernels.kernels(modules)
    whole = np.arange(3)
    assert table["relu"](whole) == "shared"
    with pytest.raises(TypeError, match="computes in bfloat16, float16, float32, float64, got int"):
        kernels.common.kind(whole)
    limits = kernels.op_dtypes(table)
    assert limits["softmax"] == module.FLOATING and "relu" not in limits


def test_kernels_are_ops_with_their_parameters() -> None:
    import dlf.nn.functional
    import dlf.optim
    from dlf.registry import registry

    assert dlf.nn.functional and dlf.optim
    table = kernels.kernels(module.CupyModules(FakeCupy()))
    known = {op.name for op in registry}
    assert set(table) <= known
