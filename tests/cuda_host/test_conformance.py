"""The whole conformance kit on the `cuda` backend, over a stand-in of CuPy.

It finds mistakes of Python: a name that CuPy lacks, a dtype that its functions refuse, a host array
where a card's belongs. Cards' own numbers it cannot show.
"""

from __future__ import annotations

import pytest

from tests.cuda_host.child import run

CONFORM = """
from dlf_cli.main import main
sys.argv = ["dlf", "conform", {device!r}, "--level", "L1", "--quiet"]
sys.exit(main())
"""


@pytest.mark.slow
@pytest.mark.parametrize(("device", "cards"), [("cuda", "1"), ("cuda:1", "2")])
def test_conformant(cuda_plugin: str, device: str, cards: str) -> None:
    told = run(cuda_plugin, CONFORM.format(device=device), DOUBLE_CARDS=cards)
    assert f"{device}: L1 conformant" in told
    assert " 0 failed" in told


def test_listed_with_its_cards(cuda_plugin: str) -> None:
    code = """
from dlf_cli.main import main
sys.argv = ["dlf", "backends", "list"]
sys.exit(main())
"""
    told = run(cuda_plugin, code, DOUBLE_CARDS="2")
    assert told.count("a stand-in (1.0 GiB, compute capability 9.0)") == 2
