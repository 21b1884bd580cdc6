"""`dlf params FILE`: what a saved file holds."""

import click


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False))
def params(file):
    """List the tensors in FILE, which `dlf.save` or safetensors wrote."""
    import dlf

    # The bytes stay in the file: only names, shapes and dtypes are wanted, whatever their device.
    rows = list(tensors(dlf.load(file, map_location="cpu", mmap=True)))
    width = max((len(name) for name, _ in rows), default=0)
    for name, tensor in rows:
        size = tensor.numel() * tensor.element_size()
        shape = "x".join(map(str, tensor.shape)) or "scalar"
        click.echo(f"{name:<{width}}  {tensor.dtype}  {shape}  {size:,} bytes")
    count = sum(tensor.numel() for _, tensor in rows)
    click.echo(f"{len(rows)} tensors, {count:,} elements")


def tensors(value, name=""):
    """Each tensor in `value`, however deep, with the path that leads to it."""
    import dlf

    if isinstance(value, dlf.Tensor):
        yield name, value
    elif isinstance(value, (dict, list, tuple)):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from tensors(inner, f"{name}.{key}" if name else str(key))
