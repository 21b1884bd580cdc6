"""The conformance cases as pytest tests, one a case.

    python -m pytest --pyargs dlf.conform.suite --dlf-device NAME

The options are those of the pytest plugin `dlf_pytest`. The tests' names are those of the cases.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .case import Case
from .runner import Runner
from .xfail import read_expected

if TYPE_CHECKING:
    import pytest

__all__ = ["MISSING", "pytest_generate_tests", "runner", "test_conformance"]

MISSING = f"{__name__} needs the device that is to be tested: add --dlf-device NAME"
UNKNOWN = f"{__name__} needs its options: add -p dlf_pytest --dlf-device NAME"
_runners: dict[tuple[Any, ...], Runner] = {}


def runner(config: pytest.Config) -> Runner:
    """The runner that the command line describes; made once a process."""
    names = ("device", "level", "seed", "xfail", "strict")
    device, level, seed, file, strict = key = tuple(config.getoption(f"dlf_{n}") for n in names)
    if key not in _runners:
        known = read_expected(file) if file else ()
        _runners[key] = Runner(device, level=level, seed=seed, xfail=known, strict=strict)
    return _runners[key]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One test a case."""
    import pytest

    if metafunc.config.getoption("dlf_device", None) is None:
        known = hasattr(metafunc.config.option, "dlf_device")
        raise pytest.UsageError(MISSING if known else UNKNOWN)
    cases = runner(metafunc.config).cases()
    metafunc.parametrize("case", cases, ids=[case.name for case in cases])


def test_conformance(case: Case, pytestconfig: pytest.Config) -> None:
    """The device does what the case says."""
    import pytest

    judge = runner(pytestconfig)
    result = judge.one(case)
    if result.status == "skipped":
        pytest.skip(result.reason)
    if result.status == "xfailed":
        pytest.xfail(result.reason)
    if result.bad:
        pytest.fail(f"{result.reason}\nreplay: {judge.replay(case)}", pytrace=False)
