"""
The programs of an online training that has no floats: forward, traces, learning signals, sums and
updates are of whole numbers.

The network is one of integers (`snncc.quantize`); its online network, which follows it in
floats, is run on calibration data, and rewritten into fixed-point numbers whose units follow
from what was seen (`snncc.passes.fixed_point`). What comes from outside is rounded before: inputs
as the quantized network rounds them, targets to their unit.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from xdsl.dialects.builtin import AnyFloat, ModuleOp, StringAttr, TensorType
from xdsl.ir import Block, Operation, Region
from xdsl.rewriter import Rewriter

from snncc.dialects import kernel, snn
from snncc.dialects.arrays import Array
from snncc.dialects.snn.network import SUM
from snncc.dialects.snn.types import is_float, is_spike, shape_of, stream_type
from snncc.errors import error
from snncc.inputs import are_sequences, to_streams
from snncc.interpreters.network import NetworkInterpreter
from snncc.network import Network
from snncc.passes.fixed_point.formats import FACTOR, Format, NoFixedPoint, format_of
from snncc.passes.fixed_point.network import fixed_point
from snncc.passes.quantization.scales import output_scales, whole_of
from snncc.passes.scheduling.learned import Learned, prepare_network
from snncc.passes.snn_sums_as_states import products_as_neurons
from snncc.training.gradients import Options, prepared
from snncc.training.integer_updates import Gradient, add_update, gradient_factors
from snncc.training.integers import expect_trainable, takes_integer_sums
from snncc.training.losses import Loss, loss_of
from snncc.training.observed import Observer
from snncc.training.online import OnlineTrained
from snncc.training.optimizers import SGD, Optimizer
from snncc.training.refusals import expect_steps
from snncc.training.samples import ONLINE, online, rebuilt
from snncc.training.schedules import Compiler, Programs, run_passes, trainable_names
from snncc.training.whole_parameters import Whole, whole_parameters

PREDICT = "predict"
LABEL = Format(-14, 1 << 14)
"""Of the weights of classes, from 0 to 1."""
SAMPLES = 32
"""Of the calibration data: so many are looked at."""


@dataclass
class Integers:
    """How the whole numbers of a training count, and how they are made of floats."""

    wholes: dict[str, Whole] = field(default_factory=dict[str, Whole])
    """By the parameter's name."""
    fronts: dict[str, NetworkInterpreter] = field(default_factory=dict[str, NetworkInterpreter])
    """Input -> the network of one operation that rounds it."""
    formats: dict[str, Format] = field(default_factory=dict[str, Format])
    """Of inputs and targets that are rounded to the nearest of a unit."""
    outputs: dict[str, dict[str, Format]] = field(default_factory=dict[str, dict[str, Format]])
    """Program -> its outputs that are fixed-point numbers."""
    units: dict[str, Array] = field(default_factory=dict[str, Array])
    """Output of the network -> what its whole numbers are worth, where they were floats: float32,
    broadcasts to the output."""
    networks: dict[str, tuple[ModuleOp, snn.NetworkOp]] = field(
        default_factory=dict[str, tuple[ModuleOp, snn.NetworkOp]]
    )
    """The networks that were scheduled, for the interpreter."""
    gradients: dict[str, Gradient] = field(default_factory=dict[str, Gradient])
    """Parameter -> what its gradient is made of."""
    loss: float = 1.0
    """What one whole number of the loss is worth."""

    def inputs_of(self, arrays: Mapping[str, Array]) -> dict[str, Array]:
        """Arrays [..., *shape] as the programs take them: the bits of signed numbers."""
        found: dict[str, Array] = {}
        for name, array in arrays.items():
            if name in self.fronts:
                rows = array.reshape(1, -1, *shape_of(self.fronts[name].network.inputs[name]))
                made = self.fronts[name].run({name: rows.astype(np.float32)}).outputs[name]
                found[name] = made.reshape(array.shape)
            elif name in self.formats:
                format = self.formats[name]
                width = 2 if format.bits <= 15 else 4
                whole = format.whole(array).astype(f"i{width}")
                found[name] = whole.view(f"u{width}")
            else:
                found[name] = array
        return found


