"""
From a network and its loss to the programs of a training: what one sample and one update run.

    forward   the network with its loss, which records the tape
    backward  from the tape to the sums of the gradients over time
    rates     one step: from the rates of a sample to their averages over samples
    online    in place of forward and backward: the network gives its loss and these sums
              as it runs
    apply     one step: from these sums to the gradients of the parameters, and the update
    prepare   one step: what is computed of parameters alone (where there is something)
    predict   the network without its loss, on the parameters as they are
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
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
from snncc.dialects.kernel.buffers import Role
from snncc.dialects.snn.body import build_neuron
from snncc.dialects.snn.network import LAST
from snncc.dialects.snn.places import Indices
from snncc.dialects.snn.types import Stream, shape_of, stream_type
from snncc.errors import error
from snncc.network import Network
from snncc.passes import get_all_passes
from snncc.passes.differentiation.parameters import GRADIENT
from snncc.passes.differentiation.wanted import UnknownName, wanted_of
from snncc.passes.kernel_verify_order import KernelVerifyOrder
from snncc.passes.scheduling.batch_norms import write_factors
from snncc.passes.scheduling.forward import forget_surrogates
from snncc.passes.scheduling.learned import Learned, elements, prepare_network, root_of
from snncc.passes.scheduling.scheduler import Scheduler
from snncc.storage import context
from snncc.training.gradients import Mode, Options, Trained, prepared, trained_by
from snncc.training.integers import expect_trainable
from snncc.training.losses import Loss, loss_of
from snncc.training.online import OnlineTrained
from snncc.training.optimizers import PARAMETER, Optimizer
from snncc.training.rates import rates_network
from snncc.training.refusals import expect_steps
from snncc.training.rounding import WORD, Rounded, random_word, stored_integers, zero_of
from snncc.training.samples import BACKWARD, FORWARD, ONLINE, RATES, online, there_and_back

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

    sample: dict[str, kernel.ProgramOp]
    """What one sample runs: `forward` and `backward`, or `online`; and `rates`, if it has any."""
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
    rates: dict[str, tuple[str, float]]
    """Output of `forward` that is rates -> (output of the program `rates`, its weight)."""
    tape: tuple[str, ...]
    sums: list[str]
    """Outputs of `backward`, or `online`."""
    steps: int
    finish: snn.NetworkOp | None
    module: ModuleOp
    may_join: bool
    """Whether several samples can run at once."""

    @property
    def forward(self) -> kernel.ProgramOp:
        """The program that gives the loss."""
        return self.sample.get(ONLINE) or self.sample[FORWARD]

    @property
    def backward(self) -> kernel.ProgramOp:
        """The program that gives the sums."""
        return self.sample.get(ONLINE) or self.sample[BACKWARD]


def schedule_training(
    network: Network,
    loss: Loss | str,
    steps: int,
    optimizer: Optimizer,
    *,
    trainable: Collection[str] | None = None,
    block: int,
    mode: Mode = "bptt",
    options: Options | None = None,
    samples: int = 1,
    fused: bool = False,
) -> Programs:
    """
    The programs that train a network on sequences of `steps` steps: `block` of them at once,
    or all those of so many samples. `fused`: what a layer hands back is summed of products that
    are not rounded.

    `trainable` are the names of parameters, all learnable ones where it is None; `options`
    say how gradients are taken. Raises SNC-T001 for what has no gradient, SNC-C003 for
    options.
    """
    module = prepared(network.module, "float32", {})
    op = next(inner for inner in module.ops if isinstance(inner, snn.NetworkOp))
    expect_steps(op)
    expect_trainable(module, op)
    names = trainable_names(module, op, trainable)
    plain = op.clone()
    options = replace(options or Options(), wrt=names)
    trained = trained_by(mode)(module, op, loss_of(loss), steps, options)
    learned = Learned(list(trained.parameters))
    declared = [p for p in parameters_of(module) if p.sym_name.data in learned.names]
    learned.integers = stored_integers(declared, optimizer)
    if not learned.names:
        raise error("SNC-T001", f"the loss does not depend on {', '.join(names)}")
    losses: dict[str, float] = {}
    rates: list[str] = []
    for weight, term in trained.terms:
        if term.rate_target is None:
            losses.update(dict.fromkeys(term.outputs, weight))
            continue
        if term.average is None:
            raise error(
                "SNC-C003",
                "loss: the rate of a batch is not known while its samples are trained one by one",
                remedy="rate(average=32): over so many samples; rate(per='sample'): of each",
            )
        rates += term.outputs
    targets = {name: (found.output, found.is_label) for name, found in trained.targets.items()}
    held = {name for name, (_, is_label) in targets.items() if is_label}
    held |= {f"{GRADIENT}{name}" for name in rates}
    compiler = Compiler(module, learned, block, held, fused=fused)
    seeds = {f"{GRADIENT}{name}": weight for name, weight in losses.items()}
    if isinstance(trained, OnlineTrained):
        made = online(trained, [*losses, *rates], seeds, list(plain.outputs))
    else:
        made = there_and_back(trained, [*losses, *rates], seeds)
    compiler.tape = set(made.tape)
    sampled = None
    apart = _apart(made.networks.values(), rates)
    if samples > 1:
        if apart is not None:
            raise error(
                "SNC-C003",
                f"samples: {apart} cannot be trained with several samples at once",
                remedy="leave samples out: one sample runs at a time",
            )
        sampled = Samples(samples, steps, {*held, *losses})
    programs = Programs(
        {
            name: compiler.compile(network, samples=sampled)
            for name, network in made.networks.items()
        },
        # replaced below: what they are depends on how the others lie
        kernel.ProgramOp("apply", 1),
        None,
        compiler.compile(plain),
        learned,
        [],
        list(plain.inputs),
        targets,
        losses,
        {},
        made.tape,
        made.sums,
        steps,
        trained.finish,
        module,
        mode == "bptt" and apart is None,
    )
    _add_rates(programs, compiler, trained)
    _add_update(programs, compiler, optimizer)
    types = {parameter.name: parameter.type for parameter in programs.parameters}
    prepare = prepare_network("prepare", learned, types)
    if prepare is not None:
        compiler.tape = learned.as_computed  # they lie as they are stored
        programs.prepare = compiler.compile(prepare, block=1)
    return programs


def trainable_names(
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


@dataclass(frozen=True)
class Samples:
    """Samples that run at once: how many, of how many steps, and what has a row for each."""

    count: int
    steps: int
    sampled: Collection[str]


@dataclass
class Compiler:
    """Schedules networks that share parameters."""

    module: ModuleOp
    learned: Learned
    block: int
    held: Collection[str]
    tape: Collection[str] = ()
    fused: bool = False

    def compile(
        self,
        network: snn.NetworkOp,
        *,
        block: int | None = None,
        states: Mapping[Operation, Sequence[str]] | None = None,
        samples: Samples | None = None,
    ) -> kernel.ProgramOp:
        """`states` are the names of states; then nothing is left out, though nothing reads it."""
        module = self._beside(network)
        if states is None:
            run_passes(module, "snn-record-names")
            forget_surrogates(network)
            run_passes(module, "canonicalize")
            write_factors(network, self.learned)
            run_passes(module, "snn-fuse-elementwise", "canonicalize", "cse", "dce")
        module.verify()
        network = next(op for op in module.ops if isinstance(op, snn.NetworkOp))
        if states is None:
            network = self.rewritten(module, network)
        steps = self.block if block is None else block
        scheduler = Scheduler(
            network,
            steps if samples is None else samples.count * samples.steps,
            learned=self.learned,
            held=self.held,
            tape=self.tape,
            sample=None if samples is None else samples.steps,
            sampled=() if samples is None else samples.sampled,
            fused=self.fused,
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
                remedy="train it with snncc.value_and_grad",
            ) from None
        made = ModuleOp([program])
        made.verify()
        run_passes(made, "canonicalize")
        KernelVerifyOrder().apply(Context(), made)
        return program

    def rewritten(self, module: ModuleOp, network: snn.NetworkOp) -> snn.NetworkOp:
        """The network, whose elementwise operations are bodies, as it is to be scheduled."""
        return network

    def with_bodies(self, network: snn.NetworkOp) -> snn.NetworkOp:
        """A copy whose elementwise operations are bodies, for a schedule."""
        copy = network.clone()
        module = self._beside(copy)
        run_passes(module, "snn-fuse-elementwise", "canonicalize", "cse", "dce")
        return next(op for op in module.ops if isinstance(op, snn.NetworkOp)).clone()

    def _beside(self, network: snn.NetworkOp) -> ModuleOp:
        """A module of a network and what it may name."""
        declared = [
            op.clone()
            for op in self.module.ops
            if isinstance(op, snn.ParameterOp | snn.SurrogateOp)
        ]
        return ModuleOp([*declared, network])


def _apart(networks: Iterable[snn.NetworkOp], rates: Collection[str]) -> str | None:
    """
    What keeps samples apart: those that run at once join in sums over all their steps, and in
    nothing else.
    """
    lasts = [
        network for network in networks if network.is_reverse and LAST in network.kinds.values()
    ]
    if rates:
        return "a rate that is averaged"
    return "first values of states" if lasts else None


def run_passes(module: ModuleOp, *names: str) -> None:
    """Passes, by name."""
    ours, xdsl = get_all_passes(), get_xdsl_passes()
    for name in names:
        step: ModulePass = (ours.get(name) or xdsl[name])()()
        step.apply(context(), module)


def _add_rates(programs: Programs, compiler: Compiler, trained: Trained) -> None:
    """The program that follows the rates of samples, where the loss has such."""
    outputs = [b for b in programs.forward.buffers(Role.OUTPUT) if not b.has_rows]
    stored = {buffer.known_as: order_of(buffer) for buffer in outputs}
    made = rates_network(trained.terms, stored, f32)
    if made is not None:
        programs.rates = made.values
        programs.sample[RATES] = compiler.compile(made.network, block=1)


def _add_update(programs: Programs, compiler: Compiler, optimizer: Optimizer) -> None:
    """
    The network of one step that ends a batch: `finish`, and a neuron for each parameter. It
    reads the sums and writes the parameters as they lie in the other programs.
    """
    learned, backward = programs.learned, programs.backward
    finish = None if programs.finish is None else compiler.with_bodies(programs.finish)
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
        order = order_of(stored[name])
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
    clock = {f"clock{i}": v for i, v in enumerate(_clock(block, optimizer, names, float_type))}
    word: dict[str, SSAValue] = {}
    if optimizer.rounding == "stochastic" and learned.integers:
        drawn = random_word(block, optimizer.seed)
        names[drawn], word[WORD] = (f"clock.{WORD}",), drawn.outputs[0]
    gradients = {} if finish is None else finish.outputs
    rounded = 0  # weights so far
    for declared in parameters_of(programs.module):
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
        equations = optimizer.update
        if name in learned.integers:
            ports[PARAMETER] = zero_of(block, learned.integers[name])
            equations = Rounded(optimizer, learned.integers[name], rounded).update
            rounded += places.size
        neuron = build_neuron(
            equations,
            inputs={
                "d": elements(block, root, places),
                "rate": rate,
                "scale": scale,
                **clock,
                **(word if name in learned.integers else {}),
            },
            states=ports,
            parameters={},
            population=(places.size,),
            float_type=float_type,
            node=name,
        )
        block.add_op(neuron)
        names[neuron] = states
        programs.parameters.append(parameter_of(programs, declared, states))
    block.add_op(snn.YieldOp([]))
    for op in reversed(list(block.ops)):  # what the composed rearrangements replaced
        unread = op.results and all(result.first_use is None for result in op.results)
        if unread and op not in names:
            block.erase_op(op)
    network = snn.NetworkOp("apply", inputs, [], Region(block))
    learned.copies = True  # one parameter's gradient is not to read another that was updated
    programs.apply = compiler.compile(network, block=1, states=names)
    learned.copies = False


def parameters_of(module: ModuleOp) -> list[snn.ParameterOp]:
    return [op for op in module.ops if isinstance(op, snn.ParameterOp)]


def parameter_of(
    programs: Programs, declared: snn.ParameterOp, states: tuple[str, ...]
) -> Parameter:
    name = declared.sym_name.data
    initial = programs.learned.stored(name, parameter_array(declared))
    return Parameter(name, declared.type, states, initial)


def order_of(buffer: kernel.BufferOp) -> Indices:
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
