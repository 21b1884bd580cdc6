"""Adds `dlf params` when the program meets a name that it does not know, or shows its help."""

from dlf.plugin import hookimpl


@hookimpl
def dlf_cli(group):
    from dlf_params.command import params

    group.add_command(params)
