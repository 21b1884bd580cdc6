"""Tensors between the host and the device, and between devices of one type."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np

from ...devices import device as Device
from ...devices import resolve
from ..case import Case, Skipped
from ..close import assert_same
from ..subject import Subject

__all__ = ["cases"]

HOST = np.arange(6, dtype=np.float32).reshape(2, 3)


def cases(subject: Subject) -> Iterator[Case]:
    """Copies, with what must be one and what must not."""
    for run in (_round_trip, _same_device, _other_devices, _mixed, _gradient, _scalars, _factories):
        name = run.__name__.strip("_").replace("_", " ")
        yield Case(f"copies/{name}", run, "system", dtype="float32")
    for dtype in ("float64", "float16", "int64", "bool"):
        run = partial(_with_dtype, dtype=dtype)
        yield Case(f"copies/with a cast to {dtype}", run, "system", dtype=dtype)


def _others(subject: Subject) -> list[Device]:
    kind = subject.device.type
    count = 1 if kind == "cpu" else subject.backend.device_count()
    found = [resolve(Device(kind, index)) for index in range(count)]
    others = [one for one in found if one is not subject.device]
    if not others:
        raise Skipped("there is one device of this type")
    return others


def _round_trip(subject: Subject) -> None:
    """Both ways make a copy, and the values stay."""
    from ... import from_numpy

    host = HOST.copy()
    source = from_numpy(host)
    if subject.device.type == "cpu":
        raise Skipped("the device is the host")
    there = source.to(subject.device)
    assert there.device is subject.device
    host[:] = 9
    assert_same(there.cpu().numpy(), HOST, "the device's copy after the host's array changed")
    back = there.cpu()
    there.add_(1)
    assert_same(back.numpy(), HOST, "the host's copy after the device's tensor changed")
    back.fill_(7)
    assert_same(there.cpu().numpy(), HOST + 1, "the device's tensor after the host's copy changed")


def _same_device(subject: Subject) -> None:
    """To where it is already is no copy, unless one is asked for."""
    x = subject.tensor(HOST)
    assert x.to(subject.device) is x
    assert x.to(str(subject.device)) is x
    assert x.to(x) is x
    twin = x.to(subject.device, copy=True)
    assert twin is not x
    twin.fill_(1)
    assert_same(x.cpu().numpy(), HOST, "the tensor after its copy changed")


def _other_devices(subject: Subject) -> None:
    x = subject.tensor(HOST)
    for other in _others(subject):
        y = x.to(other)
        assert y.device is other
        y.mul_(2)
        assert_same(y.cpu().numpy(), HOST * 2, f"on {other}")
        assert_same(y.to(subject.device).cpu().numpy(), HOST * 2, f"back from {other}")
        assert_same(x.cpu().numpy(), HOST, f"the tensor after its copy on {other} changed")


def _mixed(subject: Subject) -> None:
    """Tensors of two devices are not computed with; the message names both."""
    from ... import ones

    x = subject.tensor(HOST)
    strangers = [] if subject.device.type == "cpu" else [ones(2, 3)]
    try:
        strangers += [subject.tensor(HOST).to(other) for other in _others(subject)]
    except Skipped:
        if not strangers:
            raise
    for other in strangers:
        try:
            x + other
        except RuntimeError as error:
            text = str(error)
            assert str(x.device) in text, text
            assert str(other.device) in text, text
        else:
            raise AssertionError(f"{x.device} + {other.device} was computed")


def _gradient(subject: Subject) -> None:
    """A gradient goes back over a copy to the device it came from."""
    from ... import from_numpy

    x = from_numpy(HOST.copy()).requires_grad_()
    (x.to(subject.device) * 3).sum().backward()
    assert x.grad is not None
    assert str(x.grad.device) == "cpu"
    assert_same(x.grad.numpy(), np.full_like(HOST, 3), "gradient by the host's tensor")
    y = subject.tensor(HOST, requires_grad=True)
    (y.cpu() * 2).sum().backward()
    assert y.grad is not None
    assert y.grad.device is subject.device
    assert_same(y.grad.cpu().numpy(), np.full_like(HOST, 2), "gradient by the device's tensor")


def _scalars(subject: Subject) -> None:
    """A 0-d tensor of the host goes with tensors of any device."""
    from ... import tensor

    x = subject.tensor(HOST)
    for got in (x * tensor(2.0), tensor(2.0) * x):
        assert got.device is subject.device
        assert_same(got.cpu().numpy(), HOST * 2, "product with a 0-d tensor of the host")


def _factories(subject: Subject) -> None:
    """Factory functions put their tensor on the device they are told, or that is the default."""
    import dlf

    d = subject.device
    made = [
        dlf.zeros(2, 3, device=d),
        dlf.full((2,), 3.0, device=d),
        dlf.tensor([1.0, 2.0], device=d),
        dlf.rand(3, device=d),
        dlf.zeros_like(subject.tensor(HOST)),
        subject.tensor(HOST).new_ones((2,)),
    ]
    for t in made:
        assert t.device is d, f"on {t.device}"
    assert made[2].tolist() == [1.0, 2.0]
    before = dlf.get_default_device()
    dlf.set_default_device(d)
    try:
        assert dlf.ones(2).device is d
    finally:
        dlf.set_default_device(before)


def _with_dtype(subject: Subject, dtype: str) -> None:
    from ... import from_numpy
    from ...dtypes import dtype_named

    kind = dtype_named(dtype)
    subject.need("float32")
    expected = HOST.astype(kind.numpy)
    there = from_numpy(HOST.copy()).to(subject.device, kind)
    assert there.dtype is kind
    assert_same(there.cpu().numpy(), expected, "to the device")
    assert_same(subject.tensor(HOST).to("cpu", kind).numpy(), expected, "to the host")
