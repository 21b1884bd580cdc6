"""Looking up a backend's services."""

from __future__ import annotations

from typing import Any

from ..case import Skipped
from ..subject import Subject

__all__ = ["service"]


def service(subject: Subject, name: str, *methods: str) -> Any:
    """The service `name`; `Skipped` where it has not all of `methods`."""
    found = subject.backend.services.get(name)
    for method in methods:
        if not hasattr(found, method):
            raise Skipped(f"the service '{name}' has no {method}")
    return found
