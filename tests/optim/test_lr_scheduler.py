"""Each schedule against PyTorch's: the same rates and momenta, step by step."""

from __future__ import annotations

import copy
import io
from collections.abc import Callable
from typing import Any

import pytest
import torch

import dlf

Make = Callable[[Any, Any], Any]


def sequential(s: Any, o: Any) -> Any:
    parts = [s.ConstantLR(o, 0.1, 4), s.ExponentialLR(o, 0.9), s.StepLR(o, 2)]
    return s.SequentialLR(o, parts, [5, 12])


def nested(s: Any, o: Any) -> Any:
    inner = s.SequentialLR(o, [s.LinearLR(o, 0.5, 1.0, 3), s.CosineAnnealingLR(o, 6)], [4])
    return s.SequentialLR(o, [inner, s.ExponentialLR(o, 0.8)], [9])


# Name, how to make it from (lr_scheduler module, optimizer), and number of steps.
CASES: list[tuple[str, Make, int]] = [
    ("lambda", lambda s, o: s.LambdaLR(o, lambda e: 0.95**e), 20),
    ("lambda-list", lambda s, o: s.LambdaLR(o, [lambda e: 1 / (e + 1), lambda e: 0.5**e]), 20),
    ("multiplicative", lambda s, o: s.MultiplicativeLR(o, lambda e: 0.9 + 0.01 * (e % 3)), 20),
    ("step", lambda s, o: s.StepLR(o, 3, 0.3), 20),
    ("multistep", lambda s, o: s.MultiStepLR(o, [3, 7, 7, 15], 0.3), 20),
    ("constant", lambda s, o: s.ConstantLR(o, 0.25, 6), 20),
    ("linear", lambda s, o: s.LinearLR(o, 0.2, 0.9, 7), 20),
    ("exponential", lambda s, o: s.ExponentialLR(o, 0.93), 20),
    ("polynomial", lambda s, o: s.PolynomialLR(o, 9, 2.0), 20),
    ("cosine", lambda s, o: s.CosineAnnealingLR(o, 7, 1e-3), 40),
    ("cosine-one", lambda s, o: s.CosineAnnealingLR(o, 1), 6),
    ("restarts", lambda s, o: s.CosineAnnealingWarmRestarts(o, 4, 2, 1e-3), 40),
    ("restarts-even", lambda s, o: s.CosineAnnealingWarmRestarts(o, 5), 20),
    ("cyclic", lambda s, o: s.CyclicLR(o, 0.01, 0.1, 4, 3), 30),
    ("cyclic-2", lambda s, o: s.CyclicLR(o, [0.01, 0.02], [0.1, 0.3], 4, mode="triangular2"), 30),
    ("cyclic-exp", lambda s, o: s.CyclicLR(o, 0.01, 0.1, 4, mode="exp_range", gamma=0.97), 30),
    ("cyclic-fn", lambda s, o: s.CyclicLR(o, 0.01, 0.1, 4, scale_fn=lambda x: 1 / x), 30),
    (
        "cyclic-fn-steps",
        lambda s, o: s.CyclicLR(
            o, 0.01, 0.1, 4, scale_fn=lambda x: 0.9**x, scale_mode="iterations"
        ),
        30,
    ),
    ("cyclic-still", lambda s, o: s.CyclicLR(o, 0.01, 0.1, 4, cycle_momentum=False), 10),
    ("one-cycle", lambda s, o: s.OneCycleLR(o, 0.5, total_steps=25), 24),
    (
        "one-cycle-linear",
        lambda s, o: s.OneCycleLR(
            o, [0.5, 0.2], epochs=5, steps_per_epoch=5, anneal_strategy="linear"
        ),
        24,
    ),
    (
        "one-cycle-three",
        lambda s, o: s.OneCycleLR(o, 0.5, total_steps=25, three_phase=True, pct_start=0.4),
        24,
    ),
    ("sequential", sequential, 20),
    ("sequential-nested", nested, 20),
    (
        "chained",
        lambda s, o: s.ChainedScheduler([s.ConstantLR(o, 0.1, 3), s.ExponentialLR(o, 0.9)]),
        20,
    ),
]
IDS = [case[0] for case in CASES]
OPTIMIZERS = ["SGD", "Adam"]


def optimizers(name: str) -> tuple[Any, Any]:
    made = []
    for lib in (dlf, torch):
        groups = [
            {"params": [lib.ones(2, requires_grad=True)]},
            {"params": [lib.ones(3, requires_grad=True)], "lr": 0.05},
        ]
        made.append(getattr(lib.optim, name)(groups, lr=0.2))
    return made[0], made[1]