def schedule_integers(
    network: Network,
    loss: Loss | str,
    steps: int,
    optimizer: Optimizer,
    *,
    trainable: list[str] | None,
    block: int,
    options: Options,
    calibration: object,
    target: object,
) -> tuple[Programs, Integers]:
    """
    As `schedule_training`, of a network of integers whose weights follow floats. `calibration`
    are inputs [T, B, *shape], as of `Network.run`, `target` their labels or arrays; labels that
    are not given are taken in turn. Raises SNC-T001 for what has no form in integers, SNC-C003
    for options.
    """
    _expect_integers(network, optimizer, options)
    module = prepared(network.module, "float32", {})
    op = next(inner for inner in module.ops if isinstance(inner, snn.NetworkOp))
    expect_steps(op)
    expect_trainable(module, op)
    names = trainable_names(module, op, trainable)
    plain = op.clone()
    trained = OnlineTrained(module, op, loss_of(loss), steps, replace(options, wrt=names))
    losses = _losses(trained)
    if trained.finish is None:
        raise error("SNC-T001", f"the loss does not depend on {', '.join(names)}")
    seeds = {f"d.{name}": weight for name, weight in losses.items()}
    made = online(trained, list(losses), seeds, list(plain.outputs)).networks[ONLINE]
    found = Integers()
    data = _data(network, trained, steps, calibration, target)
    made.properties["sym_name"], plain.properties["sym_name"] = map(StringAttr, (ONLINE, PREDICT))
    factors = gradient_factors(module, trained)
    declared = [p.clone() for p in module.ops if isinstance(p, snn.ParameterOp | snn.SurrogateOp)]
    module = ModuleOp([*declared, made, plain])
    products_as_neurons(made)
    found.units = {n: unit.astype(np.float32) for n, unit in output_scales(plain).items()}
    plain, made = (_cut_outputs(each, found.units) for each in (plain, made))
    plain, made = _cut_inputs(plain, found), _cut_inputs(made, Integers())
    learned_names = list(trained.parameters)
    found.wholes = whole_parameters(module, [made, plain], learned_names, optimizer.bits)
    learned = Learned(learned_names, whole=learned_names)
    held = {name for name, t in trained.targets.items() if t.is_label}
    compiler = IntegerCompiler(module, learned, block, held)
    compiler.found = found
    compiler.data = found.inputs_of(data)
    for name, t in trained.targets.items():
        largest = float(np.abs(data[name]).max(initial=0.0))
        found.formats[name] = LABEL if t.is_label else format_of(largest, FACTOR)
    sums = list(trained.finish.inputs)
    targets = {name: (t.output, t.is_label) for name, t in trained.targets.items()}
    programs = Programs(
        {ONLINE: compiler.compile(made.clone())},
        kernel.ProgramOp("apply", 1),
        None,
        compiler.compile(plain.clone()),
        learned,
        [],
        list(plain.inputs),
        targets,
        losses,
        {},
        (),
        sums,
        steps,
        None,
        module,
        may_join=False,
    )
    (term,) = losses
    found.loss = losses[term] * found.outputs[ONLINE][term].unit
    formats = found.outputs[ONLINE]
    found.gradients = factors
    update = add_update(programs, compiler, optimizer, found.wholes, factors, formats)
    found.networks["apply"] = _kept(update)
    types = {parameter.name: parameter.type for parameter in programs.parameters}
    prepare = prepare_network("prepare", learned, types)
    if prepare is not None:
        compiler.tape = learned.as_computed
        programs.prepare = compiler.compile(prepare, block=1)
    return programs, found


class IntegerCompiler(Compiler):
    """Schedules networks that share parameters, after they were rewritten without floats."""

    found: Integers
    data: Mapping[str, Array]
    """Inputs and targets of the calibration, as the networks take them before."""

    def rewritten(self, module: ModuleOp, network: snn.NetworkOp) -> snn.NetworkOp:
        name = network.sym_name.data
        if name not in (ONLINE, PREDICT):
            return network
        observer = Observer(module, network)
        try:
            run = observer.run({n: self.data[n] for n in network.inputs})
            sums = {
                n: float(np.abs(run.outputs[n]).max(initial=0.0))
                for n, kind in network.kinds.items()
                if kind == SUM
            }
            made = fixed_point(
                module,
                network,
                observer.seen,
                observer.interpreter,
                learned=self.learned.names,
                inputs=self.found.formats,
                sums=sums,
            )
        except NoFixedPoint as fault:
            raise error(
                "SNC-T001",
                f"integer arithmetic: {fault}",
                remedy="leave the layer out of the network, or train it with floats: "
                'arithmetic="float"',
            ) from None
        self.found.formats.update(made.inputs)
        self.found.outputs[name] = made.outputs
        run_passes(module, "canonicalize", "cse", "dce")
        network = next(op for op in module.ops if isinstance(op, snn.NetworkOp))
        left = next((op for op in network.walk() if _reads_floats(op)), None)
        if left is not None:
            raise error("SNC-T001", f"integer arithmetic: {left.name} computes in floats")
        self.found.networks[name] = _kept(network)
        return network


def _kept(network: snn.NetworkOp) -> tuple[ModuleOp, snn.NetworkOp]:
    """A copy in a module of its own."""
    module = network.parent_op()
    assert isinstance(module, ModuleOp)
    copy = module.clone()
    return copy, next(op for op in copy.ops if isinstance(op, snn.NetworkOp))


def _reads_floats(op: Operation) -> bool:
    elements = [
        value.type.element_type if isinstance(value.type, TensorType) else value.type
        for value in (*op.operands, *op.results)
    ]
    return any(isinstance(element, AnyFloat) for element in elements)


def _losses(trained: OnlineTrained) -> dict[str, float]:
    """The output that is the loss -> its weight: one of every step."""
    if len(trained.terms) == 1 and trained.terms[0][1].rate_target is None:
        weight, term = trained.terms[0]
        kinds = trained.online.network.kinds
        finish = trained.finish
        sums = [] if finish is None else list(finish.inputs)
        if len(term.outputs) == 1 and all(kinds[n] == SUM for n in (*term.outputs, *sums)):
            return {term.outputs[0]: weight}
    raise error(
        "SNC-C003",
        "loss: integer arithmetic has one loss that is a sum over the steps",
        remedy="ce_per_step, mse or mse_lowpass(low_pass=0.8)",
    )


