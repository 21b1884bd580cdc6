"""Runs one check of a plugin in a process of its own: the plugin's code may hang, exit or crash.

The findings go to a file, one a line, each as soon as it is made; what the plugin prints does not
get between them.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator
from dataclasses import asdict
from itertools import chain
from pathlib import Path
from typing import Any

from .finding import Finding, error, warning
from .subject import Subject

__all__ = ["in_child"]

_VARIABLES = ("DLF_PLUGINS", "DLF_DISABLE_PLUGINS", "DLF_STRICT_PLUGINS")


def in_child(
    check: str, subject: Subject, limit: float, name: str, module: str
) -> Iterator[Finding]:
    """The findings of the module `check` of this package about the plugin `name` in `module`.

    After `limit` seconds the process is ended, which is an error of the plugin's.
    """
    environment = {key: value for key, value in os.environ.items() if key not in _VARIABLES}
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "findings"
        result.touch()
        job = json.dumps([check, str(result), asdict(subject), [name, module]])
        command = [sys.executable, "-P", "-m", "dlf_cli.plugin_check.child", job]
        failure = _run(command, environment, limit)
        lines = result.read_text("utf-8").splitlines()
    findings = [Finding(**json.loads(line)) for line in lines]
    yield from findings
    if failure:
        after = f" (after: {findings[-1].text})" if findings else ""
        todo = f"find out by: python -X faulthandler -c 'import {module.partition(':')[0]}'"
        yield error(check, f"'{name}': {failure}{after}", todo)


def _run(command: list[str], environment: dict[str, str], limit: float) -> str:
    """Run `command`; how it failed, or an empty string."""
    try:
        done = subprocess.run(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            timeout=limit,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"the check was not over after {limit:g} s"
    if done.returncode == 0:
        return ""
    said = [line.strip() for line in done.stderr.decode(errors="replace").splitlines()]
    last = next((line for line in reversed(said) if line), "")
    return f"the check's process ended with status {done.returncode}" + (last and f": {last}")


def _main() -> None:
    from importlib import import_module

    check, result, fields, arguments = json.loads(sys.argv[1])
    subject = Subject(**{key: _frozen(value) for key, value in fields.items()})
    sys.path[:0] = subject.paths
    module = import_module(f"dlf_cli.plugin_check.{check}")
    with open(result, "a", encoding="utf-8") as file, warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always", DeprecationWarning)
        for finding in chain(module.check(subject, *arguments), _deprecated(seen)):
            file.write(json.dumps(asdict(finding)) + "\n")
            file.flush()


def _deprecated(seen: list[warnings.WarningMessage]) -> Iterator[Finding]:
    """What the plugin uses of dlf that a later major will not have."""
    texts = [str(one.message) for one in seen if issubclass(one.category, DeprecationWarning)]
    for text in dict.fromkeys(texts):
        if "dlf" in text:
            todo = "change it before the next major; see docs/deprecation.md"
            yield warning("deprecated", " ".join(text.split()), todo)


def _frozen(value: Any) -> Any:
    return tuple(map(_frozen, value)) if isinstance(value, list) else value


if __name__ == "__main__":
    _main()
