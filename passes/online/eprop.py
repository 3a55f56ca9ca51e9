"""
Online learning: gradients whose memory does not depend on the number of steps.

`eprop` derives from a network one that runs forward beside it: eligibility traces from the
tangents of the bodies, learning signals from the adjoints of the operations, and their
products, summed over time. It is e-prop (Bellec et al. 2020, "A solution to the learning
dilemma for recurrent networks of spiking neurons", Nature Communications 11:3625) for any
body:

    dE/dw = sum over t of L[t] * e[t]

    e    what w has done to the output of the population that it feeds: the forward-mode
         derivative of the body, with the surrogates of its spikes (`eligibility.py`)
    L    the gradient of the loss by that output, within the step (`same_step.py`)

Which of the paths through a network are followed:

- *The population's own memory*: exactly, with attached or detached resets, adaptation, and
  what each element hears of itself through a delay (`own_delays.py`).
- *Recurrence*: what comes back through a delay of a cycle is presynaptic activity, with a
  stopped gradient. This is the only approximation of e-prop in a network of one layer.
- *A readout with memory* (linear, with one constant coefficient for all its neurons): exactly.
  Its memory is applied to the eligibility, F(e)[t] = k F(e)[t-1] + (1 - k) e[t], since
  filters commute with weighted sums. So are delays on the way to the loss.
- *A later spiking population*. With `layers="memory"`, and nothing behind it that has memory,
  its membrane is applied to the eligibility as a filter, where it is one between
  spikes, and its pseudo-derivative to the learning signal. Without a gradient through
  resets that is exact: two layers have the gradient of BPTT. A gradient through its reset is
  left out. Any other one, and with `layers="instantaneous"` all of them, passes learning
  signals by its derivative within the step, its states being detached, as in OSTL
  (Bohnstingl et al. 2022, "Online spatio-temporal learning in deep neural networks", IEEE
  TNNLS). Memory behind it is applied to the eligibility in front of it as if its
  pseudo-derivative did not change.
- *A loss of a sum over all steps* (a count of spikes) that is taken within the network, at the
  last step: exact for the sums of graded streams and for the last spiking population. In
  front of that, the learning signal is at each step that of the sum so far. The gradient by
  the sum itself, known from a run before, is the same at every step, and has no such limit.
- *Operations without memory* are transposed. Weights whose sums reach a population through
  anything but elementwise operations (a pool) are a layer of their own, without memory.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial

from xdsl.dialects.builtin import StringAttr
from xdsl.ir import Operation, SSAValue
from xdsl.rewriter import InsertPoint, Rewriter

from snncc.dialects import snn
from snncc.dialects.snn.fixed import is_fixed
from snncc.dialects.snn.graph import Component, components
from snncc.dialects.snn.names import StateNames
from snncc.dialects.snn.network import LAST, SUM
from snncc.dialects.snn.neuron import Port
from snncc.dialects.snn.types import describe, shape_of, stream_type
from snncc.passes.differentiation.bodies import NoDerivative
from snncc.passes.differentiation.neurons import carries_gradient
from snncc.passes.differentiation.parameters import GRADIENT, finish_parameters
from snncc.passes.differentiation.transposition import float_element
from snncc.passes.differentiation.wanted import Wanted
from snncc.passes.online.coefficients import Jacobian
from snncc.passes.online.filters import delay_filter
from snncc.passes.online.memoryless import Memoryless
from snncc.passes.online.own_delays import absorb_own_delays
from snncc.passes.online.populations import Populations
from snncc.passes.online.state import Online, OnlineOptions


@dataclass
class OnlineGradients:
    """The online network, what finishes its sums, and who is who."""

    network: snn.NetworkOp
    """
    The network with an input "d.OUTPUT" for each wanted output, its gradient at this step
    (of a last value or a sum over time: the same at every step), and outputs that are sums over
    time. It runs in the direction of the network.
    """
    finish: snn.NetworkOp | None
    """One step: from these sums to the parameters' gradients; None where none is reached."""
    parameters: dict[str, str] = field(default_factory=dict[str, str])
    """Parameter -> output of `finish`; adaptive feedback weights are among them."""
    states: dict[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    """State of a neuron -> outputs of `network`: their sum is the gradient of its first value."""
    feedback: dict[str, snn.ParameterOp] = field(default_factory=dict[str, snn.ParameterOp])
    """Parameters that the network reads and the module does not have yet, by name."""


def eprop(
    network: snn.NetworkOp, wanted: Wanted, options: OnlineOptions | None = None
) -> OnlineGradients:
    """
    The online gradients of a network, which stands in a module with its parameters. Neither
    the networks nor the feedback parameters are inserted.

    Of the states the first values of neurons' have a gradient. What no learning signal
    reaches is not in the result.

    Raises NoDerivative, which names the operation: for memory on the way to the loss that is
    no filter (a graded population whose coefficients change or differ between its neurons,
    delays that differ), operations without a derivative, and gradients of inputs, which have
    no online form.
    """
    if wanted.inputs:
        raise NoDerivative(f"inputs ({', '.join(wanted.inputs)}) have no online gradient")
    return _Online(network, wanted, options or OnlineOptions()).run()


class _Online:
    def __init__(self, network: snn.NetworkOp, wanted: Wanted, options: OnlineOptions):
        element = float_element(network)
        self.wanted = wanted
        copy = _beside(network)
        absorb_own_delays(copy)
        self.block = copy.body.block
        self.own = set(self.block.ops)
        self.o = Online(copy, element, options)
        self.jacobians: dict[Operation, Jacobian] = {}

    def run(self) -> OnlineGradients:
        try:
            return self._run()
        finally:
            Rewriter.erase_op(self.o.network, safe_erase=False)

    def _run(self) -> OnlineGradients:
        asked = {
            key: name
            for key, name in StateNames(self.o.network).name_of.items()
            if name in self.wanted.states and isinstance(key[0], snn.NeuronOp)
        }
        made = self._differentiate_bodies({op for op, _ in asked})
        self.jacobians = {jacobian.neuron: jacobian for jacobian in made.values()}
        states: dict[tuple[Operation, int], str] = {
            (made[op].neuron, index): name for (op, index), name in asked.items() if op in made
        }
        self._activate({op for op, _ in states})
        seeds = self._seed()
        memoryless, populations = Memoryless(self.o), Populations(self.o, self.jacobians, states)
        for component in reversed(components(self.o.network)):
            self._component(component, memoryless, populations)
        return self._finished(seeds, populations.states)

    # --- what depends on what

    def _activate(self, stateful: set[Operation]) -> None:
        """What depends on something that is trained, from one step to another too."""
        active = self.o.active
        active.clear()
        size = -1
        while len(active) != size:  # delays read what stands below them
            size = len(active)
            for op in self.block.ops:
                wanted = isinstance(op, snn.UseOp) and op.symbol in self.wanted.parameters
                if wanted or op in stateful or active.intersection(op.operands):
                    active.update(op.results)

    def _differentiate_bodies(self, stateful: set[Operation]) -> dict[Operation, Jacobian]:
        """The Jacobians of the populations that lie between what is trained and the loss."""
        self._activate(stateful)
        reached = {self.o.network.outputs[name] for name in self.wanted.outputs}
        size = -1
        while len(reached) != size:
            size = len(reached)
            for op in self.block.ops:
                if reached.intersection(op.results):
                    reached.update(op.operands)
        asked: list[tuple[snn.NeuronOp, list[Port]]] = []
        for op in self.block.ops:
            if not isinstance(op, snn.NeuronOp) or not op.initial_states:
                continue
            if not reached.intersection(op.results) or not self.o.active.intersection(op.results):
                continue
            ports = (*op.input_ports, *op.parameter_ports)
            asked.append(
                (
                    op,
                    [
                        port
                        for port in ports
                        if port.operand in self.o.active and carries_gradient(port.argument.type)
                    ],
                )
            )
        return {
            op: Jacobian(op, columns, self.o.t.element, self.o.t.builder, self.o.options.surrogate)
            for op, columns in asked
        }

    # --- learning signals

    def _seed(self) -> list[tuple[str, SSAValue]]:
        """The gradients of the outputs come in."""
        seeds: list[tuple[str, SSAValue]] = []
        for name in self.wanted.outputs:
            value = self.o.network.outputs[name]
            gradient = self.block.insert_arg(self.o.t.type(shape_of(value)), len(self.block.args))
            seeds.append((f"{GRADIENT}{name}", gradient))
            kind = LAST if self.o.network.kinds[name] == LAST else SUM
            self.o.chains.of(kind).t.seed(value, gradient)
        return seeds

    def _component(
        self, component: Component, memoryless: Memoryless, populations: Populations
    ) -> None:
        """A cycle's delays come first: what leaves it through them is no recurrence."""
        for delay in component.delays:
            self._delay(delay)
        cycle: set[SSAValue] = set()
        if component.recurrent:
            cycle.update(delay.result for delay in component.delays)
        self.o.cut |= cycle
        for op in reversed(component.operations):
            if isinstance(op, snn.DelayOp):
                continue
            if isinstance(op, snn.NeuronOp) and op.initial_states:
                populations.transpose(op, cycle)
            else:
                memoryless.transpose(op)

    def _delay(self, op: snn.DelayOp) -> None:
        flows = list(self.o.chains.given(op.result))
        if flows and op.init in self.o.active:
            raise NoDerivative(f"{describe(op)}: its first values have no online gradient")
        if not flows or op.stream not in self.o.active:
            return
        if len(op.steps_per_element) > 1:
            raise NoDerivative(f"{describe(op)}: its delays differ, on the way to the loss")
        memory = delay_filter(op.depth)
        for chain, signal in flows:
            self.o.chains.behind(chain, memory).t.give(op.stream, partial(_same, signal))

    # --- the result

    def _finished(
        self, seeds: list[tuple[str, SSAValue]], states: dict[str, tuple[str, ...]]
    ) -> OnlineGradients:
        copy = self.o.network
        network = copy.sym_name.data
        kinds = [*copy.kinds.values(), *(kind for _, kind, _ in self.o.outputs)]
        names = [*copy.outputs, *(text for text, _, _ in self.o.outputs)]
        streams = [*copy.yield_op.streams, *(stream for _, _, stream in self.o.outputs)]
        Rewriter.replace_op(copy.yield_op, snn.YieldOp(streams), [])
        self._forget_unread()
        self.o.feedback.forget_unread()
        wanted = [*self.wanted.parameters]
        if self.o.feedback.is_adaptive:
            for name, value, gradient in list(self.o.sums):
                twin = self.o.feedback.twin_of(value)
                if twin is not None:
                    self.o.active.add(twin)
                    self.o.sums.append((name, twin, gradient))
            wanted += self.o.feedback.parameters
        fixed = [op for op in self.block.ops if is_fixed(op)]
        finish = finish_parameters(f"{network}.finish", fixed, self.o.sums, wanted, self.o.t)
        found = {} if finish is None else finish.outputs
        inputs = dict(zip((n.data for n in copy.input_names), self.block.args, strict=False))
        online = snn.NetworkOp(
            network,
            [(n, stream_type(v)) for n, v in (*inputs.items(), *seeds)],
            [(n, stream_type(v)) for n, v in zip(names, copy.yield_op.streams, strict=True)],
            copy.detach_region(copy.body),
            dict(copy.attributes),
            kinds=kinds,
            reverse=copy.is_reverse,
        )
        named = {parameter: f"{GRADIENT}{parameter}" for parameter in wanted}
        return OnlineGradients(
            online,
            finish,
            {parameter: output for parameter, output in named.items() if output in found},
            states,
            self.o.feedback.parameters,
        )

    def _forget_unread(self) -> None:
        for op in reversed(list(self.block.ops)):
            if isinstance(op, snn.YieldOp):
                continue
            if op in self.jacobians:
                self.jacobians[op].forget_unread()
            elif op not in self.own and all(r.first_use is None for r in op.results):
                self.block.erase_op(op)


def _beside(network: snn.NetworkOp) -> snn.NetworkOp:
    """A copy, in the same module: surrogates and parameters are symbols of it."""
    copy = network.clone()
    copy.properties["sym_name"] = StringAttr(f"{network.sym_name.data}.eprop")
    if network.parent is not None:
        Rewriter.insert_op(copy, InsertPoint.after(network))
    return copy


def _same(value: SSAValue) -> SSAValue:
    return value
