"""The program as a whole: help, version, wrong names, exit statuses, real processes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from dlf_cli.group import Program
from dlf_cli.main import main


def run(*args: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(main, list(args))
    return result.exit_code, result.stdout, result.stderr


def process(*args: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "dlf_cli", *args]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=cwd)


def test_help_lists_every_command() -> None:
    status, out, _ = run("--help")
    assert status == 0
    for name in ("backends", "bench", "datasets", "doctor", "ops", "optimizers", "train"):
        assert f"\n  {name}" in out


def test_version() -> None:
    import dlf

    assert run("--version") == (0, f"dlf {dlf.__version__}\n", "")


@pytest.mark.parametrize("args", [(), ("backends",), ("ops",)])
def test_nothing_asked_shows_the_help(args: tuple[str, ...]) -> None:
    status, out, err = run(*args)
    assert status == 2
    assert "Usage:" in out + err


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("trian",), "unknown command 'trian'; did you mean 'train'?"),
        (("backends", "lst"), "unknown command 'lst'; did you mean 'list'?"),
        (("zzzzz",), "unknown command 'zzzzz'; known: backends, bench"),
        (("train", "digit"), "unknown dataset 'digit'; did you mean 'digits'?"),
        (("train", "digits", "--model", "mpl"), "unknown model 'mpl'; did you mean 'mlp'?"),
        (
            ("train", "digits", "--optimizer", "adamm"),
            "unknown optimizer 'adamm'; did you mean 'adam",
        ),
        (("train", "digits", "--lrr", "1"), "--lr"),
        (("train", "digits", "--lr", "0"), "--lr"),
        (("train", "digits", "--epochs", "0"), "--epochs"),
        (("train", "digits", "--epochs", "many"), "--epochs"),
        (("train", "digits", "--device", "sin"), "did you mean 'sim'?"),
        (("train", "digits", "--device", "cpu:7"), "index 7"),
        (("train", "digits", "--device", "cpu:x"), "cpu:x"),
        (("train",), "DATASET"),
        (("ops", "show", "mattmul"), "unknown op 'mattmul'; did you mean 'matmul'?"),
        (("ops", "list", "--kind", "primitiv"), "did you mean 'primitive'?"),
        (("backends", "explain", "cpuu"), "did you mean 'cpu'?"),
        (("bench", "matmull"), "unknown benchmark 'matmull'; did you mean 'matmul'?"),
        (
            ("bench", "matmul", "--dtype", "flot32"),
            "unknown dtype 'flot32'; did you mean 'float32'?",
        ),
        (("bench", "matmul", "--device", "cpuu"), "did you mean 'cpu'?"),
        (("bench",), "dlf bench --list"),
    ],
)
def test_a_mistake_costs_one_line_and_status_2(args: tuple[str, ...], message: str) -> None:
    status, out, err = run(*args)
    assert status == 2
    assert out == ""
    assert message in err
    assert err.count("\n") == 1
    assert err.startswith("dlf: ")


def test_real_process_reports_a_wrong_name() -> None:
    done = process("trian")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "dlf: unknown command 'trian'; did you mean 'train'?\n"


def test_piped_output_is_plain() -> None:
    done = process("datasets", "list")
    assert done.returncode == 0
    assert done.stdout.isascii()
    assert "\x1b" not in done.stdout
    heading, first, *_ = done.stdout.splitlines()
    assert heading.split()[:2] == ["dataset", "what"]
    assert first.startswith("digits ")
    assert heading.index("what") == first.index("1,797")


@pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals are POSIX")
def test_a_terminal_gets_colours() -> None:
    import os
    import pty

    here, there = pty.openpty()
    command = [sys.executable, "-m", "dlf_cli", "backends", "list"]
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "100"}
    environment.pop("NO_COLOR", None)
    with subprocess.Popen(command, stdout=there, env=environment) as child:
        os.close(there)
        shown = b""
        try:
            while part := os.read(here, 4096):
                shown += part
        except OSError:
            pass  # how Linux tells that the other end has closed
        os.close(here)
    assert child.returncode == 0
    assert b"\x1b[32mok" in shown


def test_unavailable_device_gives_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    from dlf import devices
    from dlf.errors import DeviceUnavailableError

    def resolve(where: object) -> None:
        raise DeviceUnavailableError("device 'gpu' is unavailable: no driver")

    monkeypatch.setattr(devices, "resolve", resolve)
    for args in (("train", "digits"), ("bench", "relu"), ("backends", "explain")):
        option = () if args[0] == "backends" else ("--device",)
        assert run(*args, *option, "gpu") == (
            2,
            "",
            "dlf: device 'gpu' is unavailable: no driver\n",
        )


def test_built_in_help_does_not_import_dlf() -> None:
    code = (
        "import sys\nfrom dlf_cli.main import main\n"
        "try: main(['train', '--help'])\nexcept SystemExit as end: assert end.code == 0\n"
        "assert not {'dlf', 'rich', 'numpy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, timeout=60)


def test_every_command_has_a_help_page() -> None:
    def walk(command: click.Command, path: tuple[str, ...]) -> None:
        status, out, _ = run(*path, "--help")
        assert status == 0, path
        assert len(out.splitlines()) > 4
        if isinstance(command, click.Group):
            context = click.Context(command)
            for name in command.list_commands(context):
                child = command.get_command(context, name)
                assert child is not None
                assert child.help, name
                walk(child, (*path, name))

    walk(main, ())


class TestPluginCommands:
    """What a plugin's `dlf_cli` hook may do to the group."""

    @staticmethod
    def program(monkeypatch: pytest.MonkeyPatch, *names: str) -> tuple[Program, list[int]]:
        from dlf.plugin import host

        calls = []

        class Host:
            def register_ops(self, registry: object) -> None:
                pass

            def extend_cli(self, group: click.Group) -> None:
                calls.append(1)
                for name in names:
                    group.add_command(click.Command(name, callback=lambda: click.echo("foreign")))

        monkeypatch.setattr(host, "get_host", Host)
        return Program(name="dlf", commands_at={"ops": "dlf_cli.commands.ops:ops"}), calls

    def test_is_asked_only_for_unknown_names(self, monkeypatch: pytest.MonkeyPatch) -> None:
        program, calls = self.program(monkeypatch, "log-view")
        assert CliRunner().invoke(program, ["ops", "list", "matmul"]).exit_code == 0
        assert calls == []
        assert CliRunner().invoke(program, ["log-view"]).output == "foreign\n"
        assert "log-view" in CliRunner().invoke(program, ["--help"]).output
        assert calls == [1]

    def test_cannot_replace_a_command(self, monkeypatch: pytest.MonkeyPatch) -> None:
        program, _ = self.program(monkeypatch, "ops")
        with pytest.raises(ValueError, match="'ops' exists already"):
            program.list_commands(click.Context(program))
