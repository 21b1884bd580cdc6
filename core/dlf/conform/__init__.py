"""The conformance kit: whether a device does what dlf's kernel contract and PyTorch say.

``dlf conform DEVICE`` runs it, and so does ``python -m pytest --pyargs dlf.conform.suite
--dlf-device DEVICE``. From Python:

    report = dlf.conform.run("toy", level="L1")
    assert report.ok, report.summary()

A plugin brings further cases by the hook ``dlf_conform_cases``.
"""

from __future__ import annotations

from .case import GROUPS, Case, Skipped
from .close import assert_close, assert_equal
from .levels import LEVELS
from .report import Report
from .result import Result
from .runner import Runner, run
from .subject import Subject
from .xfail import Expected, read_expected

__all__ = [
    "GROUPS",
    "LEVELS",
    "Case",
    "Expected",
    "Report",
    "Result",
    "Runner",
    "Skipped",
    "Subject",
    "assert_close",
    "assert_equal",
    "read_expected",
    "run",
]
