"""Runs a command with an emulated card, on a machine that has none.

    python tests/emulated/run.py dlf conform cuda --op add
    python tests/emulated/run.py python script.py
    python tests/emulated/run.py --build      # only build

See README.md. Exit status: the command's, or 2 where something is missing to build the card.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence
from typing import NoReturn

import build
from needs import MissingError


def main(command: Sequence[str]) -> int:
    if not command or command[0] in ("-h", "--help"):
        print(__doc__, file=sys.stderr)
        return 2
    try:
        home = build.build()
    except MissingError as error:
        print(f"the emulated card cannot be built: {error}", file=sys.stderr)
        return 2
    if command[0] == "--build":
        return 0
    os.environ.update(build.environment(home))
    chosen = _of_this_python(command)
    if shutil.which(chosen[0]) is None:
        print(f"there is no command {chosen[0]}", file=sys.stderr)
        return 2
    return _become(chosen)


def _become(command: list[str]) -> NoReturn:
    os.execvp(command[0], command)


def _of_this_python(command: Sequence[str]) -> list[str]:
    """The command, with the interpreter that the card was built for."""
    if command[0] in ("python", "python3"):
        return [sys.executable, *command[1:]]
    modules = {"dlf": "dlf_cli", "pytest": "pytest"}
    if command[0] in modules:
        return [sys.executable, "-m", modules[command[0]], *command[1:]]
    return list(command)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
