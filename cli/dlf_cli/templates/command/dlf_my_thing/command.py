"""The command `dlf my-thing`."""

import click


@click.command("my-thing")
@click.argument("device", default="cpu")
def my_thing(device):
    # Write here: what it does; dlf is imported only in the function, so that help comes at once.
    """Say what DEVICE is."""
    from dlf.plugin import get_host

    loaded = get_host().load_backend(device)
    click.echo(f"{device}: {', '.join(loaded.probe.devices)}")
