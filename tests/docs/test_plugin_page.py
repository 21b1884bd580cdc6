"""The package that docs/plugins.md builds, put together from the page, installed and used."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.support.environment import Environment

PAGE = Path(__file__).parents[2] / "docs" / "plugins.md"
_FILE = re.compile(r"^```(?:python|toml)\n# (\S+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    project = tmp_path_factory.mktemp("page") / "dlf_more"
    for name, text in _FILE.findall(PAGE.read_text("utf-8")):
        path = project / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    (project / "dlf_more" / "__init__.py").touch()
    made = Environment.create(tmp_path_factory.mktemp("environment") / "venv")
    made.install(project, work=tmp_path_factory.mktemp("build"))
    return made


def output(environment: Environment, *arguments: str, **variables: str) -> str:
    done = environment.run(*arguments, **variables)
    assert done.returncode == 0, done.stderr
    return done.stdout


def origin(environment: Environment, device: str, op: str, **variables: str) -> dict[str, str]:
    text = output(
        environment, "-m", "dlf_cli", "backends", "explain", device, "--json", **variables
    )
    return next(row for row in json.loads(text) if row["op"] == op)


def test_device_has_the_kernels_of_the_page(environment: Environment) -> None:
    assert origin(environment, "boxed", "matmul")["source"] == "native"
    assert origin(environment, "boxed", "exp")["source"] == "fallback"
    code = (
        "import dlf; x = dlf.full((2, 2), 3.0, device='boxed', requires_grad=True);"
        "print((x @ x * -2 + 1).cpu().tolist())"
    )
    text = output(environment, "-c", code, DLF_FALLBACK="error")
    assert text == "[[-35.0, -35.0], [-35.0, -35.0]]\n"


def test_overlay_is_used_and_can_be_switched_off(environment: Environment) -> None:
    assert origin(environment, "cpu", "silu")["source"] == "overlay"
    assert origin(environment, "cpu", "silu", DLF_KERNELS="-more_cpu")["source"] != "overlay"
    code = "import dlf; print(dlf.nn.functional.silu(dlf.tensor([-1000.0, 0.0, 1000.0])).tolist())"
    assert output(environment, "-c", code) == "[-0.0, 0.0, 1000.0]\n"


def test_op_differentiates_twice(environment: Environment) -> None:
    code = (
        "import dlf; from dlf_more.ops import squared_relu;"
        "x = dlf.tensor([-1.0, 3.0], requires_grad=True);"
        "g, = dlf.autograd.grad(squared_relu(x).sum(), x, create_graph=True);"
        "h, = dlf.autograd.grad(g.sum(), x); print(g.tolist(), h.tolist())"
    )
    assert output(environment, "-c", code) == "[0.0, 6.0] [0.0, 2.0]\n"


def test_optimizer_and_dataset_train(environment: Environment) -> None:
    options = ["--model", "mlp", "--optimizer", "signsgd", "--epochs", "2"]
    text = output(environment, "-m", "dlf_cli", "train", "stripes", *options)
    assert "test accuracy" in text


def test_command_lists_the_devices(environment: Environment) -> None:
    lines = output(environment, "-m", "dlf_cli", "devices").splitlines()
    assert "boxed from dlf-more 0.1.0" in lines
