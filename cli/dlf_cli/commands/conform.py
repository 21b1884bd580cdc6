"""`dlf conform`: whether a device computes what it should."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from dlf_cli.conformance import Files, run_cases
from dlf_cli.console import is_terminal, progress, say, table
from dlf_cli.declared import declared_ops
from dlf_cli.device import open_device
from dlf_cli.group import choice

if TYPE_CHECKING:
    from dlf.conform import Report
    from dlf.conform.coverage import Coverage

__all__ = ["conform"]

_Command = TypeVar("_Command", bound=Callable[..., Any])


_NEW_FILE = click.Path(dir_okay=False, writable=True, path_type=Path)


def _in_folder(_: click.Context, __: click.Parameter, path: Path | None) -> Path | None:
    """Refuse a file that could not be written once all has run."""
    if path is not None and not path.parent.is_dir():
        raise click.BadParameter(f"the folder '{path.parent}' does not exist")
    return path


def _file(name: str, help: str) -> Callable[[_Command], _Command]:
    return click.option(
        f"--{name}", f"as_{name}", type=_NEW_FILE, callback=_in_folder, metavar="FILE", help=help
    )


@click.command()
@click.argument("device")
@click.option("--level", type=choice("level", "L0", "L1", "L2"), help="What it must conform to.")
@click.option("--op", default="*", metavar="GLOB", help="Only the cases of these ops.")
@click.option("--case", default="*", metavar="GLOB", help="Only these cases, or faults.")
@click.option(
    "--xfail",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Cases that are expected to fail: a glob a line, and # its reason.",
)
@click.option("--strict", is_flag=True, help="A case that skips what is claimed fails.")
@click.option(
    "--timeout",
    type=click.FloatRange(0, 1e6, min_open=True),
    metavar="SECONDS",
    help="End the run, with status 1, in a case that takes longer.  [default: no limit]",
)
@_file("json", "Write the report as JSON, as the cases run.")
@_file("html", "Write the report as a page.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, metavar="N")
@click.option("--faults", is_flag=True, help="Plant faults in kernels; count those that are found.")
@click.option("--quiet", "-q", is_flag=True, help="Print the failures and the verdict only.")
@click.pass_context
def conform(
    context: click.Context,
    device: str,
    level: str | None,
    op: str,
    case: str,
    xfail: Path | None,
    strict: bool,
    timeout: float | None,
    as_json: Path | None,
    as_html: Path | None,
    seed: int,
    faults: bool,
    quiet: bool,
) -> None:
    """Test whether DEVICE computes what dlf and its kernel contract say. Status 1 if not.

    Without --level all that it has kernels for is tested; with it, what the level requires must be
    there as well: L0 moves arrays, L1 has the primitive kernels, L2 has fused ones too.

    A case that runs for long is named on standard error, every time that has doubled from 10 s on.

    With --faults the kit tests itself: it plants errors in the kernels, one at a time, and says
    which of them no case found.
    """
    from dlf.conform import Runner, read_expected

    open_device(device)
    declared_ops()
    if faults:
        beside: dict[str, object] = {"--level": level, "--xfail": xfail, "--strict": strict}
        beside |= {"--timeout": timeout, "--json": as_json, "--html": as_html}
        if wrong := [option for option, given in beside.items() if given]:
            raise click.UsageError(f"--faults does not go with {wrong[0]}")
        context.exit(_faults(device, op, case, seed, quiet))
    known = read_expected(xfail) if xfail else ()
    runner = Runner(device, level=level, seed=seed, xfail=known, strict=strict)
    report = run_cases(runner, op, case, timeout, Files(as_json, as_html))
    if not quiet:
        _coverage(report)
    say(report.summary())
    if not report.ok:
        context.exit(1)


def _coverage(report: Report) -> None:
    rows = list(report.ops)
    if report.selected:
        rows = [row for row in rows if row.passed + row.failed + row.xfailed + row.xpassed]
    if rows:
        table(("source", "op", "from", "passed", "failed", "skipped"), _cells(rows))
        counts = Counter(row.source for row in rows)
        groups = ", ".join(f"{count} {source}" for source, count in counts.items())
        say(f"\n{len(rows)} ops: {groups}")
    for note in report.notes():
        say(note)


def _cells(rows: Iterable[Coverage]) -> list[tuple[object, ...]]:
    """The rows; on a terminal a source is named once, above the ops that share it."""
    cells: list[tuple[object, ...]] = []
    last = ""
    for row in rows:
        source = "" if is_terminal() and row.source == last else row.source
        last = row.source
        failed = row.failed + row.xfailed + row.xpassed
        cells.append((source, row.op, row.origin, row.passed, failed, row.skipped))
    return cells


def _faults(device: str, op: str, name: str, seed: int, quiet: bool) -> int:
    """Plant the faults, name those that no case found, and give the exit status."""
    from dlf.conform import faults

    if op != "*" and name != "*":
        raise click.UsageError("--faults goes with --op or with --case, not with both")
    only = name if op == "*" else f"{op}/*"
    chosen = [one for one in faults.planted() if fnmatchcase(one.name, only)]
    with progress(f"faults on {device}", len(chosen)) as step:
        verdicts = faults.score(device, only=only, seed=seed, on_result=lambda _: step())
    if not verdicts:
        raise click.UsageError(f"no fault that {device} can have matches '{only}'")
    for one in verdicts:
        if not one.caught:
            say(f"MISSED {one.fault.name}: {one.fault.why}")
        elif not quiet:
            say(f"caught {one.fault.name} by {one.by}")
    caught = sum(one.caught for one in verdicts)
    say(f"{device}: {caught} of {len(verdicts)} planted faults caught")
    return int(caught < len(verdicts))
