"""What the graph is made of: nodes, leaves, and the plans that say what a node keeps."""

from __future__ import annotations

import itertools
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..registry import Op
    from ..tensor import Tensor

__all__ = ["Leaf", "Node", "Output", "Plan", "Version", "tick"]

# One clock for nodes and in-place writes: a saved value is stale when its storage was written after
# the node was made. ``next`` on it is atomic, so it needs no lock.
tick: Callable[[], int] = itertools.count(1).__next__


class Version:
    """Shared by a tensor and its views: when their memory was last written, by which op, and who
    views it."""

    __slots__ = ("count", "op", "tick", "views")

    def __init__(self) -> None:
        self.tick, self.count, self.op = 0, 0, ""
        self.views: list[weakref.ref[Tensor]] = []


class Plan:
    """How an op's gradient runs when a given set of its inputs needs one.

    `picks` are the positions, among the op's arguments, of what the gradient functions name (-1 is
    the output); a node keeps just those.
    """

    __slots__ = ("backward", "needs", "op", "out_at", "picks", "simple")

    def __init__(self, op: Op, needs: tuple[bool, ...]) -> None:
        self.op, self.needs = op, needs
        self.picks, self.backward = op.gradient(needs)
        self.out_at = self.picks.index(-1) if -1 in self.picks else -1
        self.simple = all(0 <= i < 1000 for i in self.picks)


class Node:
    """One recorded op: `edges` lead to the nodes of the inputs that need a gradient.

    `saved` is what the gradient names and None once freed; `shape` is the output's shape, to which
    the engine sums a broadcast gradient down.
    """

    __slots__ = ("__dict__", "__weakref__", "edges", "plan", "saved", "seq", "shape")

    plan: Any
    edges: tuple[Any, ...]
    saved: tuple[Any, ...] | None
    seq: int
    shape: tuple[int, ...]
    # Rare, so in the instance's dictionary: gradient hooks, retained tensor, the forward's
    # traceback.
    hooks: list[Callable[[Tensor], Tensor | None]] | None = None
    retain: weakref.ref[Tensor] | None = None
    trace: str | None = None
    unpack: Callable[[Any], Any] | None = None

    def name(self) -> str:
        """PyTorch's style of name, such as ``MulBackward0``."""
        words = self.plan.op.name.split("_")
        return "".join(w[:1].upper() + w[1:] for w in words) + "Backward0"

    @property
    def next_functions(self) -> tuple[tuple[Any, int], ...]:
        """The nodes that this one's gradients go to, each with the output's index."""
        return tuple((e.parent, e.index) if type(e) is Output else (e, 0) for e in self.edges)

    def __repr__(self) -> str:
        return f"<{self.name()} object at {id(self):#x}>"


class Output(Node):
    """Output number `index` of a node with several outputs."""

    __slots__ = ("index", "parent")

    parent: Node
    index: int

    def __init__(self, parent: Node, index: int, shape: tuple[int, ...]) -> None:
        self.parent, self.index, self.shape = parent, index, shape
        self.edges, self.saved, self.seq, self.plan = (parent,), (), tick(), parent.plan

    def name(self) -> str:
        return self.parent.name()


class Leaf(Node):
    """The end of the graph: adds the gradient to its tensor's ``grad``.

    It holds its tensor weakly, since the tensor holds it.
    """

    __slots__ = ("tensor",)

    tensor: weakref.ref[Tensor]
    after: list[Callable[[Tensor], None]] | None = None

    def __init__(self, tensor: Tensor) -> None:
        self.tensor = weakref.ref(tensor)
        self.edges, self.saved, self.seq, self.plan = (), (), tick(), None
        self.shape = tensor._data.shape

    def name(self) -> str:
        return "AccumulateGrad"

    @property
    def variable(self) -> Tensor | None:
        """The tensor whose ``grad`` this accumulates, None when it is gone."""
        return self.tensor()
