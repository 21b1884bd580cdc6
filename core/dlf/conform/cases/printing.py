"""Tensors on the device print as those of the host do, with their device's name."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np

from ...dtypes import dtype_named
from ..case import Case
from ..subject import Array, Subject

__all__ = ["cases"]

HOSTS: dict[str, Array] = {
    "matrix": np.array([[1.5, -2.0], [0.25, 1e4]]),
    "number": np.array(2.5),
    "empty": np.zeros((0, 3)),
    "special": np.array([np.nan, np.inf, -np.inf, 0.0]),
    "large": np.arange(2000.0).reshape(40, 50),
}


def cases(subject: Subject) -> Iterator[Case]:
    """float32 of several shapes, and one tensor of each dtype."""
    for name, host in HOSTS.items():
        run = partial(_prints, host=host, dtype="float32")
        yield Case(f"printing/{name}", run, "system", dtype="float32")
    for dtype in sorted(subject.backend.caps.dtypes):
        run = partial(_prints, host=np.array([[1, 0], [3, 7]]), dtype=dtype)
        yield Case(f"printing/{dtype}", run, "system", dtype=dtype)
    yield Case("printing/gradient", _gradient, "system", dtype="float32")


def _prints(subject: Subject, host: Array, dtype: str) -> None:
    from ... import from_numpy

    given = host.astype(dtype_named(dtype).numpy)
    there, here = repr(subject.tensor(given)), repr(from_numpy(given.copy()))
    if subject.device.type != "cpu":
        name = f"device='{subject.device}'"
        assert name in there, f"no {name} in {there}"
        there = there.replace(name, "")
    # Lines break where the device's name pushes them to, so spaces and commas are not compared.
    plain = there.replace(" ", "").replace("\n", "").replace(",", "")
    expected = here.replace(" ", "").replace("\n", "").replace(",", "")
    assert plain == expected, f"{there}\nexpected\n{here}"


def _gradient(subject: Subject) -> None:
    x = subject.tensor(np.ones(2, np.float32), requires_grad=True)
    assert "requires_grad=True" in repr(x)
    assert "grad_fn=" in repr(x * 2)
    assert f"{x[0].detach():.2f}" == "1.00"
