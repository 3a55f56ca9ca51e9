"""From float streams to integer streams."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

import numpy as np
from xdsl.context import Context
from xdsl.dialects.builtin import ArrayAttr, DictionaryAttr, ModuleOp, SymbolRefAttr
from xdsl.ir import Attribute
from xdsl.passes import ModulePass
from xdsl.rewriter import Rewriter
from xdsl.utils.exceptions import PassFailedException

from snncc.dialects import snn
from snncc.dialects.snn.attributes import BiasPosition, BiasPositionAttr
from snncc.dialects.snn.linear import WeightedSum
from snncc.passes.quantization.any_weights import Decisions, hold_trained, sizes_of
from snncc.passes.quantization.arithmetic import NoIntegerForm
from snncc.passes.quantization.attributes import (
    INPUT_RANGES,
    input_ranges_of,
    read_observed,
    read_scale,
)
from snncc.passes.quantization.estimates import float_intervals
from snncc.passes.quantization.frame import Frame
from snncc.passes.quantization.network import quantize_network
from snncc.passes.quantization.options import QAT, WEIGHTS, Options
from snncc.passes.quantization.shadows import name_shadows
from snncc.passes.quantization.trained import trained_widths
from snncc.passes.quantization.widening import widen
from snncc.passes.ranges import NetworkRanges, network_ranges
from snncc.passes.scheduling.forward import forget_surrogates
from snncc.passes.snn_fuse_elementwise import SnnFuseElementwise

ATTEMPTS = 4
"""Saturating a state may leave another one without a proof; an operation's width too."""


class NotQuantized(PassFailedException):
    """What integers cannot say, with a fault for each layer."""

    def __init__(self, fault: NoIntegerForm):
        super().__init__(f"snn-quantize: {fault}")
        self.faults = fault.faults


@dataclass(frozen=True)
class SnnQuantize(ModulePass):
    """
    Replaces a float network by one of integers.

    `weights` is int8, int4, int3 or ternary, or qat: as wide as they were trained; `layers`
    gives single layers other widths ("fc1=int4,fc2=int8"). Weights that have a grid of their
    own (attribute `grid` of the parameter) keep it, where the width holds it. A sum's scale is
    absorbed by the neuron that it feeds: its threshold, bias and reset become whole numbers of
    it, so nothing is rescaled between layers. The range of a float input stands in the network's
    attribute `input_ranges`. What is not proved to have a bound saturates.

    With `trainable` the network can be differentiated: weights and biases that are learnable
    become fixed values of float shadows of their names (`passes/quantization/shadows.py`), and
    spikes keep their surrogates. Its bits are those of the network without.

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
    trainable: bool = False

    def options(self) -> Options:
        """Raises ValueError for what is none."""
        for name, value, known in (
            ("weights", self.weights, (*WEIGHTS, QAT)),
            ("clip", self.clip, ("max", "mse")),
            ("state-bits", self.state_bits, (0, 16, 32)),
            ("decay", self.decay, ("multiply", "shift")),
            ("input-bits", self.input_bits, (8, 16)),
        ):
            if value not in known:
                raise ValueError(f"{name}: expected one of {known}, got {value!r}")
        return Options(
            weight_bits=WEIGHTS.get(self.weights, 8),
            layer_bits=layer_bits(self.layers),
            per_channel=self.per_channel,
            power_of_two=self.power_of_two,
            clip="max" if self.clip == "max" else "mse",
            state_bits=self.state_bits or None,
            decay="shift" if self.decay == "shift" else "multiply",
            input_bits=self.input_bits,
            trainable=self.trainable,
        )

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        options = self.options()
        for network in [inner for inner in op.ops if isinstance(inner, snn.NetworkOp)]:
            for inner in network.body.block.ops:
                if isinstance(inner, WeightedSum) and inner.bias is not None:
                    # the bias goes into the neuron, which counts in finer units
                    inner.bias_position = BiasPositionAttr(BiasPosition.LAST)
            if not self.trainable:
                forget_surrogates(network)
            SnnFuseElementwise().apply(ctx, op)
            try:
                if self.weights == QAT:
                    widths = {**trained_widths(network), **options.layer_bits}
                    options = replace(options, layer_bits=widths)
                self._rewrite(op, network, options)
            except NoIntegerForm as fault:
                raise NotQuantized(fault) from None
            network.attributes.pop(INPUT_RANGES, None)
        drop_unused(op)
        if self.trainable:
            name_shadows(op)

    def _rewrite(self, module: ModuleOp, network: snn.NetworkOp, options: Options) -> None:
        if options.trainable:
            self._rewrite_trainable(module, network, options)
            return
        _, ranges = self._decided(module, network, options)
        for _ in range(ATTEMPTS):
            if not ranges.doubts or not widen(ranges):
                break
            ranges = network_ranges(network)

    def _decided(
        self, module: ModuleOp, network: snn.NetworkOp, options: Options
    ) -> tuple[Decisions, NetworkRanges]:
        """
        Until every state is proved to have a bound: one that has none in integers, whatever is
        known of floats, saturates in the next attempt.
        """
        held: dict[int, set[str]] = {}
        for last in (*(False,) * (ATTEMPTS - 1), True):
            before = network.clone()
            made = _written(network, options, held)
            ranges = network_ranges(network)
            found = {
                (index, name)
                for index, neuron in enumerate(made)
                for name in _unproved(ranges, neuron)
                if name not in held.get(index, ())
            }
            if last or not found:
                break
            for index, name in found:
                held.setdefault(index, set()).add(name)
            network.detach_region(network.body)
            network.add_region(before.detach_region(before.body))
            drop_unused(module)
        return Decisions(held, sizes_of(made, ranges)), ranges

    def _rewrite_trainable(
        self, module: ModuleOp, network: snn.NetworkOp, options: Options
    ) -> None:
        """As it would be without: what is decided of ranges is decided there."""
        twin = module.clone()
        other = next(
            op
            for op in twin.ops
            if isinstance(op, snn.NetworkOp) and op.sym_name == network.sym_name
        )
        forget_surrogates(other)
        decided, _ = self._decided(twin, other, replace(options, trainable=False))
        made = _written(network, options, decided.held)
        hold_trained(network, made, decided.sizes)


def _written(
    network: snn.NetworkOp, options: Options, held: Mapping[int, Collection[str]]
) -> list[snn.NeuronOp]:
    """Rewrites a network once; gives its neurons that were neurons of floats, in their order."""
    inputs = input_ranges_of(network)
    known = {name: (given.low, given.high) for name, given in inputs.items()}
    old = [inner for inner in network.body.block.ops if isinstance(inner, snn.NeuronOp)]
    frame = Frame(
        network,
        options,
        inputs,
        float_intervals(network, known),
        read_observed,
        {neuron: held.get(index, set()) for index, neuron in enumerate(old)},
    )
    quantize_network(frame)
    return [frame.made[neuron] for neuron in old]


def _unproved(ranges: NetworkRanges, neuron: snn.NeuronOp) -> set[str]:
    """The states of a neuron, made of floats, that range analysis gives no bound."""
    found: set[str] = set()
    for index, port in enumerate(neuron.state_ports):
        ends = ranges.unbounded((neuron, index))
        if any(bool(np.any(end)) for end in ends) and read_scale(neuron, port.name) is not None:
            found.add(port.name)
    return found


def drop_unused(module: ModuleOp) -> None:
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
