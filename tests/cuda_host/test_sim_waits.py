"""Training steps on `sim`, whose kernels run late, never wait for them: what holds there holds on
every device with streams. Over the stand-in of CuPy the `cuda` backend counts for itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import dlf
from dlf import nn
from dlf_sim.backend import SimBackend
from dlf_sim.handle import Buffer
from tests.cuda_host.child import run
from tests.cuda_host.waiting_steps import STEPS, late

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What waited for `sim` so far. Core takes it for a device whose values it may not look at."""
    device = dlf.ones(1, device="sim").device
    monkeypatch.setattr(device, "checks", False)  # as with the feature "asynchronous"
    seen: list[str] = []
    to_host, wait = SimBackend.to_host, Buffer.wait
    monkeypatch.setattr(SimBackend, "to_host", lambda *a: (seen.append("to_host"), to_host(*a))[1])
    monkeypatch.setattr(Buffer, "wait", lambda *a: (seen.append("wait"), wait(*a))[1])
    yield seen


def waited(waits: list[str], call: Callable[[], Any]) -> int:
    """How often `call` reads something from the device."""
    waits.clear()
    call()
    return len(waits)


@pytest.mark.parametrize("name", STEPS)
def test_no_waiting(waits: list[str], name: str) -> None:
    step = STEPS[name]("sim")
    step()
    out: list[Any] = []
    assert waited(waits, lambda: out.append(step())) == 0
    assert waited(waits, lambda: out[0].detach().flatten()[0].item()), "a wait was not seen"


@pytest.mark.parametrize("clip", [False, True])
def test_one_wait_with_scaled_gradients(waits: list[str], clip: bool) -> None:
    """For whether to step: that has to be known on the host."""
    net = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 4)).to("sim")
    optimizer, scaler = dlf.optim.AdamW(net.parameters()), dlf.amp.GradScaler("sim")
    x, y = late("sim", 3, 6), late("sim", 3, below=4)

    def forward() -> None:
        optimizer.zero_grad()
        with dlf.autocast("sim", dtype=dlf.float16):
            loss = nn.functional.cross_entropy(net(x), y)
        scaler.scale(loss).backward()
        if clip:
            scaler.unscale_(optimizer)
            nn.utils.clip_grad_norm_(net.parameters(), 1.0)

    for _ in range(2):
        assert waited(waits, forward) == 0
        waits.clear()
        scaler.step(optimizer)
        assert waits.count("to_host") == 1
        assert waited(waits, scaler.update) == 0
    assert scaler.get_scale() == 2.0**16


def test_what_must_wait_is_seen(waits: list[str]) -> None:
    x = late("sim", 3, 4)
    for call in (lambda: x.tolist(), lambda: bool(x.sum() > 0), x.nonzero, lambda: x[x > 0]):
        assert waited(waits, call)


COUNTED = """
import sys
sys.path.insert(0, {repository!r})
from dlf_cupy_gpu.waits import count_synchronizations
from tests.cuda_host.waiting_steps import STEPS
wrong = {{}}
for name, make in STEPS.items():
    step = make("cuda")
    step()
    with count_synchronizations() as counter:
        out = step()
    if counter:
        wrong[name] = dict(counter)
    with count_synchronizations() as counter:
        out.detach().flatten()[0].item()
    assert counter, name
assert not wrong, wrong
print(len(STEPS), "steps")
"""


def test_no_waiting_on_cards(cuda_plugin: str) -> None:
    told = run(cuda_plugin, COUNTED.format(repository=str(REPOSITORY)))
    assert f"{len(STEPS)} steps" in told


SCALED = """
import dlf
from dlf_cupy_gpu.waits import count_synchronizations
net = dlf.nn.Linear(6, 4).to("cuda")
optimizer, scaler = dlf.optim.AdamW(net.parameters()), dlf.amp.GradScaler("cuda")
x = dlf.randn(3, 6).to("cuda")
for _ in range(2):
    optimizer.zero_grad()
    counts = []
    loss = net(x).sum()
    for part in (
        lambda: scaler.scale(loss).backward(),
        lambda: scaler.unscale_(optimizer),
        lambda: scaler.step(optimizer),
        scaler.update,
    ):
        with count_synchronizations() as counter:
            part()
        counts.append(sum(counter.values()))
    assert counts == [0, 0, 1, 0], counts
"""


def test_one_wait_with_scaled_gradients_on_cards(cuda_plugin: str) -> None:
    run(cuda_plugin, SCALED)
