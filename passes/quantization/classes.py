"""
Which scalars of a body count in one unit.

What is added, compared or chosen between has one unit; a state has one unit from step to
step. A product with a coefficient may have another unit than its operand, so it starts a
class of its own. Spikes and what is made of them and of whole numbers count in ones.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from xdsl.dialects import arith, math
from xdsl.dialects.builtin import AnyFloat
from xdsl.ir import SSAValue, Use

from snncc.dialects import snn
from snncc.dialects.arrays import Array, constant_of
from snncc.dialects.snn.fixed import scalars_of
from snncc.dialects.snn.functions import FUNCTIONS
from snncc.dialects.snn.straight_through import for_gradients, read_forward

ROUNDINGS = (math.RoundEvenOp, math.FloorOp, math.CeilOp, math.TruncOp)
"""Operations that give whole numbers."""
JOINS = (arith.AddfOp, arith.SubfOp, arith.MaximumfOp, arith.MinimumfOp)
"""Operations whose operands and result have one unit."""


@dataclass
class UnitClass:
    """Scalars of one unit. `whole` classes count in ones: spikes, counts, flags."""

    members: list[SSAValue] = field(default_factory=list)
    ports: list[SSAValue] = field(default_factory=list)
    """Inputs of the body among the members: streams that have a unit already."""
    states: list[SSAValue] = field(default_factory=list)
    whole: bool = False
    rounded: bool = False
    """Whether a member was rounded to a whole number."""
    sources: list[tuple[SSAValue, Array]] = field(default_factory=list)
    """Scalars of other classes that a coefficient brings into this one."""
    constants: list[Array] = field(default_factory=list)
    """Coefficients that stand beside members: thresholds, biases, resets."""


class Classes:
    """The coefficients of a body (known before it runs) and the classes of the rest."""

    def __init__(self, neuron: snn.NeuronOp):
        self.neuron = neuron
        aside = for_gradients(neuron.body.block)
        self.operations = [op for op in neuron.body.block.ops if op not in aside]
        """What the network computes, without what only gradients need."""
        self._aside = aside
        self.coefficients: dict[SSAValue, Array] = {}
        self._parent: dict[SSAValue, SSAValue] = {}
        self._find_coefficients()
        self._join()
        self.classes = self._collect()

    def of(self, value: SSAValue) -> UnitClass:
        return self.classes[self._root(value)]

    # --- coefficients

    def _find_coefficients(self) -> None:
        known: dict[SSAValue, Array] = {}
        for port in self.neuron.parameter_ports:
            array = constant_of(port.operand)
            if array is not None and isinstance(port.argument.type, AnyFloat):
                known[port.argument] = array
        for value, array in scalars_of(self.neuron.body.block, known).items():
            if isinstance(value.type, AnyFloat):
                self.coefficients[value] = np.asarray(array, np.float64)

    def uses(self, value: SSAValue) -> list[Use]:
        """Where the network reads a scalar, without what only gradients need."""
        return [
            use
            for use in value.uses
            if use.operation not in self._aside and use.index < len(read_forward(use.operation))
        ]

    def is_varying(self, value: SSAValue) -> bool:
        """A float that depends on inputs or states."""
        return isinstance(value.type, AnyFloat) and value not in self.coefficients

    # --- classes

    def _root(self, value: SSAValue) -> SSAValue:
        root = value
        while self._parent.setdefault(root, root) is not root:
            root = self._parent[root]
        while self._parent[value] is not root:
            self._parent[value], value = root, self._parent[value]
        return root

    def _unite(self, *values: SSAValue) -> bool:
        roots = {self._root(value) for value in values if self.is_varying(value)}
        first, *rest = roots or {values[0]}
        for root in rest:
            self._parent[root] = first
        return bool(rest)

    def _join(self) -> None:
        for op in self.operations:
            if isinstance(op, JOINS):
                self._unite(*op.operands, op.results[0])
            elif isinstance(op, arith.NegfOp | math.AbsFOp | snn.DetachOp | snn.StraightThroughOp):
                self._unite(op.operands[0], op.results[0])
            elif isinstance(op, arith.CmpfOp):
                self._unite(*op.operands)
            elif isinstance(op, arith.SelectOp) and isinstance(op.result.type, AnyFloat):
                self._unite(op.lhs, op.rhs, op.result)
        for port, after in zip(self.neuron.state_ports, self.neuron.terminator.states, strict=True):
            if self.is_varying(port.argument) and self.is_varying(after):
                self._unite(port.argument, after)
        # a product with something whole keeps the other operand's unit
        while any(self._unite_gated(op) for op in self.operations if isinstance(op, arith.MulfOp)):
            pass

    def _unite_gated(self, op: arith.MulfOp) -> bool:
        a, b = op.operands
        if not (self.is_varying(a) and self.is_varying(b)):
            return False
        whole = self._whole_roots()
        for gate, other in ((a, b), (b, a)):
            if self._root(gate) in whole:
                return self._unite(other, op.result)
        return False

    def _whole_roots(self) -> set[SSAValue]:
        return {root for root, found in self._collect().items() if found.whole}

    def _collect(self) -> dict[SSAValue, UnitClass]:
        found: dict[SSAValue, UnitClass] = {}

        def of(value: SSAValue) -> UnitClass:
            return found.setdefault(self._root(value), UnitClass(whole=True))

        neuron = self.neuron
        for port in neuron.input_ports:
            if self.is_varying(port.argument):
                unit = of(port.argument)
                unit.ports.append(port.argument)
                unit.members.append(port.argument)
                unit.whole = False
        for port in neuron.parameter_ports:  # one that is a stream
            if self.is_varying(port.argument):
                unit = of(port.argument)
                unit.ports.append(port.argument)
                unit.members.append(port.argument)
                unit.whole = False
        for port in neuron.state_ports:
            if self.is_varying(port.argument):
                unit = of(port.argument)
                unit.states.append(port.argument)
                unit.members.append(port.argument)
        for op in self.operations:
            for result in op.results:
                if not self.is_varying(result):
                    continue
                unit = of(result)
                unit.members.append(result)
                if isinstance(op, arith.UIToFPOp | arith.SIToFPOp):
                    continue
                if isinstance(op, arith.MulfOp | arith.DivfOp):
                    self._product(op, unit)
                elif isinstance(op, ROUNDINGS):
                    unit.rounded = True
                elif type(op) in FUNCTIONS and not isinstance(op, math.AbsFOp):
                    unit.whole = False
            if isinstance(op, (*JOINS, arith.CmpfOp, arith.SelectOp)):
                varying = [v for v in (*op.operands, *op.results) if self.is_varying(v)]
                for operand in op.operands:
                    constant = self.coefficients.get(operand)
                    if constant is not None and varying:
                        of(varying[0]).constants.append(constant)
        for port, after in zip(neuron.state_ports, neuron.terminator.states, strict=True):
            if self.is_varying(port.argument):
                first = constant_of(port.operand)
                unit = of(port.argument)
                if first is not None:
                    unit.constants.append(np.asarray(first, np.float64))
                if after in self.coefficients:
                    unit.constants.append(self.coefficients[after])
        for unit in found.values():
            if not all(np.array_equal(c, np.rint(c)) for c in unit.constants):
                unit.whole = False
        self._spread_fractions(found)
        return found

    def _spread_fractions(self, found: dict[SSAValue, UnitClass]) -> None:
        """What comes from a class that is not whole is not whole."""
        changed = True
        while changed:
            changed = False
            for op in self.operations:
                if not isinstance(op, arith.MulfOp) or not self.is_varying(op.result):
                    continue
                unit = found[self._root(op.result)]
                factors = [found[self._root(v)] for v in op.operands if self.is_varying(v)]
                if unit.whole and not all(factor.whole for factor in factors):
                    unit.whole, changed = False, True

    def _product(self, op: arith.MulfOp | arith.DivfOp, unit: UnitClass) -> None:
        """A product: with a whole coefficient it stays whole, with another it is scaled."""
        a, b = op.operands
        if isinstance(op, arith.DivfOp):
            unit.whole = False
            divisor = self.coefficients.get(b)
            if divisor is not None:
                with np.errstate(divide="ignore"):
                    unit.sources.append((a, 1.0 / divisor))
            return
        for varying, other in ((a, b), (b, a)):
            coefficient = self.coefficients.get(other)
            if coefficient is not None and self.is_varying(varying):
                unit.sources.append((varying, coefficient))
                if not np.array_equal(coefficient, np.rint(coefficient)):
                    unit.whole = False
