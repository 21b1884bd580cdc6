"""Writes the table of array-namespace.md from what `dlf.xp` calls.

To bring it up to date::

    python docs/make_array_namespace.py
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from dlf.xp.names import OTHERS
from dlf.xp.needs import CALLS

PAGE = Path(__file__).with_name("array-namespace.md")
_TABLE = re.compile(r"(<!-- table (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
_CALL = re.compile(r"\w+\([^)]*\)")


def calls() -> Iterator[str]:
    """The kernels that call functions, with these; and those that do not."""
    yield "| kernel | calls |"
    yield "|---|---|"
    plain = []
    for name, functions in sorted(CALLS.items()):
        if functions == f"{name}(a)" or not functions:
            plain.append(name)
        else:
            yield f"| `{name}` | {', '.join(f'`{call}`' for call in _CALL.findall(functions))} |"
    own = sorted(name for name in plain if CALLS[name])
    base = sorted(name for name in plain if not CALLS[name])
    yield f"| {', '.join(f'`{name}`' for name in own)} | the function of the same name, of `a` |"
    yield f"| {', '.join(f'`{name}`' for name in base)} | none but what every kernel may call |"


def names() -> Iterator[str]:
    """Other names that a function may have."""
    yield "| function | may also be called |"
    yield "|---|---|"
    for name, other in sorted(OTHERS.items()):
        yield f"| `{name}` | `{other}` |"


def page() -> str:
    """The page with its tables made anew."""
    made = {"calls": calls, "names": names}
    text = PAGE.read_text("utf-8")
    return _TABLE.sub(lambda m: m[1] + "\n".join(made[m[2]]()) + "\n" + m[3], text)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
