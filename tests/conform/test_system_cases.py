"""The cases above single primitives pass on the devices here, and find what is planted."""

from __future__ import annotations

import importlib
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import dlf
import dlf.nn
import dlf.optim
from dlf import random
from dlf.conform.case import GROUPS, Case, Skipped
from dlf.conform.cases import fused_table
from dlf.conform.reference import decomposed, reference, reference_tensor
from dlf.conform.subject import Subject
from dlf.devices import device as Device
from dlf.devices import resolve
from dlf.errors import UnknownNameError
from dlf.plugin import Backend, Caps, Probe
from dlf.registry import registry

MODULES = (
    "fused gradient writing training steps saving loading copies threads indexing printing "
    "randomness services optional"
).split()


def cases(subject: Subject, *modules: str) -> list[Case]:
    found = [importlib.import_module(f"dlf.conform.cases.{name}") for name in modules]
    return [case for module in found for case in module.cases(subject)]


def failures(subject: Subject, chosen: list[Case], policy: str = "error") -> dict[str, str]:
    """What failed, by the case's name."""
    found = {}
    for case in chosen:
        if case.dtype and not subject.claims(case.dtype, case.op):
            continue
        subject.start(case.name)
        try:
            with random.fork_rng(), dlf.fallback_policy(policy):
                random.manual_seed(zlib.crc32(case.name.encode()))
                case.run(subject)
        except Skipped as why:
            assert str(why), f"{case.name} skips without a reason"
        except Exception as error:
            found[case.name] = f"{type(error).__name__}: {error}"
    return found


@pytest.mark.parametrize("module", MODULES)
@pytest.mark.parametrize("device", ["cpu", "sim"])
def test_devices_pass(device: str, module: str) -> None:
    subject = Subject(device)
    chosen = cases(subject, module)
    assert chosen
    assert failures(subject, chosen) == {}


@pytest.mark.parametrize("device", ["cpu", "sim"])
def test_cases_are_well_formed(device: str) -> None:
    chosen = cases(Subject(device), *MODULES)
    names = [case.name for case in chosen]
    assert len(set(names)) == len(names)
    assert {case.group for case in chosen} <= set(GROUPS)
    assert {case.op for case in chosen if case.group == "L2"} <= {op.name for op in registry}


# ------------------------------------------------------------------ the reference
def test_every_composite_has_a_row() -> None:
    core = [op.name for op in registry if op.kind in ("composite", "step")]
    own = [name for name in core if not name.startswith("test")]
    assert sorted(set(own) - set(fused_table.ROWS)) == []
    native = [op.name for op in registry if op.decompose and Subject("cpu").native(op.name)]
    assert set(native) <= set(fused_table.ROWS)


def test_the_reference_is_no_device_of_the_users() -> None:
    hidden = reference()
    assert reference() is hidden
    assert hidden not in Device._known.values()
    with pytest.raises(UnknownNameError):
        resolve("reference")


def test_the_reference_has_no_fused_kernels() -> None:
    hidden = reference()
    assert len(hidden.table) == len(registry)
    for op in registry:
        assert (hidden.table[op.slot] is None) == (op.decompose is not None), op.name


def test_the_reference_computes_in_float64_apart_from_its_arguments() -> None:
    x = np.array([[1.0, 2.0, 3.0]], np.float32)
    got = decomposed("softmax", x, 1)
    assert got.dtype == np.float64
    np.testing.assert_allclose(got, np.exp(x) / np.exp(x).sum(), rtol=1e-6)
    t = reference_tensor(x)
    t.add_(1)
    assert x[0, 0] == 1.0
    assert t.cpu().device.type == "cpu"


# ------------------------------------------------------------------ planted faults
@pytest.fixture
def plant() -> Iterator[Callable[[str, Callable[..., Any]], None]]:
    table = resolve("cpu").table
    kept = list(table)

    def swap(op: str, make: Callable[..., Any]) -> None:
        slot = registry[op].slot
        table[slot] = make(table[slot])

    yield swap
    table[:] = kept


def _first_off(kernel: Callable[..., Any]) -> Callable[..., Any]:
    def wrong(*args: Any) -> Any:
        out = kernel(*args)
        first = out[0] if isinstance(out, tuple) else out
        if first.dtype.kind == "f" and first.size:
            first.reshape(-1)[-1] *= 1.001
        return out

    return wrong


def _input_changed(kernel: Callable[..., Any]) -> Callable[..., Any]:
    def wrong(x: Any, *rest: Any) -> Any:
        out = kernel(x, *rest)
        if x.size:
            x.reshape(-1)[0] += 1
        return out

    return wrong


def _wide(kernel: Callable[..., Any]) -> Callable[..., Any]:
    return lambda x, *rest: kernel(x.astype(np.float64), *rest)


