"""`dlf.cuda.CUDAGraph` used as in PyTorch, over a stand-in whose streams record and play again."""

from __future__ import annotations

from tests.cuda_host.child import run
from tests.cuda_host.test_graph import MODEL


def test_replays_follow_the_inputs(cuda_plugin: str) -> None:
    run(
        cuda_plugin,
        """
import dlf
x = dlf.zeros(3, device="cuda")
(x * 2 + 1).sum()  # compiles
g = dlf.cuda.CUDAGraph()
with dlf.cuda.graph(g):
    assert dlf.cuda.is_current_stream_capturing()
    y = x * 2 + 1
assert not dlf.cuda.is_current_stream_capturing()
for value in (1.0, 5.0):
    x.copy_(dlf.full((3,), value))
    g.replay()
    assert y.tolist() == [2 * value + 1] * 3
other = dlf.cuda.CUDAGraph()
with dlf.cuda.graph(other, pool=g.pool(), stream=dlf.cuda.Stream()):
    z = y + 1
other.replay()
assert z.tolist() == [12.0] * 3
g.reset()
with dlf.cuda.graph(g):
    w = x - 1
g.replay()
assert w.tolist() == [4.0] * 3
""",
    )


def test_a_training_step(cuda_plugin: str) -> None:
    """The optimizer's step counts and rates are those of each replay."""
    run(
        cuda_plugin,
        MODEL
        + """
model, optimizer, schedule, step = made()
eager = losses(step, schedule)
other, theirs, rates, again = made()
x, y = (t.to("cuda") for t in data[0])
g, seen = dlf.cuda.CUDAGraph(), []
for number, (given, wanted) in enumerate(data):
    x.copy_(given), y.copy_(wanted)
    if number < 2:
        loss = again(x, y)
    else:
        if number == 2:
            with dlf.cuda.graph(g):
                loss = again(x, y)
        g.replay()
    seen.append(loss.item())
    rates.step()
assert seen == eager, (seen, eager)
for p, q in zip(model.parameters(), other.parameters()):
    assert p.tolist() == q.tolist()
""",
    )


def test_refusals(cuda_plugin: str) -> None:
    told = run(
        cuda_plugin,
        """
import dlf
g = dlf.cuda.CUDAGraph()


def tried(call):
    try:
        call()
    except RuntimeError as error:
        print(type(error).__name__, error)


def reading():
    with dlf.cuda.graph(g):
        dlf.ones(1, device="cuda").item()


def twice():
    for _ in range(2):
        with dlf.cuda.graph(g):
            dlf.ones(1, device="cuda")


tried(g.replay)
tried(g.pool)
tried(reading)
tried(twice)
""",
    ).splitlines()
    assert told[0].startswith("RuntimeError replay: nothing was recorded")
    assert told[1].startswith("RuntimeError pool: nothing was recorded")
    assert told[2].startswith("CaptureError")
    assert told[3].startswith("RuntimeError this CUDAGraph has recorded already")
