"""The command, called through the program `dlf` as a user calls it."""

from click.testing import CliRunner

from dlf_cli.main import main


def test_says_what_the_device_is():
    result = CliRunner().invoke(main, ["my-thing", "cpu"])
    assert result.exit_code == 0
    assert result.output.startswith("cpu: ")


def test_has_a_help_page():
    assert "DEVICE" in CliRunner().invoke(main, ["my-thing", "--help"]).output
