"""Plugins that were built for earlier kernel APIs go on working, unchanged, with this dlf."""

from __future__ import annotations

import zipfile
from hashlib import sha256
from pathlib import Path

import pytest

from tests.golden.build import SOURCES, SUMS, WHEELS, build, generations
from tests.support.environment import Environment
from tests.support.packages import shared_environment

KINDS = ("backend", "command", "dataset", "op", "optimizer", "overlay")

USES = {
    "backend": """
        def f(x):
            return ((x @ x.T).relu() * 0.5 - 1).tanh().sum() / 2
        x = dlf.tensor([[1.0, -2.0], [3.0, 4.0]], device="golden:1")
        z = x.cpu()
        assert dlf.allclose(f(x).cpu(), f(z))
        # Gradients may use further ops in a later dlf.
        with dlf.fallback_policy("allow"):
            f(x.requires_grad_()).backward()
        f(z.requires_grad_()).backward()
        assert str(x.grad.device) == "golden:1"
        assert dlf.allclose(x.grad.cpu(), z.grad)
        assert dlf.golden.device_count() == 2
        with dlf.fallback_policy("allow"):
            assert dlf.ones(3, device="golden").cumsum(0).tolist() == [1, 2, 3]
        try:
            dlf.ones(3, device="golden").cumsum(0)
        except NotImplementedError as error:
            assert "golden-backend" in str(error), error
        else:
            raise AssertionError("ran without a kernel")
    """,
    "overlay": """
        from golden_overlay import CALLS
        x = dlf.tensor([-1.0, 3.0], requires_grad=True)
        assert dlf.nn.functional.softsign(x).tolist() == [-0.5, 0.75]
        assert dlf.nn.functional.leaky_relu(x, 0.5).tolist() == [-0.5, 3.0]
        assert CALLS == ["softsign", "leaky_relu"]
        dlf.nn.functional.softsign(x).sum().backward()
        assert x.grad.tolist() == [0.25, 0.0625]
    """,
    "optimizer": """
        make = get_host().optimizers()["golden"].load()
        p = dlf.tensor([4.0, -4.0], requires_grad=True)
        optimizer = make([{"params": [p], "lr": 0.5}])
        def closure():
            optimizer.zero_grad()
            loss = (p * p).sum()
            loss.backward()
            return loss
        assert optimizer.step(closure).item() == 32
        assert p.tolist() == [3.5, -3.5]
        other = make([dlf.zeros(2, requires_grad=True)])
        other.load_state_dict(optimizer.state_dict())
        assert other.param_groups[0]["lr"] == 0.5
        assert [state["steps"] for state in other.state.values()] == [1]
        dlf.optim.lr_scheduler.StepLR(optimizer, 1, gamma=0.1)
    """,
    "dataset": """
        from dlf.utils.data import DataLoader
        found = get_host().datasets()["golden"]
        assert (found.spec.description, found.spec.licence) == ("stripes of two kinds", "CC0-1.0")
        data = found.load()(None, train=True)
        images, labels = next(iter(DataLoader(data, batch_size=10, shuffle=True)))
        assert (images.shape, labels.shape) == ((10, 1, 8, 8), (10,))
    """,
    "op": """
        from golden_op.ops import golden_cube, golden_exp, golden_product, golden_scale
        from dlf.autograd import gradcheck, gradgradcheck
        from dlf.registry import registry
        dlf.ones(1)
        assert {"golden_scale", "golden_exp", "golden_product", "golden_cube"} <= {
            op.name for op in registry
        }
        x = dlf.tensor([0.5, 2.0], dtype=dlf.float64, requires_grad=True)
        f = dlf.tensor(1.5, dtype=dlf.float64, requires_grad=True)
        assert golden_scale(x, f, 2).tolist() == [1.125, 4.5]
        for check in (gradcheck, gradgradcheck):
            assert check(lambda x, f: golden_scale(x, f, 3), (x, f))
            assert check(golden_exp, (x,))
            assert check(golden_product, (x, f))
            assert check(golden_cube, (x,))
    """,
}


@pytest.fixture(scope="session", params=generations())
def environment(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Environment:
    generation = request.param
    kept = list(WHEELS.glob(f"*-{generation}-*.whl"))
    assert len(kept) == len(KINDS)
    return shared_environment(tmp_path_factory, f"golden-{generation}", lambda _: kept)


@pytest.mark.parametrize("kind", USES)
def test_works_as_it_did(environment: Environment, kind: str) -> None:
    begin = "import dlf\nfrom dlf.plugin import get_host\n"
    lines = [line[8:] for line in USES[kind].splitlines()]
    code = begin + "\n".join(lines)
    done = environment.run("-W", "error", "-c", code)
    assert done.returncode == 0, done.stderr


def test_command(environment: Environment) -> None:
    done = environment.run("-m", "dlf_cli", "golden", "--upper")
    assert done.returncode == 0, done.stderr
    assert any(
        line.startswith("GOLDEN FROM GOLDEN-BACKEND ") and line.endswith(": OK")
        for line in done.stdout.splitlines()
    )


def test_they_train_together(environment: Environment) -> None:
    options = ["--model", "mlp", "--optimizer", "golden", "--epochs", "1", "--device", "golden"]
    output = ["--output", str(environment.folder / "golden.dlf")]
    done = environment.run(
        "-m", "dlf_cli", "train", "golden", *options, *output, DLF_FALLBACK="allow"
    )
    assert done.returncode == 0, done.stderr
    assert "test accuracy" in done.stdout


@pytest.mark.parametrize("kind", KINDS)
def test_is_in_use_without_complaint(environment: Environment, kind: str) -> None:
    code = f"""if True:
        from dlf.plugin import get_host
        records = {{r.distribution: r for r in get_host().records(probe=True)}}
        record = records["golden-{kind}"]
        assert (record.state, record.reason) == ("ok", ""), record
    """
    done = environment.run("-W", "error", "-c", code)
    assert done.returncode == 0, done.stderr


def test_wheels_are_frozen() -> None:
    """Each is the one that was committed first; tests/golden/build.py adds a generation."""
    frozen = dict(reversed(line.split()) for line in SUMS.read_text().splitlines())
    now = {path.name: sha256(path.read_bytes()).hexdigest() for path in WHEELS.glob("*.whl")}
    assert now == frozen


@pytest.mark.parametrize("generation", generations())
@pytest.mark.parametrize("kind", KINDS)
def test_sources_are_those_of_the_wheels(generation: str, kind: str) -> None:
    project = SOURCES / generation / f"golden_{kind}"
    with zipfile.ZipFile(WHEELS / f"golden_{kind}-{generation}-py3-none-any.whl") as wheel:
        files = {name: wheel.read(name) for name in wheel.namelist() if name.endswith(".py")}
    sources = {str(p.relative_to(project)): p.read_bytes() for p in project.rglob("*.py")}
    assert files == sources


def test_building_is_reproducible(tmp_path: Path) -> None:
    project = SOURCES / generations()[-1] / "golden_op"
    built = []
    for folder in (tmp_path / "one", tmp_path / "two"):
        folder.mkdir()
        built.append(build(project, folder).read_bytes())
    assert built[0] == built[1]
