"""`dlf ops`: the operations, and where each can run."""

from __future__ import annotations

from fnmatch import fnmatchcase

import click

from dlf_cli.console import say, table
from dlf_cli.declared import declared_ops
from dlf_cli.group import Commands, choice

__all__ = ["ops"]


@click.group(cls=Commands)
def ops() -> None:
    """Operations that dlf and its plugins declare."""


@ops.command("list")
@click.argument("pattern", default="*")
@click.option(
    "--kind",
    type=choice("kind", "primitive", "composite", "random", "internal"),
    help="Only these.",
)
def list_(pattern: str, kind: str | None) -> None:
    """List the ops, or those whose name matches PATTERN (as in 'log*')."""
    rows = [
        (
            op.name,
            op.kind,
            _version(op.since),
            _yes(op.differentiable),
            _yes(op.decomposes),
            op.signature,
        )
        for op in sorted(declared_ops().values(), key=lambda op: op.name)
        if fnmatchcase(op.name, pattern) and kind in (None, op.kind)
    ]
    table(("op", "kind", "since", "gradient", "decomposes", "signature"), rows)


@ops.command()
@click.argument("name")
def show(name: str) -> None:
    """Show what the op NAME does and which devices have a kernel for it."""
    from dlf.errors import UnknownNameError

    found = declared_ops()
    if name not in found:
        raise UnknownNameError.of("op", name, found)
    op = found[name]
    say(op.signature)
    if op.doc:
        say(f"\n{op.doc.strip()}\n")
    say(f"kind: {op.kind}, since kernel API {_version(op.since)}")
    say(f"gradient: {_yes(op.differentiable)}, runs from other ops: {_yes(op.decomposes)}")
    table(("device", "kernel", "from"), _sources(name))


def _sources(name: str) -> list[tuple[str, str, str]]:
    """Where each usable device has its kernel for the op `name` from."""
    from dlf.dispatch import explain
    from dlf.errors import DlfError
    from dlf.plugin.host import get_host

    host, rows = get_host(), []
    host.examine()  # at once, so that devices that hang share one time limit
    for device_type in sorted({spec.device_type for spec, _ in host.backend_specs()}):
        try:
            sources = explain(device_type)
        except DlfError as error:
            rows.append((device_type, "unavailable", str(error)))
            continue
        rows += [(device_type, one.source, one.origin) for one in sources if one.op == name]
    return rows


def _yes(fact: bool) -> str:
    return "yes" if fact else "no"


def _version(version: tuple[int, int]) -> str:
    return ".".join(map(str, version))
