"""`dlf optimizers`: what can update a model's parameters."""

from __future__ import annotations

import click

from dlf_cli.console import table
from dlf_cli.group import Commands

__all__ = ["optimizers"]


@click.group(cls=Commands)
def optimizers() -> None:
    """Optimizers that dlf and its plugins give."""


@optimizers.command("list")
def list_() -> None:
    """List the optimizers."""
    from dlf.plugin.host import get_host

    found = get_host().optimizers()
    rows = [(name, one.target, one.record.distribution) for name, one in sorted(found.items())]
    table(("optimizer", "class", "from"), rows)
