"""What the parts of an online program share while it is written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from xdsl.dialects.builtin import AnyFloat
from xdsl.ir import SSAValue

from snncc.dialects import snn
from snncc.dialects.snn.attributes import SurrogateAttr
from snncc.passes.differentiation.transposition import FixedGradient
from snncc.passes.online.chains import Chains
from snncc.passes.online.eligibility import Eligibility
from snncc.passes.online.feedback import Feedback, FeedbackKind
from snncc.passes.online.filters import Traces
from snncc.passes.online.same_step import SameStep

Layers: TypeAlias = Literal["memory", "instantaneous"]


@dataclass(frozen=True)
class OnlineOptions:
    """How learning signals go back through a network."""

    feedback: FeedbackKind = "symmetric"
    """The weights on the way back (`feedback.py`)."""
    seed: int = 0
    """Of the feedback weights, where they are not the network's own."""
    layers: Layers = "memory"
    """Whether the memory of later spiking populations counts, where it is a filter."""
    surrogate: SurrogateAttr | None = None
    """Stands in for spikes that have none of their own."""


class Online:
    """The network that is being written, and what it will put out."""

    def __init__(self, network: snn.NetworkOp, element: AnyFloat, options: OnlineOptions):
        """The network is a copy; what is written stands behind its operations."""
        self.network = network
        self.options = options
        self.active: set[SSAValue] = set()
        """What depends on something that a gradient is wanted of."""
        self.cut: set[SSAValue] = set()
        """What comes back in a cycle: its gradient is stopped."""
        block, surrogate = network.body.block, options.surrogate
        self.t = SameStep(block, element, self.active, surrogate)
        self.chains = Chains(lambda: SameStep(block, element, self.active, surrogate, self.cut))
        self.traces = Traces(self.t)
        self.eligibility = Eligibility(self.t, self.traces)
        self.feedback = Feedback(options.feedback, options.seed, self.t)
        self.sums: list[tuple[str, SSAValue, FixedGradient]] = []
        """(output, fixed value, what reached it)."""
        self.outputs: list[tuple[str, str, SSAValue]] = []
        """(name, kind, stream) of what is added."""

    def give(self, value: SSAValue, gradient: FixedGradient) -> None:
        """Keeps what reached a fixed value."""
        name = self.put_out(f"sum.{len(self.sums)}", gradient.kind, gradient.stream)
        self.sums.append((name, value, gradient))

    def put_out(self, name: str, kind: str, stream: SSAValue) -> str:
        """Adds an output; gives its name."""
        taken = {*self.network.outputs, *(known for known, _, _ in self.outputs)}
        while name in taken:
            name += "_"
        self.outputs.append((name, kind, stream))
        return name
