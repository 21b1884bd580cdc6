"""The conformance kit's cases of random numbers on the `cuda` device: the sources themselves,
compiled for the host, over the stand-in's arrays."""

from __future__ import annotations

import pytest

from tests.cuda_host.child import run
from tests.cuda_host.test_graph import DRAWS, compiler

CONFORM = """
from dlf.conform import run

results = run("cuda", case=sys.argv[1] if sys.argv[1:] else "random*").results
for one in results:
    if one.status != "passed":
        print(one.case.name, one.status, one.reason)
print(len(results), "cases")
assert len(results) > 80
assert all(one.status == "passed" for one in results)
assert any(one.case.op == "dropout" for one in results)
"""


@pytest.mark.parametrize("cards", ["1", "2"])
def test_conformant(cuda_plugin: str, cards: str) -> None:
    compiler()
    run(cuda_plugin, DRAWS + CONFORM, DOUBLE_CARDS=cards)