def _transposed(kernel: Callable[..., Any]) -> Callable[..., Any]:
    """Reads memory in its order, whatever the strides."""

    def wrong(x: Any, *rest: Any) -> Any:
        return kernel(x.T.reshape(x.shape) if x.flags.f_contiguous and x.ndim > 1 else x, *rest)

    return wrong


def _no_shift(kernel: Callable[..., Any]) -> Callable[..., Any]:
    def wrong(x: Any, dim: int) -> Any:
        with np.errstate(all="ignore"):
            raised = np.exp(x)
            return raised / raised.sum(dim, keepdims=True)

    return wrong


def _no_epsilon(kernel: Callable[..., Any]) -> Callable[..., Any]:
    return lambda x, weight, bias, ndim, eps: kernel(x, weight, bias, ndim, 0.0)


def _grads_changed(kernel: Callable[..., Any]) -> Callable[..., Any]:
    def wrong(params: Any, grads: Any, *rest: Any) -> None:
        kernel(params, grads, *rest)
        for grad in grads:
            grad *= 0.5

    return wrong


def _no_dampening(kernel: Callable[..., Any]) -> Callable[..., Any]:
    def wrong(params: Any, grads: Any, bufs: Any, first: Any, lr: Any, mu: Any, *rest: Any) -> None:
        kernel(params, grads, bufs, first, lr, mu, 0.0, *rest[1:])

    return wrong


@pytest.mark.parametrize(
    ("op", "fault"),
    [
        ("softmax", _no_shift),
        ("softmax", _wide),
        ("softmax", _input_changed),
        ("gelu", _first_off),
        ("gelu_backward", _transposed),
        ("layer_norm", _no_epsilon),
        ("layer_norm_backward", _first_off),
        ("conv2d_weight_grad", _first_off),
        ("max_pool2d", _transposed),
        ("sgd_step", _grads_changed),
        ("sgd_step", _no_dampening),
    ],
)
def test_fused_cases_find_faults(plant: Any, op: str, fault: Callable[..., Any]) -> None:
    plant(op, fault)
    subject = Subject("cpu")
    assert failures(subject, [case for case in cases(subject, "fused") if case.op == op])


@pytest.mark.parametrize("op", ["exp", "matmul", "gather", "softmax", "conv2d_input_grad"])
def test_gradient_cases_find_faults(plant: Any, op: str) -> None:
    plant(op, _first_off)
    subject = Subject("cpu")
    assert failures(subject, [case for case in cases(subject, "gradient") if case.op == op])


@pytest.mark.parametrize("op", ["conv2d_weight_grad", "adam_step", "layer_norm_backward"])
def test_training_finds_faults(plant: Any, op: str) -> None:
    def scaled(kernel: Callable[..., Any]) -> Callable[..., Any]:
        def wrong(*args: Any) -> Any:
            if op == "adam_step":
                return kernel(*args[:6], args[6] * 1.01, *args[7:])
            out = kernel(*args)
            return (out[0] * 1.01, *out[1:]) if isinstance(out, tuple) else out * 1.01

        return wrong

    plant(op, scaled)
    subject = Subject("cpu")
    assert failures(subject, cases(subject, "training"))


# ------------------------------------------------------------------ a device without kernels
class _Box:
    """An array that can only be replaced as a whole, as those of some libraries."""

    def __init__(self, host: Any) -> None:
        self.host = host.copy()
        self.host.flags.writeable = False
        self.shape = host.shape


class _BareBackend(Backend):
    device_type = "bare"
    caps = Caps(dtypes=frozenset({"bool", "int64", "float32"}))

    def probe(self) -> Probe:
        return Probe(ok=True, devices=("a device without kernels",))

    def from_host(self, host: Any, dtype: Any, index: int) -> _Box:
        return _Box(host.astype(dtype.numpy))

    def to_host(self, a: _Box) -> Any:
        return a.host.copy()

    def assign(self, dst: _Box, src: _Box) -> None:
        dst.host = np.broadcast_to(src.host, dst.shape).copy()


@pytest.fixture
def bare() -> Iterator[Device]:
    from dlf import dispatch

    made = Device("bare", 0)
    made.backend = _BareBackend()
    prepared = dispatch._Prepared(made, [("native", "bare", {})], "bare 1.0")
    chosen = [dispatch._choose(op, prepared) for op in registry]
    made.origins = [source for _, source in chosen]
    made.table = [kernel for kernel, _ in chosen]
    yield made
    Device._known.pop(("bare", 0))


def test_a_device_without_kernels_passes(bare: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DLF_FALLBACK", "allow")
    subject = Subject(bare)
    chosen = [case for case in cases(subject, *MODULES) if case.group == "system"]
    assert len(chosen) > 100
    assert failures(subject, chosen, "allow") == {}
