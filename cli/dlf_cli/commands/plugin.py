"""`dlf plugin`: begin a plugin package, and check one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dlf_cli.console import print_json, say
from dlf_cli.group import Commands, choice
from dlf_cli.scaffold import KINDS, write_package

if TYPE_CHECKING:
    from dlf_cli.plugin_check.finding import Finding
    from dlf_cli.plugin_check.subject import Subject

__all__ = ["plugin"]

_COLOURS = {"ok": "green", "warning": "yellow", "error": "red"}


@click.group(cls=Commands)
def plugin() -> None:
    """Write plugins: begin one, and check it."""


@plugin.command()
@click.argument("kind", type=choice("kind of plugin", *KINDS))
@click.argument("name")
@click.option(
    "--into",
    type=click.Path(path_type=Path),
    help="The package's folder, new or empty; default dlf-NAME.",
)
def new(kind: str, name: str, into: Path | None) -> None:
    """Write a package that gives one KIND of thing, called NAME, to dlf.

    KIND is backend, overlay, optimizer, dataset, op or command. The package can be installed, and
    its tests pass, as it is; comments that begin with `Write here` say what is yours to write.
    """
    from dlf_cli.scaffold_names import check_name

    try:
        called = check_name(kind, name)
        folder = into or Path(f"dlf-{called.replace('_', '-')}")
        written = write_package(kind, called, folder)
    except (ValueError, OSError) as problem:
        raise click.UsageError(str(problem)) from problem
    for path in written:
        say(str(path))
    say(f"\nnext:  cd {folder} && python -m pip install -e '.[test]' && python -m pytest")
    say("then:  write what the comments `Write here` ask for, and run `dlf plugin check .`")


@plugin.command()
@click.argument("what", metavar="PATH|DIST")
@click.option(
    "--limit",
    type=click.FloatRange(min=0, min_open=True),
    default=30.0,
    show_default=True,
    help="Seconds that each part may take, a device's probe among them.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def check(context: click.Context, what: str, limit: float, as_json: bool) -> None:
    """Check the plugins of a project's folder, or of an installed distribution.

    Looks at metadata, import, hooks, versions, names, and whether all that is named can be loaded.
    Status 1 if there is an error, 2 if there is nothing to check.
    """
    from dlf_cli.plugin_check.subject import find_subject

    try:
        subject = find_subject(what)
    except LookupError as problem:
        raise click.UsageError(str(problem)) from problem
    findings = []
    for finding in _findings(subject, limit):
        findings.append(finding)
        if not as_json:
            colour = click.style(f"{finding.level:<7}", fg=_COLOURS[finding.level])
            say(f"{colour}  {finding.check:<11}  {finding}")
    count = {level: sum(one.level == level for one in findings) for level in _COLOURS}
    if as_json:
        from dataclasses import asdict

        about = {"distribution": subject.distribution, "version": subject.version, **count}
        print_json({**about, "findings": [asdict(one) for one in findings]})
    else:
        say(
            f"{subject.label}: {_counted(count['error'], 'error')}, "
            f"{_counted(count['warning'], 'warning')}, {count['ok']} ok"
        )
    if count["error"]:
        context.exit(1)


def _counted(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


def _findings(subject: Subject, limit: float) -> Iterator[Finding]:
    from dlf_cli.plugin_check.metadata import check_metadata

    yield from check_metadata(subject)
    seen = set()
    for entry in subject.plugins:
        for finding in _of_plugin(subject, limit, entry):
            # Each part of the check loads the plugin, and so hears of what is deprecated.
            if finding.check != "deprecated" or finding not in seen:
                yield finding
            seen.add(finding)


def _of_plugin(subject: Subject, limit: float, entry: tuple[str, str]) -> Iterator[Finding]:
    from concurrent.futures import ThreadPoolExecutor

    from dlf_cli.plugin_check.child import in_child

    def run(part: str) -> list[Finding]:
        return list(in_child(part, subject, limit, *entry))

    findings = run("importing")
    if any(one.level == "warning" and one.check == "import" for one in findings):
        # The first import compiles the files, and its time is none to judge by.
        findings = run("importing")
    yield from findings
    if any(one.level == "ok" and one.check == "hooks" for one in findings):
        parts = ("targets", "probing", "names", "rollback")
        with ThreadPoolExecutor(len(parts)) as threads:
            for some in threads.map(run, parts):
                yield from some
