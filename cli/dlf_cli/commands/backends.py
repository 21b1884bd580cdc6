"""`dlf backends`: the devices, whether they work here, and where their kernels come from."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

import click

from dlf_cli.console import print_json, say, table
from dlf_cli.declared import declared_ops
from dlf_cli.group import Commands, choice, unknown
from dlf_cli.probes import ask_hooks, backend_rows

if TYPE_CHECKING:
    from dlf_cli.explained import Explained

__all__ = ["backends"]


@click.group(cls=Commands)
def backends() -> None:
    """Devices that plugins give."""


@backends.command("list")
@click.option(
    "--verbose", "-v", is_flag=True, help="Modules, versions, capabilities and errors as well."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def list_(context: click.Context, verbose: bool, as_json: bool) -> None:
    """List the devices, and the plugins that failed with their reason."""
    ask_hooks(context)
    rows = backend_rows()
    if as_json:
        print_json(rows)
        return
    table(
        ("device", "state", "from", "devices or reason"),
        [
            (
                row["device"] or f"({row['plugin']})",
                row["state"],
                _origin(row),
                ", ".join(row["devices"]) or row["reason"] or row["error"],
            )
            for row in rows
        ],
    )
    if not verbose:
        return
    for row in rows:
        say(f"\n{row['device'] or row['plugin']}: {row['state']}")
        say(f"  plugin        {row['plugin']} ({row['module']})")
        say(f"  distribution  {_origin(row)}")
        if row["requires_api"]:
            say(f"  kernel API    {row['requires_api']}")
        if row["caps"]:
            say(f"  dtypes        {' '.join(row['caps']['dtypes'])}")
            say(f"  features      {' '.join(row['caps']['features']) or 'none'}")
            say(f"  kernels       {row['caps']['kernels']}")
        for field in ("reason", "error"):
            if row[field]:
                say(f"  {field:<13} {row[field]}")


@backends.command()
@click.argument("device")
@click.option("--op", "pattern", default="*", metavar="GLOB", help="Only ops of these names.")
@click.option(
    "--source",
    type=choice("source", "native", "overlay", "decomposed", "fallback", "missing"),
    help="Only ops that run so.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def explain(device: str, pattern: str, source: str | None, as_json: bool) -> None:
    """Say for each op which kernel DEVICE runs, and which plugin it comes from.

    Also which other kernels there are and why they are not taken, and what would run without this
    one: another plugin's kernel, the decomposition into other ops, the host, or nothing.
    """
    from dlf_cli.device import open_device
    from dlf_cli.explained import explained

    ready = open_device(device)
    names = declared_ops()
    matching = {name for name in names if fnmatchcase(name, pattern)}
    if not matching:
        raise unknown("op", pattern, names)
    found = [one for one in explained(ready) if one.op in matching and source in (None, one.source)]
    if as_json:
        print_json([asdict(one) for one in found])
        return
    table(
        ("op", "source", "from", "not taken", "without it"),
        [
            (
                one.op,
                one.source,
                _whose(one),
                "; ".join(f"{c.name} ({c.package}): {c.why}" for c in one.not_taken),
                one.without,
            )
            for one in found
        ],
    )
    counts = Counter(one.source for one in found)
    parts = ", ".join(f"{count} {name}" for name, count in counts.most_common())
    say(f"\n{len(found)} ops{': ' if parts else ''}{parts}")


def _whose(one: Explained) -> str:
    name = one.package if one.origin == "dlf" else f"{one.origin} ({one.package})"
    return f"{name}, for {' '.join(one.dtypes)}" if one.dtypes else name


def _origin(row: dict[str, object]) -> str:
    return " ".join(str(part) for part in (row["distribution"], row["version"]) if part)
