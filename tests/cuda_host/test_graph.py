"""`dlf.cuda.graph`, over a stand-in whose streams record what is called and play it again."""

from __future__ import annotations

from tests.cuda.host import compiler
from tests.cuda_host.child import run

MODEL = """
import numpy as np
import dlf
from dlf import nn

rng = np.random.default_rng(0)
data = [
    tuple(dlf.from_numpy(rng.normal(size=(5, n)).astype(np.float32)) for n in (4, 3))
    for _ in range(9)
]


def made():
    dlf.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 3)).to("cuda")
    optimizer = dlf.optim.AdamW(model.parameters(), lr=0.05)
    schedule = dlf.optim.lr_scheduler.StepLR(optimizer, 2, 0.5)

    def step(x, y, late=False):
        if not late:
            optimizer.zero_grad()
        loss = nn.functional.mse_loss(model(x), y)
        loss.backward()
        optimizer.step()
        if late:
            optimizer.zero_grad()
        return loss

    return model, optimizer, schedule, step


def losses(step, schedule, **named):
    out = []
    for x, y in data:
        out.append(step(x.to("cuda"), y.to("cuda"), **named).item())
        schedule.step()
    return out
"""


def test_as_eager(cuda_plugin: str) -> None:
    """Losses, parameters, step counts and scheduled rates of both are the same."""
    run(
        cuda_plugin,
        MODEL
        + """
for named in ({}, {"late": True}):
    model, optimizer, schedule, step = made()
    eager = losses(step, schedule, **named)
    other, theirs, rates, again = made()
    captured = dlf.cuda.graph(again, warmup=2)
    assert losses(captured, rates, **named) == eager
    assert captured.replays == len(data) - 3
    for p, q in zip(model.parameters(), other.parameters(), strict=True):
        assert dlf.equal(p.cpu(), q.cpu())
    assert theirs.state_dict()["state"][0]["step"] == len(data)
    assert not theirs._step_pre_hooks
""",
    )


def test_inputs(cuda_plugin: str) -> None:
    """Inputs may lie on the host; other shapes and other plain values are recorded on their own."""
    run(
        cuda_plugin,
        MODEL
        + """
step = dlf.cuda.graph(lambda x, scale: {"twice": [x * scale]}, warmup=1)
for n in (3, 4, 3, 4, 3, 4, 3):
    for scale in (2, 3.0):
        x = dlf.arange(n, dtype=dlf.float32)
        out = step(x + n, scale)["twice"][0]
        assert out.device.type == "cuda"
        assert out.cpu().tolist() == [(k + n) * scale for k in range(n)]
assert step.replays == 2 * 3
step.reset()
step(x, 2)
assert step.replays == 6
assert not dlf.cuda.is_current_stream_capturing()
""",
    )


def test_refusals(cuda_plugin: str) -> None:
    """What a replay could not repeat is an error at the recording, after which all goes on."""
    run(
        cuda_plugin,
        MODEL
        + """
def refused(function, *words, **named):
    step = dlf.cuda.graph(function, warmup=1, **named)
    step(data[0][0])
    try:
        step(data[0][0])
    except dlf.cuda.CaptureError as error:
        assert all(word in str(error) for word in words), error
    else:
        raise AssertionError(function)
    assert not dlf.cuda.is_current_stream_capturing()
    assert (dlf.ones(2, device="cuda") + 1).sum().item() == 4


refused(lambda x: x.sum().item(), "reads from the card", "captured step")
refused(lambda x: x.nonzero(), "nonzero reads from the card")
refused(lambda x: x + dlf.rand(4).to(x.device), "from the host to the device")
refused(lambda x: x + dlf.rand(4).to(x.device), "random numbers", "host", constants=True)

def broken(x, calls=[]):
    calls.append(0)
    if len(calls) > 1:
        raise KeyError("mine")
    return x

refused(broken, "could not be captured: KeyError")
step = dlf.cuda.graph(lambda x: x + dlf.tensor([1.0, 2.0, 3.0, 4.0], device=x.device),
                      warmup=1, constants=True)
for _ in range(4):
    assert step(dlf.ones(5, 4)).cpu()[0].tolist() == [2.0, 3.0, 4.0, 5.0]
try:
    dlf.cuda.graph(broken, warmup=0)
except ValueError as error:
    assert "warmup=0" in str(error)
""",
    )


# The sources of random numbers, compiled for the host, over the stand-in's arrays.
DRAWS = """
import threading
import cupy
from cupy import tape
from tests.cuda.host import modules
from dlf_cupy_gpu.backend import CupyBackend
from dlf_cupy_gpu.kernels import dropout as sources


class OverTheStandIn:
    xp = cupy
    one_at_a_time = threading.Lock()  # The shim has the state of one launch.

    def function(self, *which):
        made = modules().function(*which)

        def run(*args):
            with self.one_at_a_time:
                made(*args)

        def launch(grid, block, arguments, shared=0):
            plain = [a._host if isinstance(a, cupy.ndarray) else a for a in arguments]
            if tape.recording():
                tape.record(lambda: run(grid, block, plain, shared))
            else:
                run(grid, block, plain, shared)

        return launch

    def address(self, array):
        return modules().address(array._host)


CupyBackend._own = lambda self, modules: sources.kernels(OverTheStandIn())
"""


