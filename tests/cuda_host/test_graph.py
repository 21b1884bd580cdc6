"""`dlf.cuda.graph`, over a stand-in whose streams record what is called and play it again."""

from __future__ import annotations

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
refused(lambda x: nn.functional.dropout(x, 0.5), "from the host to the card", "dropout")
refused(lambda x: nn.functional.dropout(x, 0.5), "random numbers", constants=True)

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
