"""The submodules that `dlf` imports when they are first asked for."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

import dlf


@pytest.mark.parametrize("name", dlf._SUBMODULES)
def test_each_is_a_module(name: str) -> None:
    assert getattr(dlf, name) is importlib.import_module(f"dlf.{name}")


def test_others_are_no_attributes() -> None:
    for name in ("func", "no_such_module"):
        assert not (Path(dlf.__file__).parent / f"{name}.py").exists()
        with pytest.raises(AttributeError, match=name):
            getattr(dlf, name)
