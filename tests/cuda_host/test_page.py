"""The page on the `cuda` device runs as printed, on the stand-in for CuPy."""

from __future__ import annotations

import re
from pathlib import Path

from tests.cuda_host.child import run

PAGE = Path(__file__).parents[2] / "docs" / "cuda.md"


def test_page(cuda_plugin: str) -> None:
    code = "\n".join(re.findall(r"^```python\n(.*?)^```", PAGE.read_text("utf-8"), re.M | re.S))
    assert "dlf.cuda.graph" in code
    printed = run(cuda_plugin, code + "\nprint(captured.replays)\n").split()
    assert re.fullmatch(r"\d\.\d{3}", printed[0])
    assert printed[-1] == "2"
