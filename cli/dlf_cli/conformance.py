"""The run of `dlf conform`: what it prints and writes while the cases run, and how it ends."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dlf_cli.console import is_terminal, progress, say

if TYPE_CHECKING:
    from dlf.conform import Case, Report, Result, Runner

__all__ = ["Files", "run_cases"]


@dataclass(frozen=True)
class Files:
    """Where the report is written; None where it is not wanted."""

    as_json: Path | None
    as_html: Path | None

    def write(self, report: Report) -> None:
        """Write the report."""
        if self.as_json:
            self.as_json.write_text(json.dumps(report.to_json(), indent=1) + "\n", "utf-8")
        if self.as_html:
            from dlf.conform.html import page

            self.as_html.write_text(page(report), "utf-8")


def run_cases(runner: Runner, op: str, case: str, timeout: float | None, files: Files) -> Report:
    """Run the selected cases, telling each failure, and write the report.

    A case that runs for `timeout` seconds ends the process with status 1, after the report of what
    ran before it has been written.
    """
    from dlf.conform.journal import Journal
    from dlf.conform.watch import Watch

    cases = runner.cases(op, case)
    results: list[Result] = []
    journal = None
    # What is no file, such as a pipe, gets the report once.
    if files.as_json and (files.as_json.is_file() or not files.as_json.exists()):
        journal = Journal(files.as_json, runner.report([], op, case, len(cases)))

    def give_up(hung: Case, seconds: float) -> None:
        _end(runner, [*results, _hung(hung, seconds)], len(cases), (op, case), files)

    with (
        progress(f"conform {runner.name}", len(cases)) as step,
        Watch(runner.replay, _warn, give_up, timeout) as watch,
    ):
        for one in cases:
            if journal:
                journal.start(one)
            results.append(watch.run(one, runner.one))
            if journal:
                journal.add(results[-1])
            step()
            if results[-1].bad:
                _tell(results[-1], runner.replay(one))
    if journal:
        journal.close()
    report = runner.report(results, op, case)
    files.write(report)
    return report


def _tell(result: Result, replay: str) -> None:
    say(f"{result.status.upper()} {result.case.name}: {result.reason}")
    say(f"  replay: {replay}")


def _warn(line: str) -> None:
    click.echo(line, err=True)


def _hung(case: Case, seconds: float) -> Result:
    from dlf.conform import Result

    why = f"still running after {seconds:.0f} s, longer than --timeout allows"
    return Result(case, "failed", why, seconds)


def _end(
    runner: Runner, results: list[Result], cases: int, globs: tuple[str, str], files: Files
) -> None:
    """Tell and write what there is, and end the process: the case cannot be stopped alone."""
    try:
        if is_terminal():
            click.echo("\033[?25h", nl=False)  # the cursor, which the bar has hidden
        _tell(results[-1], runner.replay(results[-1].case))
        report = runner.report(results, *globs, cases - len(results))
        files.write(report)
        for note in report.notes():
            say(note)
        say(report.summary())
    finally:
        os._exit(1)
