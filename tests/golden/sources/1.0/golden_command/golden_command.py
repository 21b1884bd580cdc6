"""The command `dlf golden`: what the plugin host tells."""

import click

from dlf.plugin import hookimpl


@click.command()
@click.option("--upper", is_flag=True, help="In capitals.")
def golden(upper):
    """Name the devices, and who gives them."""
    from dlf.plugin import get_host

    for spec, record in get_host().backend_specs():
        line = f"{spec.device_type} from {record.distribution} {record.version}: {record.state}"
        click.echo(line.upper() if upper else line)


@hookimpl
def dlf_cli(group):
    group.add_command(golden)
