"""`dlf plugin new`: each kind of package works as it is written; wrong names are refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from dlf_cli.main import main
from dlf_cli.scaffold import KINDS
from tests.support.environment import Environment
from tests.support.packages import build_wheels, own_tests, shared_environment

NAMES = {kind: f"fresh_{kind}" for kind in KINDS}
each = pytest.mark.parametrize("kind", KINDS)


def new(*arguments: str | Path) -> tuple[int, str, str]:
    result = CliRunner().invoke(main, ["plugin", "new", *map(str, arguments)])
    return result.exit_code, result.stdout, result.stderr


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """One environment with a package of each kind installed."""

    def wheels(folder: Path) -> list[Path]:
        projects = []
        for kind, name in NAMES.items():
            projects.append(folder / "projects" / kind)
            status, _, err = new(kind, name, "--into", projects[-1])
            assert (status, err) == (0, "")
        return build_wheels(projects, folder / "wheels")

    return shared_environment(tmp_path_factory, "new-plugins", wheels)


def dlf(environment: Environment, *arguments: str) -> str:
    done = environment.run("-m", "dlf_cli", *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
@each
def test_passes_its_own_tests(environment: Environment, kind: str) -> None:
    own_tests(environment, environment.folder.parent / "projects" / kind)


@each
@pytest.mark.parametrize("installed", [True, False])
def test_check_finds_nothing(environment: Environment, kind: str, installed: bool) -> None:
    project = environment.folder.parent / "projects" / kind
    what = f"dlf-fresh-{kind}" if installed else str(project)
    assert " 0 errors, 0 warnings, " in dlf(environment, "plugin", "check", what)


def test_all_are_listed(environment: Environment) -> None:
    listed = dlf(environment, "backends", "list").splitlines()
    row = next(line.split() for line in listed if line.startswith("fresh_backend"))
    assert row[1:4] == ["ok", "dlf-fresh-backend", "0.1.0"]
    assert "dlf-fresh-optimizer" in dlf(environment, "optimizers", "list")
    assert "dlf-fresh-dataset" in dlf(environment, "datasets", "list")
    assert "fresh_op(input)" in dlf(environment, "ops", "list", "fresh_op")
    assert "fresh-command" in dlf(environment, "--help")
    explained = json.loads(dlf(environment, "backends", "explain", "cpu", "--json"))
    assert [row["op"] for row in explained if row["source"] == "overlay"] == ["softsign"]


@each
def test_nothing_of_the_template_is_left(tmp_path: Path, kind: str) -> None:
    status, out, _ = new(kind, "one-two", "--into", tmp_path)
    assert status == 0
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    told = {Path(line) for line in out.splitlines() if line.startswith(str(tmp_path))}
    assert told == set(files)
    text = "\n".join(f"{path}\n{path.read_text('utf-8')}" for path in files)
    for placeholder in ("my_thing", "my-thing", "MyThing"):
        assert placeholder not in text
    assert 'name = "dlf-one-two"' in text
    assert "class OneTwo" in text or kind in ("overlay", "op", "command")
    assert "plugin check ." in (tmp_path / "README.md").read_text("utf-8")


def test_goes_to_a_folder_of_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert new("op", "fresh")[0] == 0
    assert (tmp_path / "dlf-fresh" / "dlf_fresh" / "ops.py").is_file()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("bakend", "x1"), "unknown kind of plugin 'bakend'; did you mean 'backend'?"),
        (("op", "two words"), "'two words' is no name for a plugin; write lower-case letters"),
        (("op", "Upper"), "'Upper' is no name"),
        (("op", "1st"), "'1st' is no name"),
        (("op", "a__b"), "'a__b' is no name"),
        (("op", "größe"), "is no name"),
        (("op", ""), "'' is no name"),
        (("op", "dlf-swish"), "leave out 'dlf': the name 'swish' gives the package dlf-swish"),
        (("op", "lambda"), "'lambda' is a word of Python itself"),
        (("command", "json"), "'json' is a module of Python itself"),
        (("optimizer", "numpy-cpu"), "'numpy_cpu' is taken by plugin 'numpy_cpu' of dlf"),
        (("dataset", "cli"), "there is a package dlf_cli already"),
        (("backend", "cpu"), "the device 'cpu' comes from plugin 'numpy_cpu' of dlf"),
        (("backend", "nn"), "'nn' cannot be a device, because dlf.nn is something else"),
        (("optimizer", "adam"), "the optimizer 'adam' comes from plugin 'optim' of dlf"),
        (("dataset", "digits"), "the dataset 'digits' comes from plugin 'datasets' of dlf"),
        (("op", "matmul"), "dlf has an op 'matmul'"),
        (("command", "train"), "there is a command 'dlf train' already"),
    ],
)
def test_refuses_in_one_line(tmp_path: Path, arguments: tuple[str, ...], message: str) -> None:
    status, out, err = new(*arguments, "--into", tmp_path / "new")
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert message in err
    assert not (tmp_path / "new").exists()


def test_refuses_a_folder_with_something_in_it(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("kept")
    status, _, err = new("op", "fresh", "--into", tmp_path)
    assert (status, err) == (2, f"dlf: the folder {tmp_path} is not empty\n")
    status, _, err = new("op", "fresh", "--into", tmp_path / "mine.txt")
    assert (status, err) == (2, f"dlf: {tmp_path / 'mine.txt'} is a file\n")
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
