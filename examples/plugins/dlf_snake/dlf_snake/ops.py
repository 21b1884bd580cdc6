"""The op `snake`. A backend may give a kernel of this name; all others run the decomposition."""

from dlf.registry import composite


@composite(
    inputs=2,
    vjp=(
        lambda g, input, frequency: g * (1 + (2 * frequency * input).sin()),
        lambda g, input, frequency: (
            g
            * (
                input * (2 * frequency * input).sin()
                - (frequency * input).sin().square() / frequency
            )
            / frequency
        ),
    ),
)
def snake(input, frequency):
    """``input + sin(frequency * input) ** 2 / frequency`` (Ziyin, Hartwig and Ueda, "Neural
    Networks Fail to Learn Periodic Functions and How to Fix It", 2020).

    `frequency` is a tensor that broadcasts to `input`, without zeros; both have gradients.
    """
    return input + (frequency * input).sin().square() / frequency
