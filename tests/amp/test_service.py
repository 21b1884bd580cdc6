"""The ``amp`` service: a backend's own lists and dtypes."""

from __future__ import annotations

from typing import Any

import pytest

import dlf
from dlf.amp.lists import CPU, GENERAL, Lists
from dlf.amp.tables import _can_be_held
from dlf.plugin import services
from dlf.registry import registry

OWN = Lists(
    lower_precision=frozenset({"matmul", "no_such_op"}),
    float32=frozenset({"tanh"}),
    promote=frozenset({"index_add"}),
    float32_inside=frozenset({"relu"}),
    dtypes=frozenset({"float16"}),
    default_dtype="float16",
)


@pytest.fixture
def own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dlf.ones(1).device.backend, "services", {"amp": OWN}, raising=False)


@pytest.mark.usefixtures("own")
def test_a_backend_chooses() -> None:
    h = dlf.ones(2, 2, dtype=dlf.float16)
    x = dlf.ones(2, 2)
    assert dlf.get_autocast_dtype("cpu") is dlf.float16
    with dlf.autocast("cpu"):
        assert (x @ x).dtype is dlf.float16
        assert h.tanh().dtype is dlf.float32
        assert h.relu().dtype is dlf.float16
        assert h.prod().dtype is dlf.float16, "not in its lists"
        added = dlf.index_add(x, 0, dlf.tensor([0]), h[:1])
        assert added.dtype is dlf.float32
        assert added.tolist() == [[2.0, 2.0], [1.0, 1.0]]
    with pytest.warns(UserWarning, match="only supports float16 there, not dlf.bfloat16"):
        dlf.autocast("cpu", dtype=dlf.bfloat16)


@pytest.mark.parametrize("lists", [CPU, GENERAL], ids=["cpu", "general"])
def test_core_lists(lists: Lists) -> None:
    """No name is in two of them; every op that they name can be held back."""
    service: services.Amp = lists
    parts = (
        service.lower_precision,
        service.float32,
        service.promote,
        service.float32_inside,
    )
    names = [name for part in parts for name in part]
    assert len(names) == len(set(names))
    dlf.nn.functional  # noqa: B018  # loads the ops that functions are made of
    fixed = [n for n in names if n in registry and not _can_be_held(registry[n])]
    assert fixed == []
    functions: list[Any] = [dlf, dlf.nn.functional, dlf.ops.norm]
    unknown = [n for n in names if n not in registry and not any(hasattr(f, n) for f in functions)]
    assert unknown == []
    assert service.default_dtype in service.dtypes


def test_views_and_casts_are_never_held() -> None:
    never = ("reshape", "permute", "diagonal", "cast", "copy", "concat", "argmax", "adam_step")
    assert not any(_can_be_held(registry[name]) for name in never)
