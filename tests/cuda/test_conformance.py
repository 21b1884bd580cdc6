"""The conformance kit's cases over these kernels, run on the host."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from dlf.conform import Skipped, Subject
from dlf_cupy_gpu.kernels import kernels, op_dtypes
from tests.cuda.host import modules


class OnHost(Subject):
    """The `cpu` device with this backend's own kernels in the place of its own."""

    def __init__(self) -> None:
        import dlf.nn.functional
        import dlf.optim

        assert dlf.nn.functional and dlf.optim
        super().__init__("cpu")
        self.own = kernels(modules())
        self.limits = op_dtypes(self.own)

    def claims(self, dtype: str, op: str = "") -> bool:
        return super().claims(dtype, op) and dtype in self.limits.get(op, {dtype})

    def source(self, op: str) -> str:
        # The kit lays arrays out by these.
        views = ("permute", "slice", "broadcast_to")
        return "native" if op in self.own or op in views else "missing"

    def kernel(self, op: str) -> Callable[..., Any]:
        if op in self.own:
            # NumPy warns where a launcher rounds to an infinity; a card does not.
            return np.errstate(all="ignore")(self.own[op])
        return super().kernel(op)


@pytest.fixture(scope="module")
def subject() -> OnHost:
    return OnHost()


@pytest.mark.parametrize("family", ["fused", "lookup", "unary"])
def test_every_case_passes(subject: OnHost, family: str) -> None:
    found, ran = [], 0
    for case in importlib.import_module(f"dlf.conform.cases.{family}").cases(subject):
        if case.op not in subject.own or not subject.claims(case.dtype or "float32", case.op):
            continue
        if case.name.endswith("/many") and case.dtype != "float32":
            # Thousands of rows take the shim a second or two.
            continue
        subject.start(case.name)
        try:
            case.run(subject)
            ran += 1
        except Skipped:
            continue
        except Exception as error:
            found.append(f"{case.name}: {type(error).__name__}: {error}")
    assert not found, "\n".join(found)
    assert ran