def settings(optimizer: Any) -> list[float]:
    found = []
    for group in optimizer.param_groups:
        found.append(group["lr"])
        found += [group["momentum"]] if "momentum" in group else list(group["betas"])
    return found


def compare(a: Any, b: Any, s: Any, t: Any) -> None:
    assert settings(a) == pytest.approx(settings(b), rel=1e-12, abs=1e-15)
    assert s.get_last_lr() == pytest.approx(t.get_last_lr(), rel=1e-12, abs=1e-15)
    assert s.last_epoch == t.last_epoch if hasattr(t, "last_epoch") else True


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize(("name", "make", "steps"), CASES, ids=IDS)
@pytest.mark.filterwarnings("ignore:Detected call")
def test_rates(name: str, make: Make, steps: int, optimizer: str) -> None:
    a, b = optimizers(optimizer)
    s, t = make(dlf.optim.lr_scheduler, a), make(torch.optim.lr_scheduler, b)
    compare(a, b, s, t)
    for _ in range(steps):
        a.step()
        b.step()
        s.step()
        t.step()
        compare(a, b, s, t)


@pytest.mark.parametrize(("name", "make", "steps"), CASES, ids=IDS)
@pytest.mark.filterwarnings("ignore:Detected call")
def test_resumes_from_a_file(name: str, make: Make, steps: int) -> None:
    a, b = optimizers("SGD")
    s, t = make(dlf.optim.lr_scheduler, a), make(torch.optim.lr_scheduler, b)
    half = steps // 2
    for _ in range(half):
        a.step(), b.step(), s.step(), t.step()
    file = io.BytesIO()
    dlf.save({"optimizer": a.state_dict(), "scheduler": s.state_dict()}, file)
    file.seek(0)
    loaded = dlf.load(file)
    a, _ = optimizers("SGD")
    s = make(dlf.optim.lr_scheduler, a)
    a.load_state_dict(loaded["optimizer"])
    s.load_state_dict(loaded["scheduler"])
    for _ in range(half):
        a.step(), b.step(), s.step(), t.step()
        compare(a, b, s, t)


@pytest.mark.parametrize("name", ["step", "multistep", "constant", "linear", "exponential",
                                  "polynomial", "cosine", "restarts", "lambda"])  # fmt: skip
def test_given_epoch(name: str) -> None:
    make = next(case[1] for case in CASES if case[0] == name)
    a, b = optimizers("SGD")
    s, t = make(dlf.optim.lr_scheduler, a), make(torch.optim.lr_scheduler, b)
    for epoch in (5, 2, 8):
        a.step(), b.step()
        for scheduler in (s, t):
            if name == "restarts":
                scheduler.step(epoch)
            else:
                with pytest.warns(UserWarning, match="epoch"):
                    scheduler.step(epoch)
        compare(a, b, s, t)


def test_fractional_restarts() -> None:
    a, b = optimizers("SGD")
    s = dlf.optim.lr_scheduler.CosineAnnealingWarmRestarts(a, 3, 2)
    t = torch.optim.lr_scheduler.CosineAnnealingWarmRestarts(b, 3, 2)
    for i in range(40):
        s.step(i / 3)
        t.step(i / 3)
        compare(a, b, s, t)


@pytest.mark.parametrize("mode", ["min", "max"])
@pytest.mark.parametrize("threshold_mode", ["rel", "abs"])
@pytest.mark.parametrize("extra", [{}, {"cooldown": 2}, {"min_lr": [0.1, 0.01]}, {"eps": 0.05}])
def test_plateau(mode: Any, threshold_mode: Any, extra: dict[str, Any]) -> None:
    a, b = optimizers("SGD")
    options: dict[str, Any] = {
        "mode": mode,
        "factor": 0.5,
        "patience": 2,
        "threshold": 0.05,
        "threshold_mode": threshold_mode,
        **extra,
    }
    s = dlf.optim.lr_scheduler.ReduceLROnPlateau(a, **options)
    t = torch.optim.lr_scheduler.ReduceLROnPlateau(b, **options)
    for i, value in enumerate([1, 0.9, 0.88, 0.87, 0.95, 1.1, 1.2, 1.0, 1.0, 0.5] * 3):
        metric: Any = dlf.tensor(value) if i % 2 else value
        s.step(metric)
        t.step(float(metric))
        compare(a, b, s, t)
        assert (s.num_bad_epochs, s.best) == (t.num_bad_epochs, t.best)


