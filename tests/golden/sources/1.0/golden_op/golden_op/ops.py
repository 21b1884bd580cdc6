"""Ops with a joint gradient, with one for each input, by the output, and without any."""

from dlf.registry import composite


def _scale_gradient(g, input, factor, power, needs):
    first = g * factor**power if needs[0] else None
    second = g * input * power * factor ** (power - 1) if needs[1] else None
    return first, second


@composite(inputs=2, vjp=_scale_gradient)
def golden_scale(input, factor, power):
    return input * factor**power


@composite(inputs=1, vjp=lambda g, out: g * out)
def golden_exp(input):
    return input.exp()


@composite(inputs=2, vjp=(lambda g, b: g * b, lambda g, a: g * a))
def golden_product(a, b):
    return a * b


@composite(inputs=1)
def golden_cube(input):
    return input * input * input
