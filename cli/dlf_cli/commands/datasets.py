"""`dlf datasets`: what can be trained on."""

from __future__ import annotations

import click

from dlf_cli.console import table
from dlf_cli.group import Commands

__all__ = ["datasets"]


@click.group(cls=Commands)
def datasets() -> None:
    """Datasets that dlf and its plugins give."""


@datasets.command("list")
def list_() -> None:
    """List the datasets."""
    from dlf.plugin.host import get_host

    rows = [
        (name, one.spec.description, one.spec.licence, one.record.distribution)
        for name, one in sorted(get_host().datasets().items())
        if one.spec is not None
    ]
    table(("dataset", "what", "licence", "from"), rows)
