"""Devices with few kernels, and cases, that the tests of the kit use."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from dlf.conform import Report, Subject
from dlf.plugin import Backend, Caps, Probe

Run = Callable[[Subject], None]
Give = Callable[..., None]


class Bare(Backend):
    """NumPy without a kernel."""

    device_type = "bare"
    caps = Caps(dtypes=frozenset({"bool", "int64", "float32"}))

    def probe(self) -> Probe:
        return Probe(True, devices=("one",))

    def from_host(self, host: Any, dtype: Any, index: int) -> Any:
        return host.astype(dtype.numpy)

    def to_host(self, a: Any) -> Any:
        return a

    def assign(self, dst: Any, src: Any) -> None:
        np.copyto(dst, src)


class Partial(Bare):
    """Two primitives, one of them without a dtype that it stores."""

    device_type = "partial"
    caps = dataclasses.replace(Bare.caps, op_dtypes={"neg": frozenset({"float32"})})

    def kernels(self) -> Mapping[str, Callable[..., Any]]:
        return {"add": np.add, "neg": np.negative}


def good(subject: Subject) -> None:
    pass


def wrong(subject: Subject) -> None:
    assert subject.seed == -1


def raises(error: BaseException) -> Run:
    def case(subject: Subject) -> None:
        raise error

    return case


def statuses(report: Report) -> dict[str, str]:
    return {one.case.name: one.status for one in report.results}


def reasons(report: Report) -> dict[str, str]:
    return {one.case.name: one.reason for one in report.results if one.reason}
