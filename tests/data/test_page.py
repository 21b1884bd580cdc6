"""The page on data loading runs as printed."""

from __future__ import annotations

import re
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "data-loading.md"


def test_page() -> None:
    code = "\n".join(re.findall(r"^```python\n(.*?)^```", PAGE.read_text("utf-8"), re.M | re.S))
    assert "pin_memory" in code
    exec(compile(code, str(PAGE), "exec"), {})