def _data(
    network: Network,
    trained: OnlineTrained,
    steps: int,
    calibration: Any,
    target: Any,
) -> dict[str, Array]:
    """Inputs and targets of the calibration, [T, B, *shape]."""
    if calibration is None:
        raise error(
            "SNC-C003",
            "calibration: units of traces and signals follow from data",
            remedy="calibration=x, a few samples [T, B, ...]",
        )
    arrays = (
        calibration
        if isinstance(calibration, Mapping)
        else dict.fromkeys(network.inputs, calibration)
    )
    held = not are_sequences(network.op, arrays)
    streams = to_streams(network.op, calibration, steps=steps if held else None)
    some = {name: array[:, :SAMPLES] for name, array in streams.arrays.items()}
    batch = next(iter(some.values())).shape[1]
    streams = replace(streams, arrays=some, batch=batch)
    if target is None and all(t.is_label for t in trained.targets.values()):
        target = {
            t.output: np.arange(batch) % shape_of(trained.network.inputs[name])[0]
            for name, t in trained.targets.items()
        }
    elif target is None:
        raise error(
            "SNC-C003",
            "calibration_target: not given, and the loss has no labels",
            remedy="calibration_target=array, of the shape of the output",
        )
    else:
        wanted = {t.output for t in trained.targets.values()}
        arrays = target if isinstance(target, Mapping) else dict.fromkeys(wanted, target)
        target = {name: _first(np.asarray(array), batch) for name, array in arrays.items()}
    return {**some, **trained.targets_of(target, streams)}


def _first(array: Array, batch: int) -> Array:
    """The first samples of labels [B] or targets [T, B, ...]."""
    return array[:, :batch] if array.ndim > 2 else array[:batch] if array.ndim else array


def _cut_inputs(network: snn.NetworkOp, found: Integers) -> snn.NetworkOp:
    """Where a network rounds a float input first, its input is the whole numbers."""
    for name, value in network.inputs.items():
        users = [use.operation for use in value.uses]
        if len(users) != 1 or not isinstance(users[0], snn.NeuronOp):
            continue
        (op,) = users
        whole = len(op.operands) == 1 and len(op.results) == 1 and not op.initial_states
        if not whole or not is_float(stream_type(value).element_type):
            continue
        type = stream_type(op.results[0])
        if is_float(type.element_type) or is_spike(type.element_type):
            continue
        found.fronts[name] = NetworkInterpreter(*_alone(name, op))
        new = Rewriter.replace_value_with_new_type(value, type)
        op.results[0].replace_all_uses_with(new)
        Rewriter.erase_op(op)
    outputs = [(n, v, network.kinds[n]) for n, v in network.outputs.items()]
    made = rebuilt(network, outputs)
    Rewriter.replace_op(network, made, [])
    return made


def _cut_outputs(network: snn.NetworkOp, names: Collection[str]) -> snn.NetworkOp:
    """Where a network makes floats of whole numbers for an output, these are the output."""
    outputs = [
        (name, whole_of(value) if name in names else value, network.kinds[name])
        for name, value in network.outputs.items()
    ]
    ends = network.yield_op
    Rewriter.replace_op(ends, snn.YieldOp([value for _, value, _ in outputs]), [])
    made = rebuilt(network, outputs)
    Rewriter.replace_op(network, made, [])
    return made


def _alone(name: str, op: snn.NeuronOp) -> tuple[ModuleOp, snn.NetworkOp]:
    """A network of one operation from an input to an output of its name."""
    block = Block(arg_types=[op.operands[0].type])
    copy = op.clone({op.operands[0]: block.args[0]})
    block.add_ops([copy, snn.YieldOp([copy.results[0]])])
    type = stream_type(copy.results[0])
    inputs = [(name, stream_type(op.operands[0]))]
    network = snn.NetworkOp("front", inputs, [(name, type)], Region(block))
    return ModuleOp([network]), network


def _expect_integers(network: Network, optimizer: Optimizer, options: Options) -> None:
    if not takes_integer_sums(network.op):
        raise error(
            "SNC-C003",
            "arithmetic: the network computes in floats",
            remedy='compile(net, quantize="int8", calibration=x, train="eprop", '
            'arithmetic="integer", ...)',
        )
    plain = isinstance(optimizer, SGD) and not optimizer.momentum and not optimizer.weight_decay
    if not plain or optimizer.rounding is None:
        raise error(
            "SNC-C003",
            "optimizer: integer arithmetic has SGD with rounding, without momentum and weight "
            "decay",
            remedy="SGD(lr=0.01, rounding='stochastic', bits=8)",
        )
    if options.feedback == "adaptive":
        raise error(
            "SNC-C003",
            "feedback: adaptive weights are floats",
            remedy="symmetric or random, with integer arithmetic",
        )
