"""The op."""

from dlf.registry import composite


# Write here: the op in terms of others, and its gradient: `g` is the gradient of the output, the
# rest are the op's own parameters or `out`, its output. Without vjp the decomposition is
# differentiated.
@composite(inputs=1, vjp=lambda g, input: g * 3 * input.square())
def my_thing(input):
    """The third power."""
    return input * input * input