def test_wrong_order_warns() -> None:
    a, _ = optimizers("SGD")
    scheduler = dlf.optim.lr_scheduler.StepLR(a, 1)
    with pytest.warns(UserWarning, match=r"before `optimizer.step\(\)`"):
        scheduler.step()


def test_get_lr_outside_step_warns() -> None:
    a, _ = optimizers("SGD")
    scheduler = dlf.optim.lr_scheduler.ExponentialLR(a, 0.5)
    with pytest.warns(UserWarning, match="get_last_lr"):
        scheduler.get_lr()


def test_tensor_rate_is_filled() -> None:
    rate = dlf.tensor(0.5)
    optimizer = dlf.optim.SGD([dlf.ones(1, requires_grad=True)], lr=rate)
    scheduler = dlf.optim.lr_scheduler.ExponentialLR(optimizer, 0.5)
    optimizer.step()
    scheduler.step()
    assert optimizer.param_groups[0]["lr"] is rate
    assert rate.item() == 0.25


def test_own_scheduler() -> None:
    class Halve(dlf.optim.lr_scheduler.LRScheduler):
        def get_lr(self) -> list[float]:
            return [base * 0.5**self.last_epoch for base in self.base_lrs]

    a, _ = optimizers("SGD")
    scheduler = Halve(a)
    a.step()
    scheduler.step()
    assert scheduler.get_last_lr() == [0.1, 0.025]


BAD: list[tuple[type[Exception], Make]] = [
    (TypeError, lambda s, o: s.StepLR(None, 1)),
    (KeyError, lambda s, o: s.StepLR(o, 1, last_epoch=3)),
    (ValueError, lambda s, o: s.LambdaLR(o, [lambda e: 1.0])),
    (TypeError, lambda s, o: s.MultiplicativeLR(o, 0.5)),
    (ValueError, lambda s, o: s.ConstantLR(o, 1.5)),
    (ValueError, lambda s, o: s.LinearLR(o, 0.0)),
    (ValueError, lambda s, o: s.LinearLR(o, 0.5, 1.5)),
    (ValueError, lambda s, o: s.CosineAnnealingWarmRestarts(o, 0)),
    (ValueError, lambda s, o: s.CosineAnnealingWarmRestarts(o, 1, 0)),
    (ValueError, lambda s, o: s.CyclicLR(o, 0.1, 0.2, mode="square")),
    (ValueError, lambda s, o: s.CyclicLR(o, [0.1], 0.2)),
    (ValueError, lambda s, o: s.OneCycleLR(o, 0.1)),
    (ValueError, lambda s, o: s.OneCycleLR(o, 0.1, total_steps=0)),
    (ValueError, lambda s, o: s.OneCycleLR(o, 0.1, total_steps=9, pct_start=2.0)),
    (ValueError, lambda s, o: s.OneCycleLR(o, 0.1, total_steps=9, anneal_strategy="up")),
    (ValueError, lambda s, o: s.ReduceLROnPlateau(o, factor=1.0)),
    (ValueError, lambda s, o: s.ReduceLROnPlateau(o, mode="mid")),
    (ValueError, lambda s, o: s.ReduceLROnPlateau(o, min_lr=[0.1])),
    (ValueError, lambda s, o: s.SequentialLR(o, [], [])),
    (ValueError, lambda s, o: s.SequentialLR(o, [s.StepLR(o, 1)], [1])),
    (ValueError, lambda s, o: s.SequentialLR(o, [s.ReduceLROnPlateau(o)], [])),
    (ValueError, lambda s, o: s.SequentialLR(copy.deepcopy(o), [s.StepLR(o, 1)], [])),
]


@pytest.mark.parametrize(("error", "make"), BAD)
def test_bad_arguments(error: type[Exception], make: Make) -> None:
    a, b = optimizers("SGD")
    with pytest.raises(error):
        make(torch.optim.lr_scheduler, b)
    with pytest.raises(error):
        make(dlf.optim.lr_scheduler, a)


def test_one_cycle_ends() -> None:
    a, _ = optimizers("SGD")
    scheduler = dlf.optim.lr_scheduler.OneCycleLR(a, 0.1, total_steps=3)
    a.step()
    for _ in range(3):
        scheduler.step()
    with pytest.raises(ValueError, match="Tried to step 4 times"):
        scheduler.step()


def test_all_is_pytorchs() -> None:
    assert set(dlf.optim.lr_scheduler.__all__) == set(torch.optim.lr_scheduler.__all__)
