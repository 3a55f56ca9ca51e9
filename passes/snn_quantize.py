"""From float streams to integer streams."""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ArrayAttr, DictionaryAttr, ModuleOp, SymbolRefAttr
from xdsl.ir import Attribute
from xdsl.passes import ModulePass
from xdsl.rewriter import Rewriter
from xdsl.utils.exceptions import PassFailedException

from snncc.dialects import snn
from snncc.dialects.snn.attributes import BiasPosition, BiasPositionAttr
from snncc.dialects.snn.linear import WeightedSum
from snncc.passes.quantization.arithmetic import NoIntegerForm
from snncc.passes.quantization.attributes import INPUT_RANGES, read_input_ranges, read_observed
from snncc.passes.quantization.estimates import float_intervals
from snncc.passes.quantization.frame import Frame
from snncc.passes.quantization.network import quantize_network
from snncc.passes.quantization.options import WEIGHTS, Options
from snncc.passes.scheduling.forward import forget_surrogates
from snncc.passes.snn_fuse_elementwise import SnnFuseElementwise


@dataclass(frozen=True)
class SnnQuantize(ModulePass):
    """
    Replaces a float network by one of integers.

    `weights` is int8, int4, int3 or ternary; `layers` gives single layers other widths
    ("fc1=int4,fc2=int8"). A sum's scale is absorbed by the neuron that it feeds: its
    threshold, bias and reset become whole numbers of it, so nothing is rescaled between
    layers. The range of a float input stands in the network's attribute `input_ranges`.

    Every number is 32 bits wide afterwards; `snn-narrow` takes what is proved to be enough.
    """

    name = "snn-quantize"

    weights: str = "int8"
    layers: str = ""
    per_channel: bool = True
    power_of_two: bool = False
    clip: str = "mse"
    state_bits: int = 0
    decay: str = "multiply"
    input_bits: int = 8

    def options(self) -> Options:
        """Raises ValueError for what is none."""
        for name, value, known in (
            ("weights", self.weights, tuple(WEIGHTS)),
            ("clip", self.clip, ("max", "mse")),
            ("state-bits", self.state_bits, (0, 16, 32)),
            ("decay", self.decay, ("multiply", "shift")),
            ("input-bits", self.input_bits, (8, 16)),
        ):
            if value not in known:
                raise ValueError(f"{name}: expected one of {known}, got {value!r}")
        return Options(
            weight_bits=WEIGHTS[self.weights],
            layer_bits=layer_bits(self.layers),
            per_channel=self.per_channel,
            power_of_two=self.power_of_two,
            clip="max" if self.clip == "max" else "mse",
            state_bits=self.state_bits or None,
            decay="shift" if self.decay == "shift" else "multiply",
            input_bits=self.input_bits,
        )

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        options = self.options()
        for network in [inner for inner in op.ops if isinstance(inner, snn.NetworkOp)]:
            for inner in network.body.block.ops:
                if isinstance(inner, WeightedSum) and inner.bias is not None:
                    # the bias goes into the neuron, which counts in finer units
                    inner.bias_position = BiasPositionAttr(BiasPosition.LAST)
            forget_surrogates(network)
            SnnFuseElementwise().apply(ctx, op)
            inputs = read_input_ranges(network)
            known = {name: (given.low, given.high) for name, given in inputs.items()}
            frame = Frame(network, options, inputs, float_intervals(network, known), read_observed)
            try:
                quantize_network(frame)
            except NoIntegerForm as fault:
                raise PassFailedException(f"snn-quantize: {fault}") from None
            network.attributes.pop(INPUT_RANGES, None)
        _drop_unused(op)


def _drop_unused(module: ModuleOp) -> None:
    """Parameters that nothing reads any more, of operations or in attributes."""
    for use in [inner for inner in module.walk() if isinstance(inner, snn.UseOp)]:
        if not use.result.uses:
            Rewriter.erase_op(use)
    named: set[str] = set()
    pending: list[Attribute] = []
    for op in module.walk():
        pending += [*op.attributes.values(), *op.properties.values()]
    while pending:
        attribute = pending.pop()
        if isinstance(attribute, SymbolRefAttr):
            named.add(attribute.root_reference.data)
        elif isinstance(attribute, DictionaryAttr):
            pending += attribute.data.values()
        elif isinstance(attribute, ArrayAttr):
            pending += attribute.data
    for parameter in [inner for inner in module.ops if isinstance(inner, snn.ParameterOp)]:
        if parameter.sym_name.data not in named:
            Rewriter.erase_op(parameter)


def layer_bits(text: str) -> dict[str, int]:
    """The bits of single layers: "fc1=int4,fc2=int8". Raises ValueError."""
    found: dict[str, int] = {}
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        name, _, width = part.rpartition("=")
        if not name or width not in WEIGHTS:
            raise ValueError(f"layers: expected NAME={'|'.join(WEIGHTS)}, got {part!r}")
        found[name] = WEIGHTS[width]
    return found
