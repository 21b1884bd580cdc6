"""The options of ``python -m pytest --pyargs dlf.conform.suite``.

pytest loads this module with every run where dlf is installed, so it declares options, and imports
dlf where they are given; the cases are in `dlf.conform.suite`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

__all__ = ["pytest_addoption", "pytest_configure"]

_MODULE = "dlf.conform.suite"


def pytest_addoption(parser: Any) -> None:
    """Declare the options."""
    group = parser.getgroup("dlf", "conformance of a dlf device")
    group.addoption("--dlf-device", metavar="NAME", help=f"the device that {_MODULE} tests")
    group.addoption("--dlf-level", metavar="LEVEL", help="what it must conform to: L0, L1 or L2")
    group.addoption("--dlf-xfail", metavar="FILE", help="globs of cases that are expected to fail")
    group.addoption("--dlf-seed", metavar="N", type=int, default=0, help="seed of random numbers")
    group.addoption(
        "--dlf-strict",
        action="store_true",
        help="a case that skips what the backend claims fails",
    )


def pytest_configure(config: Any) -> None:
    """Refuse wrong options at once, before any worker process starts."""
    if config.getoption("dlf_device") is None:
        if any(str(arg).partition("::")[0] == _MODULE for arg in config.args):
            from dlf.conform.suite import MISSING

            _refuse(MISSING)
        return
    from dlf.conform.suite import runner
    from dlf.errors import DlfError

    try:
        runner(config)
    except (DlfError, RuntimeError, ValueError, OSError) as error:
        _refuse(f"{_MODULE}: {error}")


def _refuse(message: str) -> None:
    import pytest

    raise pytest.UsageError(message)
