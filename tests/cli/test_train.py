"""`dlf train`: it learns, repeats itself, saves, and refuses before it has worked for nothing."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import dlf
from dlf_cli.main import main
from dlf_cli.models import build


def train(*args: object) -> Result:
    return CliRunner().invoke(main, ["train", *map(str, args)])


def accuracy(text: str) -> float:
    found = re.search(r"test accuracy ([\d.]+)%", text)
    assert found is not None, text
    return float(found[1])


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.slow
def test_defaults_reach_97_percent() -> None:
    result = train("digits")
    assert result.exit_code == 0, result.stderr
    assert accuracy(result.stdout) >= 97
    assert len(re.findall(r"^epoch +\d+/15  loss", result.stdout, re.M)) == 15
    assert Path("digits-cnn.dlf").is_file()


@pytest.mark.slow
def test_mlp_learns() -> None:
    assert accuracy(train("digits", "--model", "mlp").stdout) >= 96


def test_saved_weights_give_the_accuracy_told() -> None:
    result = train("digits", "--model", "mlp", "--epochs", 2, "--output", "weights.dlf")
    assert result.exit_code == 0, result.stderr
    from dlf_datasets.digits import digits

    net = build("mlp", (1, 8, 8), 10)
    net.load_state_dict(dlf.load("weights.dlf"))
    net.eval()
    images, labels = digits(train=False).tensors
    share = (net(images).argmax(1) == labels).sum().item() / len(labels)
    assert accuracy(result.stdout) == pytest.approx(100 * share, abs=0.01)


def test_same_seed_same_run() -> None:
    def losses(seed: int) -> list[str]:
        out = train("digits", "--model", "mlp", "--epochs", 1, "--seed", seed).stdout
        return re.findall(r"loss \S+  accuracy +\S+", out)

    assert losses(3) == losses(3) != losses(4)


@pytest.mark.parametrize("optimizer", ["sgd", "adamw", "rmsprop"])
def test_other_optimizers(optimizer: str) -> None:
    result = train("digits", "--model", "mlp", "--epochs", 3, "--optimizer", optimizer)
    assert result.exit_code == 0, result.stderr
    assert accuracy(result.stdout) > 70


def test_on_another_device() -> None:
    result = train("digits", "--model", "mlp", "--epochs", 1, "--device", "sim:1")
    assert result.exit_code == 0, result.stderr
    assert "on sim:1" in result.stdout
    assert dlf.load("digits-mlp.dlf")["1.weight"].device.type == "cpu"


def test_mnist_without_its_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DLF_DATA", raising=False)
    result = train("mnist", "--data", ".")
    assert result.exit_code == 2
    assert "train-images-idx3-ubyte" in result.stderr
    assert result.stderr.count("\n") == 1


def test_output_that_cannot_be_written() -> None:
    result = train("digits", "--output", "nowhere/weights.dlf")
    assert result.exit_code == 2
    assert "there is no folder nowhere" in result.stderr
    assert result.stdout == ""


@pytest.mark.filterwarnings("ignore:overflow", "ignore:invalid value")
def test_a_loss_that_leaves_the_numbers_ends_the_run() -> None:
    result = train("digits", "--model", "mlp", "--optimizer", "sgd", "--lr", "1e30")
    assert result.exit_code == 1
    assert "try a smaller --lr" in result.stderr
    assert not Path("digits-mlp.dlf").exists()
