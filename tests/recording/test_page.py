"""What docs/plugins.md shows of recorded steps is the code of `sim`."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_example_is_the_file() -> None:
    page = (ROOT / "docs" / "plugins.md").read_text("utf-8")
    (section,) = re.findall(r"^### Steps that are recorded.*?(?=^## )", page, re.M | re.S)
    (shown,) = re.findall(r"^```python\n(.*?)^```", section, re.M | re.S)
    file = (ROOT / "backends" / "sim" / "dlf_sim" / "graphs.py").read_text("utf-8")
    assert file.endswith(shown)
