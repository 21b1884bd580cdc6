"""Adds the command when `dlf` meets a name that it does not know, or shows its help."""

from dlf.plugin import hookimpl


@hookimpl
def dlf_cli(group):
    from dlf_my_thing.command import my_thing

    group.add_command(my_thing)