def drawing(plugin: str, code: str, **environment: str) -> None:
    """Run `code` where the stand-in's cards draw by themselves."""
    compiler()
    run(plugin, DRAWS + MODEL + code, **environment)


def test_replays_draw_as_eager_steps_do(cuda_plugin: str) -> None:
    """Every replay has the numbers that the same call without a graph would have had."""
    drawing(
        cuda_plugin,
        """


F = nn.functional


def step(x):
    noise = dlf.randn(3, 4, device=x.device) + dlf.rand(4, device=x.device, dtype=dlf.float16)
    return {
        "dropped": F.dropout(x, 0.25),
        "channels": F.dropout2d(x.reshape(1, 5, 2, 2), 0.5),
        "noise": noise,
        "order": dlf.randperm(7, device=x.device),
        "whole": dlf.randint(-3, 10, (6,), device=x.device),
        "waits": dlf.zeros(5, device=x.device).exponential_(),
        "chosen": dlf.multinomial(x.abs(), 2),
    }


def ran(call):
    dlf.manual_seed(11)
    found = []
    for x, _ in data:
        found.append({name: t.cpu().tolist() for name, t in call(x.to("cuda")).items()})
    return found, dlf.cuda.get_rng_state().tolist()


assert not dlf.Generator("cuda").on_host
eager, state = ran(step)
captured = dlf.cuda.graph(step, warmup=2)
assert ran(captured) == (eager, state)
assert captured.replays == len(data) - 3
assert len({str(one["noise"]) for one in eager}) == len(data)
# All are replays now, and a seed starts them anew; between them others may draw.
assert ran(captured) == (eager, state)
dlf.cuda.manual_seed_all(11)
dlf.rand(4, device="cuda")
dlf.cuda.set_rng_state(dlf.tensor(state[:8] + [0] * 8, dtype=dlf.uint8))
again = captured(data[0][0])
assert {name: t.cpu().tolist() for name, t in again.items()} == eager[0]
""",
    )


def test_training_with_dropout(cuda_plugin: str) -> None:
    """Forward and backward see one mask, and the losses are those of eager training."""
    drawing(
        cuda_plugin,
        """
def with_dropout():
    model, optimizer, schedule, step = made()
    model.insert(2, nn.Dropout(0.4))
    dlf.manual_seed(1)
    return model, schedule, step

model, schedule, step = with_dropout()
eager = losses(step, schedule)
other, rates, again = with_dropout()
assert losses(dlf.cuda.graph(again, warmup=2), rates) == eager
for p, q in zip(model.parameters(), other.parameters(), strict=True):
    assert dlf.equal(p.cpu(), q.cpu())
""",
    )


def test_own_generators(cuda_plugin: str) -> None:
    """A step may draw from several generators; each goes on by what is drawn from it."""
    drawing(
        cuda_plugin,
        """
mine, theirs = (dlf.Generator("cuda").manual_seed(3) for _ in range(2))
theirs.manual_seed(2**64 - 1)

def step(x):
    return [dlf.rand(n, device=x.device, generator=g) for n, g in ((5, mine), (9, theirs))] + [
        dlf.rand(2, device=x.device), dlf.rand(6, device=x.device, generator=mine)
    ]

def ran(call):
    dlf.manual_seed(0)
    mine.manual_seed(3), theirs.manual_seed(2**64 - 1)
    return [[t.cpu().tolist() for t in call(data[0][0].to("cuda"))] for _ in range(5)]

eager = ran(step)
place = [g.get_state().tolist() for g in (mine, theirs)]
assert ran(dlf.cuda.graph(step, warmup=1)) == eager
assert [g.get_state().tolist() for g in (mine, theirs)] == place
""",
    )


def test_what_a_replay_could_not_draw_anew(cuda_plugin: str) -> None:
    drawing(
        cuda_plugin,
        """
from dlf.ops.dropout import dropout

def refused(function, *words):
    step = dlf.cuda.graph(function, warmup=1)
    step(data[0][0])
    try:
        step(data[0][0])
    except dlf.cuda.CaptureError as error:
        assert all(word in str(error) for word in words), error
    else:
        raise AssertionError(function)
    assert dlf.rand(4, device="cuda").cpu().shape == (4,)

def seeded(x):
    first = dlf.rand(4, device=x.device)
    dlf.cuda.manual_seed(3)
    return first + dlf.rand(4, device=x.device)

refused(seeded, "was seeded", "outside")
refused(lambda x: dropout(x, 0.5, 1, 77)[0], "reserved before", "within")
refused(lambda x: dlf.poisson(x.abs()), "reads from the card")
""",
    )


def test_cards(cuda_plugin: str) -> None:
    """Each card has a generator and draws on itself."""
    drawing(
        cuda_plugin,
        """
dlf.manual_seed(4)
first, second = (dlf.rand(5, device=f"cuda:{n}") for n in (0, 1))
assert second.device.index == 1 and second._data.data.device_id == 1
assert first.cpu().tolist() == second.cpu().tolist()
assert len(dlf.cuda.default_generators) == 2
dlf.cuda.manual_seed_all(9)
assert [g.initial_seed() for g in dlf.cuda.default_generators] == [9, 9]
x = nn.functional.dropout(dlf.ones(7, device="cuda:1"), 0.5)
assert x.device.index == 1 and set(x.cpu().tolist()) <= {0.0, 2.0}
""",
        DOUBLE_CARDS="2",
    )
