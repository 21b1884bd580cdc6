"""Specs refuse what cannot work when they are made, in the plugin's own traceback."""

from __future__ import annotations

import pytest

from dlf.plugin import BackendSpec, Caps, DatasetSpec, KernelSpec


@pytest.mark.parametrize("kind", [BackendSpec, KernelSpec])
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", "my device"),
        ("device_type", "npu:0"),
        ("load", "package.module"),
        ("load", "package.module:"),
        ("requires_api", "one"),
    ],
)
def test_wrong_fields(kind: type[BackendSpec | KernelSpec], field: str, value: str) -> None:
    right = {"name": "a", "device_type": "npu", "load": "package.module:Name"}
    assert kind(**right).priority == 0  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=field):
        kind(**(right | {field: value}))  # type: ignore[arg-type]


def test_dataset_target() -> None:
    with pytest.raises(ValueError, match="load"):
        DatasetSpec(load="digits", description="")


def test_caps_take_any_set_of_names() -> None:
    caps = Caps(dtypes={"float32", "int64"}, op_dtypes={"matmul": ["float32"]})  # type: ignore[arg-type, dict-item]
    assert caps.dtypes == frozenset({"float32", "int64"})
    assert caps.op_dtypes["matmul"] == frozenset({"float32"})
    assert caps.features == frozenset()
    with pytest.raises(TypeError, match="one string"):
        Caps(dtypes="float32")  # type: ignore[arg-type]
