"""Copies between devices of one type: values, order, and memory of their own."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from ...devices import device as Device
from ...devices import resolve
from ..case import Skipped
from ..close import assert_same
from ..subject import Subject
from .service import service
from .service_values import landed, settle, several, values

__all__ = ["CASES"]

SHAPE = 7, 5


def _others(subject: Subject) -> Iterator[Device]:
    kind = subject.device.type
    count = 1 if kind == "cpu" else subject.backend.device_count()
    if count < 2:
        raise Skipped("there is one device of this type")
    for index in range(count):
        if index != subject.index:
            yield resolve(Device(kind, index))


def _host(subject: Subject) -> Any:
    return values(subject, "float32", SHAPE)


def _each_dtype(subject: Subject) -> None:
    """Every dtype, in odd shapes, empty and of no dimensions; there and back."""
    for other in _others(subject):
        for host in several(subject):
            what = f"{host.dtype.name} of shape {host.shape}"
            there = subject.tensor(host).to(other)
            assert there.device is other
            assert there.dtype.name == host.dtype.name
            assert_same(there.cpu().numpy(), host, f"{what} on {other}")
            assert_same(there.to(subject.device).cpu().numpy(), host, f"{what} back from {other}")


def _where_it_should(subject: Subject) -> None:
    """The copy works together with tensors that were made there."""
    from ... import ones

    host = _host(subject)
    for other in _others(subject):
        x = subject.tensor(host)
        there = landed(subject, other, partial(x.to, other))
        made = ones(*SHAPE, device=other)
        assert_same((there + made).cpu().numpy(), host + 1, f"on {other}")
        assert_same(there.to(subject.device).add(1).cpu().numpy(), host + 1, "back again")


def _layouts(subject: Subject) -> None:
    """Views whose elements do not lie in order."""
    host = _host(subject)
    x = subject.tensor(host)
    for other in _others(subject):
        for view, expected in (
            (x.t(), host.T),
            (x[::2, 1:], host[::2, 1:]),
            (x.flip(0), host[::-1]),
            (x[1].expand(3, 5), np.broadcast_to(host[1], (3, 5))),
        ):
            got = view.to(other).cpu().numpy()
            assert_same(np.ascontiguousarray(got), np.ascontiguousarray(expected), f"on {other}")


def _own_memory(subject: Subject) -> None:
    """Neither side sees what is written on the other, in either order."""
    host = _host(subject)
    for other in _others(subject):
        x = subject.tensor(host)
        y = x.to(other)
        x.fill_(7)
        assert_same(y.cpu().numpy(), host, "the copy after its source was written")
        z = y.to(subject.device)
        y.fill_(8)
        assert_same(z.cpu().numpy(), host, "the copy back after its source was written")
        assert_same(x.cpu().numpy(), np.full_like(host, 7), "the first source")


def _order(subject: Subject) -> None:
    """A copy comes after what computes its source, and before what uses it, without waiting."""
    host = _host(subject)
    for other in _others(subject):
        x = subject.tensor(host)
        for _ in range(8):
            y = (x * 2).to(other) + 1
            x = (y - 1).to(subject.device) * 0.5 + 1
        assert_same(x.cpu().numpy(), host + 8, f"8 times to {other} and back")


def _let_go(subject: Subject) -> None:
    """A source that is let go at once is read all the same, not what lies there next."""
    hosts = [_host(subject) + at for at in range(12)]
    for other in _others(subject):
        there = []
        for host in hosts:
            there.append((subject.tensor(host) * 1).to(other))
            subject.tensor(np.full(SHAPE, -1, np.float32)).mul(3)
        gc.collect()
        settle(subject)
        for one, host in zip(there, hosts, strict=True):
            assert_same(one.cpu().numpy(), host, "the copy of what was let go")


def _streams(subject: Subject) -> None:
    """The current streams of both devices count, whichever they are."""
    others = list(_others(subject))
    streams = service(subject, "streams", "Stream", "stream", "current_stream")
    host = _host(subject)
    for other in others:
        x = subject.tensor(host)
        here, there = streams.Stream(subject.index), streams.Stream(other.index)
        here.wait_stream(streams.current_stream(subject.index))
        with streams.stream(here), streams.stream(there):
            y = (x * 2).to(other) + 1
            z = y.to(subject.device) * 2
        streams.current_stream(other.index).wait_stream(there)
        streams.current_stream(subject.index).wait_stream(here)
        assert_same((y + 1).cpu().numpy(), host * 2 + 2, f"on a stream of {other}")
        assert_same((z + 1).cpu().numpy(), (host * 2 + 1) * 2 + 1, "and back")


def _in_place(subject: Subject) -> None:
    """`copy_` from another device, with a cast and broadcast."""
    host = _host(subject)
    for other in _others(subject):
        target = subject.tensor(np.zeros(SHAPE, np.float32)).to(other)
        target.copy_(subject.tensor(host[0]), non_blocking=True)
        expected = np.ascontiguousarray(np.broadcast_to(host[0], SHAPE))
        assert_same(target.cpu().numpy(), expected, f"copy_ on {other}")


def _gradient(subject: Subject) -> None:
    """A gradient goes back to the device that its tensor is on."""
    host = _host(subject)
    for other in _others(subject):
        x = subject.tensor(host, requires_grad=True)
        (x.to(other) * 3).sum().backward()
        assert x.grad is not None
        assert x.grad.device is subject.device
        assert_same(x.grad.cpu().numpy(), np.full_like(host, 3), "gradient")


def _module(subject: Subject) -> None:
    """A module moves as a whole and computes the same there."""
    from ...nn import Linear

    for other in _others(subject):
        model = Linear(5, 3).to(subject.device)
        x = subject.tensor(_host(subject))
        expected = model(x).detach().cpu().numpy()
        model.to(other, non_blocking=True)
        assert_same(model(x.to(other)).detach().cpu().numpy(), expected, f"the module on {other}")


CASES = (
    _each_dtype,
    _where_it_should,
    _layouts,
    _own_memory,
    _order,
    _let_go,
    _streams,
    _in_place,
    _gradient,
    _module,
)
