"""A chip whose registers do not wrap, to see whether one did."""

from __future__ import annotations

import ast

from snncc.dialects.core.description import Description, Neuron

WIDE = 32
WRAPS = ("wrap", "wrap_high")


def widened(description: Description) -> Description | None:
    """
    The description with registers of 32 bits in place of those that wrap. None where what arrives
    saturates: what a chip does on purpose is no accident.
    """
    changed = {
        name: _widened(neuron)
        for name, neuron in description.neurons.items()
        if neuron.arrivals.overflow in WRAPS and neuron.arrivals.bits < WIDE
    }
    if not changed:
        return None
    return description.model_copy(update={"neurons": {**description.neurons, **changed}})


def _widened(neuron: Neuron) -> Neuron:
    arrivals = neuron.arrivals.model_copy(update={"bits": WIDE, "overflow": "wrap"})
    states = {
        name: state.model_copy(update={"bits": WIDE}) for name, state in neuron.states.items()
    }
    step = ast.unparse(_Unwrapped().visit(ast.parse(neuron.step)))
    data = neuron.model_dump() | {
        "arrivals": arrivals.model_dump(),
        "states": {name: state.model_dump() for name, state in states.items()},
        "step": step,
    }
    return Neuron.model_validate(data)


class _Unwrapped(ast.NodeTransformer):
    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.func, ast.Name) and node.func.id in WRAPS:
            return node.args[0]
        return node
