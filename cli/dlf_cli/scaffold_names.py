"""The names that `dlf plugin new` accepts: legal, and not in use already."""

from __future__ import annotations

import keyword
import re
import sys

__all__ = ["check_name"]

_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_DIRECTIONS = "write lower-case letters, digits and single underscores, a letter first"


def check_name(kind: str, text: str) -> str:
    """`text` as a Python name; ValueError, in a line that says why, for one that cannot be used.

    It becomes the plugin's name, the package ``dlf_NAME``, the distribution ``dlf-NAME``, and what
    a plugin of this `kind` registers.
    """
    name = text.replace("-", "_")
    if _NAME.fullmatch(name) is None:
        raise ValueError(f"{text!r} is no name for a plugin; {_DIRECTIONS}")
    if name == "dlf" or name.startswith("dlf_"):
        rest = name[4:] or "NAME"
        raise ValueError(f"leave out 'dlf': the name '{rest}' gives the package dlf-{rest}")
    if keyword.iskeyword(name) or keyword.issoftkeyword(name):
        raise ValueError(f"'{name}' is a word of Python itself; choose another name")
    if name in sys.stdlib_module_names or name == "test":
        raise ValueError(f"'{name}' is a module of Python itself; choose another name")
    taken = _taken(kind, name)
    if taken:
        raise ValueError(f"{taken}; choose another name")
    return name


def _taken(kind: str, name: str) -> str:
    """By whom the name is taken; an empty string where it is free."""
    from importlib.util import find_spec

    from dlf.plugin.discovery import canonical
    from dlf.plugin.host import get_host

    for record in get_host().records():
        if name in (canonical(record.name), canonical(record.distribution).removeprefix("dlf_")):
            return f"'{name}' is taken by {record.label}"
    if find_spec(f"dlf_{name}") is not None:
        return f"there is a package dlf_{name} already"
    return {
        "backend": _device,
        "overlay": _free,
        "optimizer": _optimizer,
        "dataset": _dataset,
        "op": _op,
        "command": _command,
    }[kind](name)


def _free(name: str) -> str:
    return ""


def _device(name: str) -> str:
    import dlf
    from dlf.plugin.host import get_host

    for spec, record in get_host().backend_specs():
        if spec.device_type == name:
            return f"the device '{name}' comes from {record.label}"
    if hasattr(dlf, name):
        return f"'{name}' cannot be a device, because dlf.{name} is something else"
    return ""


def _optimizer(name: str) -> str:
    from dlf.plugin.host import get_host

    found = get_host().optimizers().get(name)
    return f"the optimizer '{name}' comes from {found.record.label}" if found else ""


def _dataset(name: str) -> str:
    from dlf.plugin.host import get_host

    found = get_host().datasets().get(name)
    return f"the dataset '{name}' comes from {found.record.label}" if found else ""


def _op(name: str) -> str:
    from dlf_cli.declared import declared_ops

    return f"dlf has an op '{name}'" if name in declared_ops() else ""


def _command(name: str) -> str:
    import click

    from dlf_cli.main import main

    called = name.replace("_", "-")
    known = set(main.list_commands(click.Context(main)))
    return f"there is a command 'dlf {called}' already" if known & {name, called} else ""
