"""From the float network, calibrated or not, to the one of integers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from xdsl.dialects import arith, math
from xdsl.dialects.builtin import IntegerAttr, ModuleOp
from xdsl.transforms.dead_code_elimination import DeadCodeElimination

from snncc.dialects import snn
from snncc.dialects.arrays import Array
from snncc.dialects.snn.functions import FUNCTIONS
from snncc.dialects.snn.names import StateNames
from snncc.dialects.snn.types import node_name
from snncc.errors import Problem, SnnccError
from snncc.passes.quantization.arithmetic import Fault, NoIntegerForm
from snncc.passes.quantization.attributes import input_ranges_of, read_observed, read_scale
from snncc.passes.quantization.estimates import float_intervals
from snncc.passes.quantization.frame import Frame
from snncc.passes.quantization.network import quantize_network
from snncc.passes.quantization.options import QAT, WEIGHTS, Options
from snncc.passes.quantization.unbounded import SATURATES
from snncc.passes.ranges import Doubt
from snncc.passes.snn_narrow import MayWrap, SnnNarrow
from snncc.passes.snn_quantize import NotQuantized, SnnQuantize, drop_unused
from snncc.quantization.model import FloatModel, name_of
from snncc.quantization.options import QuantizeOptions
from snncc.storage import context

REMEDY = "leave the layer out of the network, or write it with operations that integers have"


def pass_of(options: QuantizeOptions, layers: Mapping[str, str]) -> SnnQuantize:
    """The pass with the options of a user, and the widths of single layers."""
    return SnnQuantize(
        weights="int8" if options.weights == QAT else options.weights,  # all widths are in layers
        layers=",".join(f"{name}={width}" for name, width in layers.items()),
        per_channel=options.per_channel,
        power_of_two=options.power_of_two,
        clip="max" if options.method == "max" else "mse",
        state_bits=options.state_bits or 0,
        decay=options.decay,
        input_bits=options.input_bits,
    )


def input_units(model: FloatModel, options: Options) -> dict[str, Array | None]:
    """
    What one whole number of each sum's input will be worth: by the sum's name, an array that
    broadcasts to the input; None for spikes and counts. Raises SNC-Q001.
    """
    trial = model.clone()
    names = {op: name_of(op) for op in trial.sums}
    inputs = input_ranges_of(trial.op)
    known = {name: (given.low, given.high) for name, given in inputs.items()}
    frame = Frame(trial.op, options, inputs, float_intervals(trial.op, known), read_observed)
    try:
        quantize_network(frame)
    except NoIntegerForm as fault:
        raise no_integers(fault.faults) from None
    return {names[op]: unit for op, unit in frame.input_units.items()}


def to_integers(model: FloatModel, step: SnnQuantize) -> ModuleOp:
    """
    The integer network of a float one, in a module of its own, every number in the narrowest
    type that is proved to hold it. Raises SNC-Q001 where integers cannot say what it computes.
    """
    module = model.module.clone()
    try:
        step.apply(context(), module)
    except NotQuantized as fault:
        raise no_integers(fault.faults) from None
    DeadCodeElimination().apply(context(), module)
    try:
        SnnNarrow(trained=step.trainable).apply(context(), module)
    except MayWrap as fault:
        raise doubted(fault) from None
    drop_unused(module)
    module.verify()
    return module


def no_integers(faults: Sequence[Fault]) -> SnnccError:
    """SNC-Q001 for each layer that integers cannot say."""
    return SnnccError(
        [Problem("SNC-Q001", fault.text, node=fault.layer, remedy=REMEDY) for fault in faults]
    )


def doubted(fault: MayWrap) -> SnnccError:
    """SNC-Q003 for each operation that integers of their widths may not hold."""
    return SnnccError([_doubted(doubt) for doubt in fault.doubts])


def _doubted(doubt: Doubt) -> Problem:
    return Problem(
        "SNC-Q003",
        f"{doubt.operation.name} {doubt.problem}: {doubt.low} to {doubt.high} in {doubt.type} "
        f"({doubt.elements} element{'s' * (doubt.elements != 1)})",
        node=doubt.place,
        remedy="give the network's inputs a smaller range, or its layers fewer inputs",
    )


def floats_left(network: snn.NetworkOp) -> list[Problem]:
    """A warning for every neuron that computes a function in float between conversions."""
    names = StateNames(network)
    found: list[Problem] = []
    for op in network.body.block.ops:
        if not isinstance(op, snn.NeuronOp):
            continue
        functions = sorted(
            {
                inner.name
                for inner in op.body.block.ops
                if type(inner) in FUNCTIONS and not isinstance(inner, math.RoundEvenOp)
            }
        )
        if functions:
            found.append(
                Problem(
                    "SNC-W020",
                    f"{', '.join(functions)}: computed in float between two conversions",
                    node=names.node_of.get(op) or node_name(op) or "neuron",
                    remedy="where that is too slow, or floats are missing: train with a neuron "
                    "of sums, products and comparisons",
                    severity="warning",
                )
            )
    return found


def saturations(network: snn.NetworkOp) -> list[Problem]:
    """A warning for every stream that is held within bounds because nothing else bounds it."""
    found: list[Problem] = []
    for op in network.body.block.ops:
        full = node_name(op) or ""
        name, _, last = full.rpartition(".")
        unit = read_scale(op, full) if last == SATURATES else None
        if unit is None:
            continue
        constants = [o.value for o in op.regions[0].ops if isinstance(o, arith.ConstantOp)]
        ends = [abs(c.value.data) for c in constants if isinstance(c, IntegerAttr)]
        limit = max(ends) * float(np.max(unit))
        found.append(
            Problem(
                "SNC-W023",
                f"saturates: nothing bounds it, and layers that read it see at most {limit:.4g}",
                node=name,
                remedy="calibrate on inputs that drive it as far as it goes",
                severity="warning",
            )
        )
    return found


def expect_layers(model: FloatModel, layers: Mapping[str, str]) -> None:
    """Every name is that of a weighted sum. Raises SNC-Q004 with all that are none."""
    known = [name_of(op) for op in model.sums]
    problems = [
        Problem(
            "SNC-Q004",
            "no weighted sum has this name",
            node=name,
            remedy=f"weighted sums: {', '.join(known) or 'none'}",
        )
        for name in layers
        if name not in known
    ]
    if problems:
        raise SnnccError(problems)


def bits_of(options: QuantizeOptions, layers: Mapping[str, str], name: str) -> int:
    return WEIGHTS[layers.get(name, options.weights)]
