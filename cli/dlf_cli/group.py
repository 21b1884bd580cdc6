"""Click groups of `dlf`: lazy commands, commands from plugins, and mistakes told in one line."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import click

__all__ = ["Commands", "Program", "choice", "unknown"]


def unknown(kind: str, name: str, known: Iterable[str]) -> click.UsageError:
    """The error for a wrong name: one line with the nearest right one."""
    from difflib import get_close_matches

    names = sorted(known)
    near = get_close_matches(name, names, 1, 0.5)
    hint = f"did you mean '{near[0]}'?" if near else f"known: {', '.join(names) or 'none'}"
    return click.UsageError(f"unknown {kind} '{name}'; {hint}")


class _Choice(click.Choice[str]):
    """A fixed set of names whose error gives the nearest one."""

    def __init__(self, kind: str, names: Sequence[str]) -> None:
        super().__init__(names)
        self.kind = kind

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if value not in self.choices:
            raise unknown(self.kind, str(value), self.choices)
        return str(value)


def choice(kind: str, *names: str) -> click.ParamType[str]:
    """An option's type: one of `names`."""
    return _Choice(kind, names)


class Commands(click.Group):
    """A group that answers an unknown command with the nearest one."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if not name.startswith("-") and self.get_command(ctx, name) is None:
            raise unknown("command", name, self.list_commands(ctx))
        return super().resolve_command(ctx, args)


class Program(Commands):
    """The whole program.

    `commands_at` maps a built-in command's name to ``module:attribute``, imported when wanted.
    Plugins' commands join when a name is not built in, and for the help page.
    """

    def __init__(self, *args: Any, commands_at: Mapping[str, str], **settings: Any) -> None:
        super().__init__(*args, **settings)
        self._commands_at = dict(commands_at)
        self._extended = False

    def list_commands(self, ctx: click.Context) -> list[str]:
        self._extend()
        return sorted({*self._commands_at, *self.commands})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        where = self._commands_at.get(cmd_name)
        if where is not None:
            module, _, attribute = where.partition(":")
            command: click.Command = getattr(importlib.import_module(module), attribute)
            return command
        self._extend()
        return super().get_command(ctx, cmd_name)

    def add_command(self, cmd: click.Command, name: str | None = None) -> None:
        """Add a plugin's command; ValueError for a name that is taken already."""
        called = name or cmd.name
        if called in self._commands_at or called in self.commands:
            raise ValueError(f"the command '{called}' exists already")
        super().add_command(cmd, name)

    def _extend(self) -> None:
        """Let the plugins add their commands, once."""
        if not self._extended:
            self._extended = True
            from dlf.plugin.host import get_host

            get_host().extend_cli(self)

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        """Run; a mistake of the user's ends with one line on standard error and status 2."""
        if not standalone_mode:
            return super().main(args, prog_name, complete_var, False, **extra)
        try:
            status = super().main(args, prog_name or "dlf", complete_var, False, **extra)
        except click.exceptions.NoArgsIsHelpError as error:
            error.show()
            sys.exit(error.exit_code)
        except click.ClickException as error:
            _complain(error.format_message())
            sys.exit(error.exit_code)
        except click.Abort:
            _complain("stopped")
            sys.exit(130)
        except Exception as error:
            if not _is_users(error):
                raise
            _complain(str(error))
            sys.exit(2)
        sys.exit(status if isinstance(status, int) else 0)


def _is_users(error: Exception) -> bool:
    """Whether dlf itself raised it on purpose; dlf is not imported to find out."""
    errors = sys.modules.get("dlf.errors")
    return errors is not None and isinstance(error, errors.DlfError)


def _complain(message: str) -> None:
    lines = [line.strip() for line in message.strip().splitlines() if line.strip()]
    click.echo(f"dlf: {' '.join(lines)}", err=True)
