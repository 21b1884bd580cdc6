"""The in-tree backends' services have what the protocols say, by name and by parameter."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from dlf.plugin import services
from dlf_cupy_gpu.backend import CupyBackend
from dlf_sim.backend import SimBackend

PROTOCOLS: dict[str, Any] = {
    "amp": services.Amp,
    "devices": services.Devices,
    "graphs": services.Graphs,
    "memory": services.Memory,
    "pinned": services.Pinned,
    "profiler": services.Profiler,
    "rng": services.Rng,
    "streams": services.Streams,
}
BACKENDS = {"sim": SimBackend, "cuda": CupyBackend}
# May be left out, as their protocols say.
OPTIONAL = {"unasked"}


def members(protocol: Any) -> dict[str, Any]:
    own = {name: value for name, value in vars(protocol).items() if not name.startswith("_")}
    return dict.fromkeys(inspect.get_annotations(protocol)) | own


def parameters(function: Any) -> list[tuple[str, Any]]:
    found = inspect.signature(function).parameters.values()
    return [(p.name, p.default) for p in found if p.name != "self"]


@pytest.mark.parametrize("device", BACKENDS)
@pytest.mark.parametrize("name", PROTOCOLS)
def test_as_promised(device: str, name: str) -> None:
    service = BACKENDS[device].services.get(name)
    if service is None:
        pytest.skip(f"{device} has no service {name}")
    for member, promised in members(PROTOCOLS[name]).items():
        if member in OPTIONAL and not hasattr(service, member):
            continue
        assert hasattr(service, member), member
        if inspect.isfunction(promised):
            given, asked = parameters(getattr(service, member)), parameters(promised)
            # A backend may take more, as long as what is asked for has its name, default and order.
            assert [one for one in given if one in asked] == asked, member
            assert given[:1] == asked[:1], member


def test_every_service_has_a_protocol() -> None:
    """But for what is a device's own way of finding mistakes."""
    named = {name for backend in BACKENDS.values() for name in backend.services}
    assert named - PROTOCOLS.keys() <= {"waits"}


def test_every_protocol_is_documented() -> None:
    for name in services.__all__:
        protocol = getattr(services, name)
        if inspect.isclass(protocol):
            assert protocol.__doc__
            undocumented = [
                member
                for member, value in vars(protocol).items()
                if inspect.isfunction(value) and not member.startswith("_") and not value.__doc__
            ]
            assert not undocumented, (name, undocumented)


def test_sim_satisfies_the_protocols() -> None:
    """The types, which a type checker reads here."""
    from dlf_sim.amp import AmpService
    from dlf_sim.graphs import GraphService
    from dlf_sim.pinned import PinnedService

    pinned: services.Pinned = PinnedService()
    graphs: services.Graphs = GraphService()
    amp: services.Amp = AmpService()
    assert [pinned.unasked, graphs.CaptureError.__name__, amp.default_dtype] == [
        False,
        "CaptureError",
        "bfloat16",
    ]
