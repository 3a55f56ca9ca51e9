"""From the float network, calibrated or not, to the one of integers."""

from __future__ import annotations

from collections.abc import Mapping

from xdsl.dialects import math
from xdsl.dialects.builtin import ModuleOp
from xdsl.transforms.dead_code_elimination import DeadCodeElimination
from xdsl.utils.exceptions import PassFailedException

from snncc.dialects import snn
from snncc.dialects.arrays import Array
from snncc.dialects.snn.functions import FUNCTIONS
from snncc.dialects.snn.names import StateNames
from snncc.errors import Problem, SnnccError, error
from snncc.passes.quantization.arithmetic import NoIntegerForm
from snncc.passes.quantization.attributes import read_input_ranges, read_observed
from snncc.passes.quantization.estimates import float_intervals
from snncc.passes.quantization.frame import Frame
from snncc.passes.quantization.network import quantize_network
from snncc.passes.quantization.options import WEIGHTS, Options
from snncc.passes.snn_narrow import SnnNarrow
from snncc.passes.snn_quantize import SnnQuantize
from snncc.quantization.model import FloatModel, name_of
from snncc.quantization.options import QuantizeOptions
from snncc.storage import context

REMEDY = "leave the layer out of the network, or write it with operations that integers have"


def pass_of(options: QuantizeOptions, layers: Mapping[str, str]) -> SnnQuantize:
    """The pass with the options of a user, and the widths of single layers."""
    return SnnQuantize(
        weights=options.weights,
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
    broadcasts to the input; None for spikes and counts. Raises NoIntegerForm.
    """
    trial = model.clone()
    names = {op: name_of(op) for op in trial.sums}
    inputs = read_input_ranges(trial.op)
    known = {name: (given.low, given.high) for name, given in inputs.items()}
    frame = Frame(trial.op, options, inputs, float_intervals(trial.op, known), read_observed)
    quantize_network(frame)
    return {names[op]: unit for op, unit in frame.input_units.items()}


def to_integers(model: FloatModel, step: SnnQuantize) -> ModuleOp:
    """
    The integer network of a float one, in a module of its own, every number in the narrowest
    type that is proved to hold it. Raises SNC-Q001 where integers cannot say what it computes.
    """
    module = model.module.clone()
    try:
        step.apply(context(), module)
    except (PassFailedException, NoIntegerForm) as fault:
        text = str(fault).removeprefix("snn-quantize: ")
        raise error("SNC-Q001", text, remedy=REMEDY) from None
    DeadCodeElimination().apply(context(), module)
    try:
        SnnNarrow().apply(context(), module)
    except PassFailedException as fault:
        text = str(fault).removeprefix("snn-narrow: ")
        raise error("SNC-Q003", text, remedy="give more bits, or a smaller range") from None
    module.verify()
    return module


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
                    node=names.node_of.get(op, op.node.data if op.node is not None else None),
                    remedy="a chip without floats cannot run it",
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
