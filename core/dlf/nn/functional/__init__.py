"""Functions of neural networks, with PyTorch's names, signatures and semantics."""

from __future__ import annotations

from dlf.tensor import Tensor as _Tensor

from .activation import *
from .attention import *
from .conv import *
from .distance import *
from .dropout import *
from .embedding import *
from .fold import *
from .interpolate import *
from .linear import *
from .loss import *
from .norm import *
from .pad import *
from .pool import *
