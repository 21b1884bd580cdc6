"""`Snake`: the op with a frequency for each channel, which is learnt."""

import dlf
from dlf_snake.ops import snake


class Snake(dlf.nn.Module):
    """``snake(x, frequency)`` for inputs ``[N, channels, ...]``.

    Args:
        channels: how many there are; each has its own frequency.
        frequency: what all of them begin with. Default: 1.

    ValueError for a frequency of 0.
    """

    def __init__(self, channels, frequency=1.0):
        super().__init__()
        if not frequency:
            raise ValueError("Snake: the frequency must not be 0")
        self.frequency = dlf.nn.Parameter(dlf.full((channels,), float(frequency)))

    def forward(self, x):
        shape = (-1, *[1] * (x.ndim - 2))
        return snake(x, self.frequency.reshape(shape))
