"""The page on mixed precision runs as printed."""

from __future__ import annotations

import re
from pathlib import Path

import dlf

PAGE = Path(__file__).parents[2] / "docs" / "amp.md"


def test_code_runs() -> None:
    blocks = re.findall(r"^```python\n(.*?)^```", PAGE.read_text("utf-8"), re.M | re.S)
    names: dict[str, object] = {}
    for block in blocks:
        exec(compile(block, PAGE.name, "exec"), names)
    assert isinstance(names["loss"], dlf.Tensor)
    assert bool(names["loss"].isfinite())
