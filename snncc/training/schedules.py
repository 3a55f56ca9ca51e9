"""
From a network and its loss to the programs of a training: what one sample and one update run.

    forward   the network with its loss, which records the tape
    backward  from the tape to the sums of the gradients over time
    apply     one step: from these sums to the gradients of the parameters, and the update
    prepare   one step: what is computed of parameters alone (where there is something)
    predict   the network without its loss, on the parameters as they are
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
from xdsl.context import Context
from xdsl.dialects.builtin import AnyFloat, ModuleOp, TensorType, f32
from xdsl.ir import Block, Operation, Region, SSAValue
from xdsl.passes import ModulePass
from xdsl.transforms import get_all_passes as get_xdsl_passes
from xdsl.utils.exceptions import PassFailedException

from snncc.dialects import kernel, snn
from snncc.dialects.arrays import Array, dense_of, dtype_of, parameter_array
from snncc.dialects.kernel.program import Role
from snncc.dialects.snn.attributes import SurrogateAttr
from snncc.dialects.snn.body import build_neuron
from snncc.dialects.snn.places import Indices
from snncc.dialects.snn.types import Stream, shape_of, stream_type
from snncc.errors import error
from snncc.inputs import sequence_of
from snncc.network import Network
from snncc.passes import get_all_passes
from snncc.passes.differentiation.parameters import GRADIENT
from snncc.passes.differentiation.wanted import UnknownName, wanted_of
from snncc.passes.kernel_verify_order import KernelVerifyOrder
from snncc.passes.scheduling.batch_norms import write_factors
from snncc.passes.scheduling.forward import forget_surrogates
from snncc.passes.scheduling.learned import Learned, elements, prepare_network, root_of
from snncc.passes.scheduling.scheduler import Scheduler
from snncc.training.gradients import Options, Trained, prepared
from snncc.training.integers import expect_trainable
from snncc.training.losses import Loss, loss_of
from snncc.training.optimizers import PARAMETER, Optimizer

RATE, SCALE = "rate", "scale"


@dataclass(frozen=True)
class Parameter:
    """A parameter that is trained: where it lies in the state of `apply`."""

    name: str
    type: Stream
    states: tuple[str, ...]
    """The buffers of the parameter and its moments."""
    initial: Array
    """As it is stored, flat."""


@dataclass
class Programs:
    """The programs of a training, and what is what in them."""

    forward: kernel.ProgramOp
    backward: kernel.ProgramOp | None
    apply: kernel.ProgramOp
    prepare: kernel.ProgramOp | None
    predict: kernel.ProgramOp
    learned: Learned
    parameters: list[Parameter]
    inputs: list[str]
    """Of the network, in order."""
    targets: dict[str, tuple[str, bool]]
    """Input that a loss added -> (the output whose target it is, whether it is held)."""
    losses: dict[str, float]
    """Output of `forward` -> its weight in the loss."""
    tape: tuple[str, ...]
    sums: list[str]
    """Outputs of `backward`."""
    steps: int
    finish: snn.NetworkOp | None
    module: ModuleOp


def schedule_training(
    network: Network,
    loss: Loss | str,
    steps: int,
    optimizer: Optimizer,
    *,
    trainable: Collection[str] | None = None,
    surrogate: SurrogateAttr | None = None,
    block: int,
) -> Programs:
    """
    The programs that train a network on sequences of `steps` steps, one sample at a time.

    `trainable` are the names of parameters, all learnable ones where it is None; `surrogate`
    stands in for spikes that the model gives none. Raises
    SNC-T001 for what has no gradient, SNC-C003 for options.
    """
    module = prepared(network.module, "float32", {})
    op = next(inner for inner in module.ops if isinstance(inner, snn.NetworkOp))
    if sequence_of(op) is not None:
        raise error(
            "SNC-T001",
            "the network takes a whole sequence at once: it has no steps to sum a loss over",
        )
    expect_trainable(module, op)
    names = _trainable(module, op, trainable)
    plain = op.clone()
    trained = Trained(module, op, loss_of(loss), steps, Options(names, surrogate))
    gradients = trained.gradients
    learned = Learned(list(gradients.parameters))
    if not learned.names:
        raise error("SNC-T001", f"the loss does not depend on {', '.join(names)}")
    losses: dict[str, float] = {}
    for weight, term in trained.terms:
        if term.rate_target is not None:
            raise error(
                "SNC-C003",
                "loss: the rate of a batch is not known while its samples are trained one by one",
                remedy="train without rate regularisation, or use snncc.value_and_grad",
            )
        losses.update(dict.fromkeys(term.outputs, weight))
    tape = tuple(name for name in gradients.tape if name not in losses)
    targets = {name: (found.output, found.is_label) for name, found in trained.targets.items()}
    held = {name for name, (_, is_label) in targets.items() if is_label}
    forward = _restricted(gradients.forward, [*losses, *tape])
    backward = _with_constants(
        gradients.backward, {f"{GRADIENT}{name}": weight for name, weight in losses.items()}
    )
    compiler = _Compiler(module, learned, block, held, set(tape))
    programs = Programs(
        compiler.compile(forward),
        compiler.compile(backward),
        # replaced below: what they are depends on how the others lie
        kernel.ProgramOp("apply", 1),
        None,
        compiler.compile(plain),
        learned,
        [],
        list(plain.inputs),
        targets,
        losses,
        tape,
        list(backward.outputs),
        steps,
        gradients.finish,
        module,
    )
    _add_update(programs, compiler, optimizer)
    types = {parameter.name: parameter.type for parameter in programs.parameters}
    prepare = prepare_network("prepare", learned, types)
    if prepare is not None:
        compiler.tape = learned.as_computed  # they lie as they are stored
        programs.prepare = compiler.compile(prepare, block=1)
    return programs


def _trainable(
    module: ModuleOp, network: snn.NetworkOp, wanted: Collection[str] | None
) -> list[str]:
    known = list(wanted_of(module, network, inputs=[]).parameters)
    if wanted is None:
        chosen = known
    else:
        chosen = [n for n in known if any(n == w or n.startswith(f"{w}.") for w in wanted)]
        for name in wanted:
            if not any(n == name or n.startswith(f"{name}.") for n in known):
                raise error(
                    "SNC-C003",
                    f"trainable: no parameter or layer is named {name!r}",
                    remedy=f"parameters: {', '.join(known) or 'none'}",
                )
    if not chosen:
        raise error("SNC-T001", "the network has no parameter that could be trained")
    try:
        wanted_of(module, network, None, chosen)
    except UnknownName as fault:
        raise error("SNC-C003", f"trainable: {fault}") from None
    return chosen


def _restricted(network: snn.NetworkOp, outputs: Sequence[str]) -> snn.NetworkOp:
    """A copy that puts out these alone."""
    copy = network.clone()
    streams = [copy.outputs[name] for name in outputs]
    kinds = [copy.kinds[name] for name in outputs]
    ends = copy.yield_op
    copy.body.block.insert_op_before(snn.YieldOp(streams), ends)
    copy.body.block.erase_op(ends)
    return _rebuilt(copy, list(zip(outputs, streams, kinds, strict=True)))


def _with_constants(network: snn.NetworkOp, values: Mapping[str, float]) -> snn.NetworkOp:
    """A copy in which some inputs have one value for all elements, at every step."""
    copy = network.clone()
    block = copy.body.block
    outputs = [(name, value, copy.kinds[name]) for name, value in copy.outputs.items()]
    kept: list[str] = []
    for name, argument in zip(list(copy.inputs), list(block.args), strict=True):
        if name not in values:
            kept.append(name)
            continue
        type = stream_type(argument)
        filled = np.full(type.get_shape(), values[name], dtype_of(type.element_type))
        constant = snn.ConstantOp(dense_of(filled))
        first = block.first_op
        assert first is not None
        block.insert_op_before(constant, first)
        argument.replace_all_uses_with(constant.result)
        block.erase_arg(argument)
    return _rebuilt(copy, outputs, kept)


def _rebuilt(
    network: snn.NetworkOp,
    outputs: Sequence[tuple[str, SSAValue, str]],
    inputs: Sequence[str] | None = None,
) -> snn.NetworkOp:
    names = list(network.inputs) if inputs is None else inputs
    arguments = network.body.block.args
    return snn.NetworkOp(
        network.sym_name.data,
        [(name, stream_type(value)) for name, value in zip(names, arguments, strict=True)],
        [(name, stream_type(value)) for name, value, _ in outputs],
        network.detach_region(network.body),
        dict(network.attributes),
        kinds=[kind for _, _, kind in outputs],
        reverse=network.is_reverse,
    )


@dataclass
class _Compiler:
    """Schedules networks that share parameters."""

    module: ModuleOp
    learned: Learned
    block: int
    held: Collection[str]
    tape: Collection[str]

    def compile(
        self,
        network: snn.NetworkOp,
        *,
        block: int | None = None,
        states: Mapping[Operation, Sequence[str]] | None = None,
    ) -> kernel.ProgramOp:
        """`states` are the names of states; then nothing is left out, though nothing reads it."""
        declared = [
            op.clone()
            for op in self.module.ops
            if isinstance(op, snn.ParameterOp | snn.SurrogateOp)
        ]
        module = ModuleOp([*declared, network])
        ctx = Context()
        ours, xdsl = get_all_passes(), get_xdsl_passes()

        def run(name: str) -> None:
            factory = ours.get(name) or xdsl[name]
            step: ModulePass = factory()()
            step.apply(ctx, module)

        if states is None:
            run("snn-record-names")
            forget_surrogates(network)
            run("canonicalize")
            write_factors(network, self.learned)
            for name in ("snn-fuse-elementwise", "canonicalize", "cse", "dce"):
                run(name)
        module.verify()
        network = next(op for op in module.ops if isinstance(op, snn.NetworkOp))
        scheduler = Scheduler(
            network,
            self.block if block is None else block,
            learned=self.learned,
            held=self.held,
            tape=self.tape,
        )
        for op, names in (states or {}).items():
            for index, name in enumerate(names):
                scheduler.names.name_of[op, index] = name
        try:
            program = scheduler.run()
        except PassFailedException as fault:
            raise error(
                "SNC-T001",
                f"the network cannot be trained in C: {fault}",
                remedy="leave parameters that states start from out of trainable",
            ) from None
        made = ModuleOp([program])
        made.verify()
        xdsl["canonicalize"]()().apply(ctx, made)
        KernelVerifyOrder().apply(ctx, made)
        return program


def _add_update(programs: Programs, compiler: _Compiler, optimizer: Optimizer) -> None:
    """
    The network of one step that ends a batch: `finish`, and a neuron for each parameter. It
    reads the sums and writes the parameters as they lie in the other programs.
    """
    learned, finish, backward = programs.learned, programs.finish, programs.backward
    assert backward is not None
    block = Block()
    values: dict[SSAValue, SSAValue] = {}
    inputs: list[tuple[str, Stream]] = []
    stored = {b.known_as: b for b in backward.buffers(Role.OUTPUT)}

    def argument(name: str, type: Stream) -> SSAValue:
        inputs.append((name, type))
        return block.insert_arg(type, len(block.args))

    arguments: dict[SSAValue, SSAValue] = {}
    for name, value in {} if finish is None else finish.inputs.items():
        type, size = stream_type(value), prod(shape_of(value))
        read = argument(name, TensorType(type.element_type, (size,)))
        order = _order_of(stored[name])
        arguments[value] = elements(block, read, np.argsort(order).reshape(shape_of(value)))
    float_type = f32  # what `prepared` makes of all floats
    rate = argument(RATE, TensorType(float_type, (1,)))
    scale = argument(SCALE, TensorType(float_type, (1,)))
    values.update(arguments)
    for op in [] if finish is None else list(finish.body.block.ops):
        if not isinstance(op, snn.YieldOp):
            copy = op.clone({operand: values[operand] for operand in op.operands})
            block.add_op(copy)
            values.update(zip(op.results, copy.results, strict=True))
            if isinstance(copy, snn.ReshapeOp | snn.RearrangeOp):  # at once, from the sums
                values[op.results[0]] = elements(block, *root_of(copy.result))
    names: dict[Operation, Sequence[str]] = {}
    clock = _clock(block, optimizer, names, float_type)
    gradients = {} if finish is None else finish.outputs
    for declared in _declarations(programs):
        name = declared.sym_name.data
        if f"{GRADIENT}{name}" not in gradients:
            continue
        whole = values[gradients[f"{GRADIENT}{name}"]]
        root, within = root_of(whole)
        places = within.ravel()
        if name in learned.storage:
            places = places[learned.storage[name]]
        zero = _constant(block, 0.0, float_type)
        states = (name, *(f"{name}.{moment}" for moment in optimizer.moments))
        ports = dict.fromkeys((PARAMETER, *optimizer.moments), zero)
        neuron = build_neuron(
            optimizer.update,
            inputs={
                "d": elements(block, root, places),
                "rate": rate,
                "scale": scale,
                **{f"clock{index}": value for index, value in enumerate(clock)},
            },
            states=ports,
            parameters={},
            population=(places.size,),
            float_type=float_type,
            node=name,
        )
        block.add_op(neuron)
        names[neuron] = states
        programs.parameters.append(_parameter(programs, declared, states))
    block.add_op(snn.YieldOp([]))
    for op in reversed(list(block.ops)):  # what the composed rearrangements replaced
        unread = op.results and all(result.first_use is None for result in op.results)
        if unread and op not in names:
            block.erase_op(op)
    network = snn.NetworkOp("apply", inputs, [], Region(block))
    learned.copies = True  # one parameter's gradient is not to read another that was updated
    programs.apply = compiler.compile(network, block=1, states=names)
    learned.copies = False


def _declarations(programs: Programs) -> list[snn.ParameterOp]:
    return [op for op in programs.module.ops if isinstance(op, snn.ParameterOp)]


def _parameter(programs: Programs, declared: snn.ParameterOp, states: tuple[str, ...]) -> Parameter:
    name = declared.sym_name.data
    initial = programs.learned.stored(name, parameter_array(declared))
    return Parameter(name, declared.type, states, initial)


def _order_of(buffer: kernel.BufferOp) -> Indices:
    """The place of each stored element of an output in the model's order."""
    if buffer.order is None:
        return np.arange(prod(buffer.shape))
    axes = buffer.order.get_values()
    sizes = [buffer.shape[list(axes).index(axis)] for axis in range(len(axes))]
    return np.arange(prod(sizes)).reshape(sizes).transpose(axes).ravel()


def _clock(
    block: Block,
    optimizer: Optimizer,
    names: dict[Operation, Sequence[str]],
    float_type: AnyFloat,
) -> list[SSAValue]:
    """What the optimiser counts, [1] each."""
    if not optimizer.clock:
        return []
    one = _constant(block, 1.0, float_type)
    neuron = build_neuron(
        optimizer.tick,
        inputs={},
        states=dict.fromkeys(optimizer.clock, one),
        parameters={},
        population=(1,),
        float_type=float_type,
        node="clock",
    )
    block.add_op(neuron)
    names[neuron] = tuple(f"clock.{name}" for name in optimizer.clock)
    return list(neuron.outputs)


def _constant(block: Block, number: float, float_type: AnyFloat) -> SSAValue:
    array = np.asarray(number, dtype_of(float_type))
    op = snn.ConstantOp(dense_of(array))
    block.add_op(op)
    return op.result
