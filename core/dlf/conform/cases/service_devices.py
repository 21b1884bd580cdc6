"""What a device says of itself."""

from __future__ import annotations

from ..subject import Subject
from .service import service

__all__ = ["CASES"]


def _names(subject: Subject) -> None:
    """A name, by index and by device."""
    devices = service(subject, "devices", "get_device_name")
    name = devices.get_device_name(subject.index)
    assert isinstance(name, str), f"the name is {name!r}"
    assert name, "the name is empty"
    assert devices.get_device_name(subject.device) == name


def _capability(subject: Subject) -> None:
    """Two whole numbers."""
    found = service(subject, "devices", "get_device_capability").get_device_capability(
        subject.index
    )
    assert len(found) == 2, f"the capability is {found!r}"
    assert all(isinstance(one, int) and one >= 0 for one in found), f"the capability is {found!r}"


def _properties(subject: Subject) -> None:
    """Name and memory; no more can be allocated than there is."""
    devices = service(subject, "devices", "get_device_properties", "get_device_name")
    found = devices.get_device_properties(subject.index)
    assert found.name == devices.get_device_name(subject.index)
    assert found.total_memory > 0, f"the memory is {found.total_memory} bytes"
    memory = subject.backend.services.get("memory")
    if hasattr(memory, "memory_allocated"):
        assert memory.memory_allocated(subject.index) <= found.total_memory


CASES = (_names, _capability, _properties)
