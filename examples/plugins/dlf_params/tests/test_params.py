"""The command, called through the program `dlf` as a user calls it."""

from click.testing import CliRunner

import dlf
from dlf_cli.main import main


def run(*arguments):
    return CliRunner().invoke(main, ["params", *map(str, arguments)])


def test_lists_what_is_in_the_file(tmp_path):
    path = tmp_path / "model.dlf"
    saved = {"model": dlf.nn.Linear(3, 2).state_dict(), "steps": 7, "more": [dlf.tensor(1)]}
    dlf.save(saved, path)
    result = run(path)
    assert result.exit_code == 0, result.output
    assert [line.split() for line in result.output.splitlines()] == [
        ["model.weight", "dlf.float32", "2x3", "24", "bytes"],
        ["model.bias", "dlf.float32", "2", "8", "bytes"],
        ["more.0", "dlf.int64", "scalar", "8", "bytes"],
        ["3", "tensors,", "9", "elements"],
    ]


def test_empty_file_of_tensors(tmp_path):
    dlf.save({}, tmp_path / "none.dlf")
    assert run(tmp_path / "none.dlf").output == "0 tensors, 0 elements\n"


def test_no_such_file(tmp_path):
    result = run(tmp_path / "missing.dlf")
    assert result.exit_code == 2
    assert "does not exist" in result.output


def test_is_in_the_help():
    assert "params" in CliRunner().invoke(main, ["--help"]).output
