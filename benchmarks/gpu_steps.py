"""Training steps on a card, for `gpu.py`: eager, compiled, and captured in CUDA graphs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from gpu_times import libraries, ready, timed

__all__ = ["losses", "steps"]

Row = dict[str, Any]
Rows = Iterator[tuple[str, Callable[[], Row]]]
MODELS = ("mlp", "cnn", "gpt")


class _Moved:
    """A library whose `from_numpy` gives tensors that are on the card already.

    Args:
        T: the library.
        options: more options for its optimizers.
    """

    def __init__(self, T: Any, **options: Any) -> None:
        self._library, self._options = T, options
        self.from_numpy = lambda tensor: tensor
        self.optim = self

    def __getattr__(self, name: str) -> Any:
        optimizers = self._library.optim
        if name in ("Adam", "AdamW", "SGD"):
            kind = getattr(optimizers, name)
            options = self._options if name != "SGD" else {}
            return lambda parameters, **given: kind(parameters, **given, **options)
        return getattr(self._library, name)


def _training(T: Any, name: str, **options: Any) -> tuple[Any, dict[str, Any]]:
    """A training of the parity tests on the default device, and a batch there."""
    import numpy as np

    from tests.parity.models import SPECS

    T.manual_seed(0)
    spec = SPECS[name]
    batch = spec.batch(np.random.default_rng(0))
    training = spec.build(_Moved(T, **options))  # type: ignore[arg-type]  # stands in for the module
    return training, {key: T.from_numpy(array).to("cuda") for key, array in batch.items()}


def steps(seconds: float) -> Rows:
    """Forward, backward and update of three small models."""
    for name in MODELS:
        yield f"{name} step", lambda name=name: _compared(name, 2 * seconds)


def _compared(name: str, seconds: float) -> Row:
    row: Row = {}
    for T in libraries():
        ready(T)
        ways = {"eager": _eager, "captured": _captured}
        if T.__name__ == "torch":
            ways |= {"compiled": _compiled}
        for way, make in ways.items():
            label = f"{T.__name__} {way}"
            try:
                row[f"{label} ms"] = 1e3 * timed(T, make(T, name), seconds)
            except Exception as error:
                row[f"{label} error"] = f"{type(error).__name__}: {str(error)[:300]}"
            T.cuda.empty_cache()
    for mine, theirs in (
        ("eager", "eager"),
        ("captured", "captured"),
        ("captured", "eager"),
        ("captured", "compiled"),
    ):
        a, b = row.get(f"dlf {mine} ms"), row.get(f"torch {theirs} ms")
        if a and b:
            row[f"{mine} / torch {theirs}"] = a / b
    if "dlf eager error" in row or "dlf captured error" in row:
        row["error"] = row.get("dlf eager error") or row["dlf captured error"]
    return row


def _eager(T: Any, name: str) -> Callable[[], object]:
    training, batch = _training(T, name)
    return lambda: training.step(batch)


def _compiled(T: Any, name: str) -> Callable[[], object]:
    training, batch = _training(T, name)
    training.model.compile()
    for _ in range(3):
        training.step(batch)
    return lambda: training.step(batch)


def _captured(T: Any, name: str) -> Callable[[], object]:
    """The whole step in a CUDA graph."""
    if T.__name__ == "dlf":
        training, batch = _training(T, name)
        step = T.cuda.graph(training.step)
        for _ in range(5):
            step(batch)
        # The captured step's own inputs, so that nothing is copied, as in the other's graph.
        return lambda: step(batch)
    training, batch = _training(T, name, capturable=True)
    side = T.cuda.Stream()
    side.wait_stream(T.cuda.current_stream())
    with T.cuda.stream(side):
        for _ in range(3):
            training.step(batch)
    T.cuda.current_stream().wait_stream(side)
    graph = T.cuda.CUDAGraph()
    with T.cuda.graph(graph):
        training.step(batch)
    return graph.replay


def losses(seconds: float) -> Rows:
    """Losses of some steps on the card beside those on the CPU from the same weights."""
    for name in MODELS:
        yield f"{name} losses", lambda name=name: _followed(name, captured=False)
    yield "gpt losses, captured", lambda: _followed("gpt", captured=True)
    yield "digits losses", _digits


def _followed(name: str, captured: bool, count: int = 20) -> Row:
    import numpy as np

    import dlf
    from tests.parity.models import SPECS

    spec, found = SPECS[name], {}
    weights: Any = None
    for device in ("cpu", "cuda"):
        dlf.set_default_device(device)
        training = spec.build(_Moved(dlf))  # type: ignore[arg-type]  # stands in for the module
        if weights is None:
            weights = {key: value.clone() for key, value in training.model.state_dict().items()}
        else:
            training.model.load_state_dict(weights)
        step: Any = training.step
        if captured and device == "cuda":
            step = dlf.cuda.graph(step)
        rng = np.random.default_rng(1)
        taken = []
        for _ in range(count):
            batch = spec.batch(rng)
            moved = {key: dlf.from_numpy(array).to(device) for key, array in batch.items()}
            taken.append(float(step(moved).item()))
        found[device] = taken
    return _difference(found)


def _digits() -> Row:
    import dlf
    from dlf.plugin.host import get_host

    images, labels = get_host().datasets()["digits"].load()(None, train=True).tensors
    found, weights = {}, None
    for device in ("cpu", "cuda"):
        dlf.set_default_device(device)
        nn = dlf.nn
        width = images.shape[2] * images.shape[3]
        model = nn.Sequential(nn.Flatten(), nn.Linear(width, 64), nn.ReLU(), nn.Linear(64, 10))
        if weights is None:
            weights = {key: value.clone() for key, value in model.state_dict().items()}
        else:
            model.load_state_dict(weights)
        optimizer = dlf.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
        taken = []
        for start in range(0, 1280, 64):
            x, y = (t[start : start + 64].to(device) for t in (images, labels))
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
            taken.append(float(loss.item()))
        found[device] = taken
    return _difference(found)


def _difference(found: dict[str, list[float]]) -> Row:
    import dlf

    dlf.set_default_device("cpu")
    worst = max(
        abs(a - b) / max(abs(a), 1e-12) for a, b in zip(found["cpu"], found["cuda"], strict=True)
    )
    row: Row = {
        "first": found["cpu"][0],
        "last": found["cpu"][-1],
        "card's last": found["cuda"][-1],
    }
    row["largest relative difference"] = worst
    if not worst < 0.01:
        row["error"] = f"the losses differ by {worst:.2%}"
    return row
