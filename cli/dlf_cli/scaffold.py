"""Writes the package that `dlf plugin new` gives: a copy of a template under another name.

A template is a whole package, named ``my_thing``; that name, in its three spellings, is replaced in
the paths and in the text of its files.
"""

from __future__ import annotations

from pathlib import Path

__all__ = ["KINDS", "write_package"]

KINDS = ("backend", "overlay", "optimizer", "dataset", "op", "command")

_TEMPLATES = Path(__file__).with_name("templates")


def write_package(kind: str, name: str, folder: Path) -> list[Path]:
    """Write a package of `kind`, one of `KINDS`, named `name` (see `check_name`) into `folder`.

    Gives the files that were written. FileExistsError for a folder that is not empty, and
    NotADirectoryError for one that is a file; then nothing is written.
    """
    if folder.exists() and not folder.is_dir():
        raise NotADirectoryError(f"{folder} is a file")
    if folder.is_dir() and any(folder.iterdir()):
        raise FileExistsError(f"the folder {folder} is not empty")
    template = _TEMPLATES / kind
    written = []
    for source in sorted(path for path in template.rglob("*") if _belongs(path)):
        target = folder / _renamed(source.relative_to(template).as_posix(), name)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(_renamed(source.read_text("utf-8"), name), "utf-8", newline="\n")
        written.append(target)
    return written


def _belongs(path: Path) -> bool:
    # Installing a wheel compiles its Python files, these as well.
    return path.is_file() and path.suffix != ".pyc"


def _renamed(text: str, name: str) -> str:
    words = name.split("_")
    spellings = {
        "my_thing": name,
        "my-thing": "-".join(words),
        "MyThing": "".join(word.capitalize() for word in words),
    }
    for placeholder, spelling in spellings.items():
        text = text.replace(placeholder, spelling)
    return text
