"""The program `dlf`: its commands by name, each loaded from its own file when it is called."""

from __future__ import annotations

import click

from dlf_cli.group import Program

__all__ = ["main"]

COMMANDS = {
    "backends": "dlf_cli.commands.backends:backends",
    "bench": "dlf_cli.commands.bench:bench",
    "conform": "dlf_cli.commands.conform:conform",
    "datasets": "dlf_cli.commands.datasets:datasets",
    "doctor": "dlf_cli.commands.doctor:doctor",
    "ops": "dlf_cli.commands.ops:ops",
    "optimizers": "dlf_cli.commands.optimizers:optimizers",
    "plugin": "dlf_cli.commands.plugin:plugin",
    "train": "dlf_cli.commands.train:train",
}


def _version(context: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted and not context.resilient_parsing:
        import dlf

        click.echo(f"dlf {dlf.__version__}")
        context.exit()


@click.group(
    cls=Program, commands_at=COMMANDS, context_settings={"help_option_names": ["-h", "--help"]}
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_version,
    help="Show the version and exit.",
)
def main() -> None:
    """Deep learning whose devices are plugins: see what is installed, measure it, train on it."""
