"""Writes a chip's equations once, so that what is wrong with them is told of the description."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from xdsl.builder import Builder
from xdsl.dialects.builtin import IntegerType, f32
from xdsl.ir import Block
from xdsl.rewriter import InsertPoint

from snncc.dialects.core.equations import EquationError, Scope, Value, parse, write
from snncc.dialects.snn.body import Body, Scalar
from snncc.dialects.snn.neurons import arithmetic
from snncc.dialects.snn.types import is_spike

if TYPE_CHECKING:
    from snncc.dialects.core.description import Neuron


def check_equations(neuron: Neuron, settings: Iterable[str]) -> None:
    """
    Whether the step, and the step of leaks, make a body: every name is there when it is read, what
    receptors have is read with an index, registers get numbers, and a neuron that spikes gives
    spikes. Raises EquationError.
    """
    names = list(settings)
    after = _written(neuron, parse(neuron.step), names)
    last = len(neuron.step.splitlines())
    _expect_registers(neuron, after, last)
    _expect_output(neuron, after, last)
    if neuron.leak_step is not None:
        try:
            leaked = _written(neuron, parse(neuron.leak_step), names)
            _expect_registers(neuron, leaked, len(neuron.leak_step.splitlines()))
            _expect_output(neuron, leaked, len(neuron.leak_step.splitlines()))
        except EquationError as fault:
            raise EquationError(fault.line, str(fault), "leak_step") from None


def _expect_output(neuron: Neuron, after: Mapping[str, Value], line: int) -> None:
    given = after.get(neuron.output)
    if given is None:
        raise EquationError(line, f"{neuron.output} is the output and is never assigned")
    spikes = neuron.output == "spikes" and neuron.most == 1
    if isinstance(given, list) or is_spike(given.element) != spikes:
        wanted = "a spike" if spikes else "a number, which is no spike and no comparison"
        raise EquationError(line, f"{neuron.output}: expected {wanted}")


def _expect_registers(neuron: Neuron, after: Mapping[str, Value], line: int) -> None:
    for name, state in neuron.states.items():
        held = after[name]
        per = "receptor" if isinstance(held, list) else "neuron"
        if per != state.per or (isinstance(held, list) and len(held) != neuron.receptors):
            raise EquationError(line, f"{name}: expected a number for each {state.per}")
        for value in held if isinstance(held, list) else [held]:
            if is_spike(value.element):
                raise EquationError(
                    line, f"{name}: expected a number, got a spike (1 if {name} else 0 is one)"
                )


def _written(neuron: Neuron, tree: ast.Module, settings: list[str]) -> Mapping[str, Value]:
    """What names hold after the equations, for registers and parameters of any value."""
    element = IntegerType(neuron.arithmetic)
    count = len(neuron.states) + len(neuron.parameters) + len(settings)
    block = Block(arg_types=[element] * count)
    body = Body(Builder(InsertPoint.at_end(block)), f32)
    arguments = [Scalar(body, argument) for argument in block.args]
    per = {name: one.per for name, one in (neuron.states | neuron.parameters).items()}
    values: dict[str, Value] = {
        name: [x] * neuron.receptors if per.get(name) == "receptor" else x
        for name, x in zip((*per, *settings), arguments, strict=True)
    }
    rule = neuron.arrivals

    def arrive(x: Scalar, receptor: int) -> Scalar:
        if receptor >= neuron.receptors:
            raise ValueError(f"arrive: there is no receptor {receptor}")
        return arithmetic.fit(x + x, rule.bits, rule.overflow)

    return write(tree, body, Scope(values, neuron.receptors, arrive, width=neuron.arithmetic))
