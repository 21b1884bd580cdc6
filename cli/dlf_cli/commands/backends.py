"""`dlf backends`: the devices, whether they work here, and where their kernels come from."""

from __future__ import annotations

from collections import Counter

import click

from dlf_cli.console import print_json, say, table
from dlf_cli.declared import declared_ops
from dlf_cli.group import Commands, choice
from dlf_cli.probes import backend_rows

__all__ = ["backends"]


@click.group(cls=Commands)
def backends() -> None:
    """Devices that plugins give."""


@backends.command("list")
@click.option(
    "--verbose", "-v", is_flag=True, help="Modules, versions, capabilities and errors as well."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_(verbose: bool, as_json: bool) -> None:
    """List the devices, and the plugins that failed with their reason."""
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
@click.option(
    "--source", type=choice("source", "native", "overlay", "decomposed", "fallback", "missing")
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def explain(device: str, source: str | None, as_json: bool) -> None:
    """Say for each op which kernel DEVICE runs, and which plugin it comes from."""
    from dlf.dispatch import explain as sources
    from dlf_cli.device import open_device

    open_device(device)
    declared_ops()
    found = [one for one in sources(device) if source in (None, one.source)]
    if as_json:
        print_json([{"op": one.op, "source": one.source, "origin": one.origin} for one in found])
        return
    table(("op", "source", "from"), [(one.op, one.source, one.origin) for one in found])
    counts = Counter(one.source for one in found)
    parts = ", ".join(f"{count} {name}" for name, count in counts.most_common())
    say(f"\n{len(found)} ops{': ' if parts else ''}{parts}")


def _origin(row: dict[str, object]) -> str:
    return " ".join(str(part) for part in (row["distribution"], row["version"]) if part)
