"""Writes the tables of kernel-contract.md from the op registry.

To bring them up to date::

    python docs/make_contract.py
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import dlf.nn.functional
import dlf.optim  # noqa: F401  # optimizers declare ops when they are imported
from dlf.conform.levels import OPTIONAL
from dlf.generator import GROUP
from dlf.registry import Op, registry

PAGE = Path(__file__).with_name("kernel-contract.md")
_TABLE = re.compile(r"(<!-- table (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)

GROUPS = {
    "data": "full arange cast copy",
    "movement": "reshape permute broadcast_to slice slice_set pad concat",
    "lookup": "take index_add index_copy gather scatter scatter_add nonzero",
    "unary": "neg abs sign exp expm1 log log1p sqrt sin cos tanh erf floor round logical_not",
    "optional": " ".join(n for names in OPTIONAL.values() for n in names.split() if n in registry),
    "binary": (
        "add sub mul div floordiv mod pow atan2 maximum minimum eq lt le "
        "bit_and bit_or bit_xor shl shr"
    ),
    "select": "where",
    "reduce": "sum prod max min argmax argmin cumsum cumprod sort",
    "contract": "matmul",
    "random": " ".join(GROUP),
}


def ops(table: str) -> list[Op]:
    """The ops of a table: of a group, or all composites or optimizer steps."""
    if table in GROUPS:
        return [registry[name] for name in GROUPS[table].split()]
    kind = {"fused": "composite", "step": "step"}[table]
    return sorted((op for op in registry if op.kind == kind), key=lambda op: op.name)


def rows(table: str) -> Iterator[str]:
    """The table in Markdown."""
    yield "| kernel | gives | since |"
    yield "|---|---|---|"
    for op in ops(table):
        text = " ".join(op.doc.partition("\n\n")[0].split()).replace("|", "\\|")
        yield f"| `{op.signature}` | {text} | {'.'.join(map(str, op.since))} |"


def page() -> str:
    """The page with its tables made anew; ValueError if a primitive is in none."""
    listed = {name for names in GROUPS.values() for name in names.split()}
    missing = [op.name for op in registry if op.kind == "primitive" and op.name not in listed]
    if missing:
        raise ValueError(f"primitives in no group of docs/make_contract.py: {missing}")
    text = PAGE.read_text("utf-8")
    return _TABLE.sub(lambda m: m[1] + "\n".join(rows(m[2])) + "\n" + m[3], text)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
