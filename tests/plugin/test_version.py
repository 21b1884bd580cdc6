"""Version negotiation."""

from __future__ import annotations

import pytest

from dlf.plugin import KERNEL_API
from dlf.plugin.version import accepts, newer_minor


def test_kernel_api_is_major_and_minor() -> None:
    assert KERNEL_API == (1, 0)


@pytest.mark.parametrize(
    ("requires", "api", "expected"),
    [
        ("", (1, 0), True),
        (">=1.0,<2", (1, 0), True),
        (">=1.0,<2", (1, 7), True),
        (">=1.0,<2", (2, 0), False),
        (">=1.0", (2, 0), True),
        (">=1.4,<2", (1, 0), True),  # a newer minor alone is no ground for refusal
        (">=1.4,<1.9", (1, 9), False),
        (">=2.0,<3", (1, 9), False),
        (">1.3", (1, 0), True),
        ("~=1.4", (1, 0), True),
        ("~=1.4", (2, 0), False),
        ("<=1.2", (1, 2), True),
        ("<=1.2", (1, 3), False),
        ("==1.*", (1, 8), True),
        ("==1.2", (1, 2), True),
        ("==1.2", (1, 0), False),
        (">=1.0,!=1.3,<2", (1, 3), False),
        (">=1.0,!=1.3,<2", (1, 4), True),
        ("!=1.*", (1, 4), False),
        (" >= 1.0.0 , < 2.0.0 ", (1, 1), True),
    ],
)
def test_accepts(requires: str, api: tuple[int, int], expected: bool) -> None:
    assert accepts(requires, api) is expected


@pytest.mark.parametrize("requires", ["1.0", ">=", "=>1.0", ">=1.x", "latest", ">=1.*"])
def test_unreadable_requirements_are_refused(requires: str) -> None:
    with pytest.raises(ValueError, match="requires_api"):
        accepts(requires)


def test_newer_minor_is_told() -> None:
    assert newer_minor(">=1.4,<2", (1, 0))
    assert not newer_minor(">=1.4,<2", (1, 4))
    assert not newer_minor(">=2.0", (1, 4))
