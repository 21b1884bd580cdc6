"""dlf's conformance suite, for the device that pyproject.toml names."""

from dlf.conform.suite import pytest_generate_tests, test_conformance

__all__ = ["pytest_generate_tests", "test_conformance"]
