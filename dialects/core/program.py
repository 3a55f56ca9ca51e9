"""A network in the numbers of a chip: inputs, populations, synapses, outputs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from xdsl.dialects.builtin import (
    DenseArrayBase,
    DictionaryAttr,
    FlatSymbolRefAttrConstr,
    IntegerAttr,
    IntegerType,
    StringAttr,
    SymbolNameConstraint,
    SymbolRefAttr,
    UnitAttr,
    i64,
)
from xdsl.ir import Attribute, Block, Operation, Region
from xdsl.irdl import (
    IRDLOperation,
    irdl_op_definition,
    lazy_traits_def,
    opt_prop_def,
    prop_def,
    region_def,
    traits_def,
)
from xdsl.traits import HasParent, IsolatedFromAbove, NoTerminator, SymbolOpInterface
from xdsl.utils.exceptions import VerifyException

from snncc.dialects.arrays import Array, parameter_array
from snncc.dialects.snn.parameters import ParameterOp
from snncc.dialects.symbols import symbol_named


def numbers_of(user: Operation, reference: SymbolRefAttr) -> Array:
    """The signed whole numbers of a parameter that an operation names."""
    name = reference.root_reference.data
    declared = symbol_named(user, name)
    if not isinstance(declared, ParameterOp):
        raise VerifyException(f'no snn.parameter is named "{name}"')
    if not isinstance(declared.type.element_type, IntegerType):
        raise VerifyException(f'parameter "{name}": expected whole numbers, got {declared.type}')
    array = parameter_array(declared)
    return array.view(f"i{array.dtype.itemsize}").astype(np.int64)


def _shape(values: Sequence[int]) -> DenseArrayBase:
    return DenseArrayBase.from_list(i64, list(values))


@irdl_op_definition
class InputOp(IRDLOperation):
    """
    Spikes from outside, `size` of them in the order of the elements of a stream:

        core.input @x shape [8]

    One that is `always` on spikes at every step, and the host sends it by itself:

        core.input @bias shape [1] always
    """

    name = "core.input"

    sym_name = prop_def(SymbolNameConstraint())
    shape = prop_def(DenseArrayBase.constr(i64))
    always = opt_prop_def(UnitAttr)

    traits = lazy_traits_def(lambda: (HasParent(ProgramOp),))

    assembly_format = "$sym_name `shape` $shape (`always` $always^)? attr-dict"

    def __init__(self, name: str, shape: Sequence[int], *, always: bool = False):
        super().__init__(
            properties={
                "sym_name": StringAttr(name),
                "shape": _shape(shape),
                "always": UnitAttr() if always else None,
            }
        )

    @property
    def size(self) -> int:
        return int(np.prod(self.shape.get_values(), dtype=np.int64))


@irdl_op_definition
class PopulationOp(IRDLOperation):
    """
    Neurons of one class of the chip, with what they are configured with: arrays of whole numbers,
    [neurons], or [receptors, neurons] where each receptor has its own.

        core.population @lif1 class "hidden" shape [100] parameters {threshold = @lif1.threshold}
            scale @lif1.scale

    Elements are neurons in the order of the layer that they came from. The scale, [neurons], is
    what 1 of the membrane of the network that was compiled is on the chip; a program that was
    written in whole numbers has none.
    """

    name = "core.population"

    sym_name = prop_def(SymbolNameConstraint())
    neuron_class = prop_def(StringAttr)
    shape = prop_def(DenseArrayBase.constr(i64))
    parameters = prop_def(DictionaryAttr)
    scale = opt_prop_def(FlatSymbolRefAttrConstr)

    traits = lazy_traits_def(lambda: (HasParent(ProgramOp),))

    assembly_format = (
        "$sym_name `class` $neuron_class `shape` $shape `parameters` $parameters "
        "(`scale` $scale^)? attr-dict"
    )

    def __init__(
        self,
        name: str,
        neuron_class: str,
        shape: Sequence[int],
        parameters: Mapping[str, str],
        scale: str | None = None,
    ):
        references = {key: SymbolRefAttr(symbol) for key, symbol in parameters.items()}
        super().__init__(
            properties={
                "sym_name": StringAttr(name),
                "neuron_class": StringAttr(neuron_class),
                "shape": _shape(shape),
                "parameters": DictionaryAttr(references),
                "scale": None if scale is None else SymbolRefAttr(scale),
            }
        )

    @property
    def size(self) -> int:
        return int(np.prod(self.shape.get_values(), dtype=np.int64))

    def numbers(self, name: str) -> Array:
        """A parameter's numbers, [neurons] or [receptors, neurons]."""
        reference = self.parameters.data[name]
        assert isinstance(reference, SymbolRefAttr)
        return numbers_of(self, reference)

    def scales(self) -> Array | None:
        """What 1 of the network's membrane is on the chip, [neurons], above 0."""
        if self.scale is None:
            return None
        declared = symbol_named(self, self.scale.root_reference.data)
        if not isinstance(declared, ParameterOp):
            raise VerifyException("scale: expected a parameter")
        return parameter_array(declared).astype(np.float64)

    def verify_(self) -> None:
        if self.scale is not None and isinstance(self.get_toplevel_object(), Operation):
            scales = self.scales()
            assert scales is not None
            if scales.shape != (self.size,) or not (np.isfinite(scales) & (scales > 0)).all():
                raise VerifyException(f"scale: expected {self.size} numbers above 0")
        for name, reference in self.parameters.data.items():
            if not isinstance(reference, SymbolRefAttr):
                raise VerifyException(f"{name}: expected a parameter, got {reference}")
            if not isinstance(self.get_toplevel_object(), Operation):
                continue
            shape = self.numbers(name).shape
            if shape[-1:] != (self.size,) or len(shape) > 2:
                raise VerifyException(
                    f"{name}: expected [{self.size}] or [receptors, {self.size}], got {list(shape)}"
                )


class ConnectionsOp(IRDLOperation, ABC):
    """
    Connections of one class, from an input or a population to a population. Spikes arrive `delay`
    steps later than the edge's latency says.
    """

    sym_name = prop_def(SymbolNameConstraint())
    source = prop_def(FlatSymbolRefAttrConstr)
    target = prop_def(FlatSymbolRefAttrConstr)
    edge = prop_def(StringAttr)
    receptor = prop_def(IntegerAttr.constr(i64))
    delay = prop_def(IntegerAttr.constr(i64))

    traits = lazy_traits_def(lambda: (HasParent(ProgramOp),))

    @staticmethod
    def ends(
        name: str, source: str, target: str, edge: str, receptor: int, delay: int
    ) -> dict[str, Attribute]:
        """The properties of every class of connections."""
        return {
            "sym_name": StringAttr(name),
            "source": SymbolRefAttr(source),
            "target": SymbolRefAttr(target),
            "edge": StringAttr(edge),
            "receptor": IntegerAttr(receptor, i64),
            "delay": IntegerAttr(delay, i64),
        }

    @property
    def source_name(self) -> str:
        return self.source.root_reference.data

    @property
    def target_name(self) -> str:
        return self.target.root_reference.data

    @abstractmethod
    def table(self) -> tuple[Array, Array, Array]:
        """(sources, targets, weights), each [synapses], sorted by (source, target)."""

    @property
    @abstractmethod
    def weight_array(self) -> Array:
        """The different weights that there are, in any order."""

    def connected(self) -> tuple[InputOp | PopulationOp, PopulationOp] | None:
        """What is connected; None outside of a program. Raises VerifyException."""
        program = self.parent_op()
        if not isinstance(program, ProgramOp):
            return None
        source = program.endings.get(self.source_name)
        target = program.endings.get(self.target_name)
        if source is None or not isinstance(target, PopulationOp):
            raise VerifyException("expected an input or population, and a population")
        return source, target


@irdl_op_definition
class SynapsesOp(ConnectionsOp):
    """
    Connections of one class, from an input or a population to a population: three arrays of
    equal length, sorted by (source, target), each pair once.

        core.synapses @s0 from @x to @lif1 edge "input" receptor 0 delay 0
            sources @s0.sources targets @s0.targets weights @s0.weights nearest @s0.nearest

    Spikes arrive `delay` steps later than the edge's latency says. `nearest`, where there is one,
    has the whole numbers that are nearest to the network's weights: another one may stand in
    `weights`, so that errors cancel.
    """

    name = "core.synapses"

    sources = prop_def(FlatSymbolRefAttrConstr)
    targets = prop_def(FlatSymbolRefAttrConstr)
    weights = prop_def(FlatSymbolRefAttrConstr)
    nearest = opt_prop_def(FlatSymbolRefAttrConstr)

    assembly_format = (
        "$sym_name `from` $source `to` $target `edge` $edge `receptor` $receptor `delay` $delay "
        "`sources` $sources `targets` $targets `weights` $weights (`nearest` $nearest^)? attr-dict"
    )

    def __init__(
        self,
        name: str,
        source: str,
        target: str,
        edge: str,
        receptor: int,
        delay: int,
        arrays: tuple[str, str, str],
        nearest: str | None = None,
    ):
        symbols = dict(zip(("sources", "targets", "weights"), arrays, strict=True))
        if nearest is not None:
            symbols["nearest"] = nearest
        super().__init__(
            properties={
                **self.ends(name, source, target, edge, receptor, delay),
                **{key: SymbolRefAttr(symbol) for key, symbol in symbols.items()},
            }
        )

    def table(self) -> tuple[Array, Array, Array]:
        references = (self.sources, self.targets, self.weights)
        sources, targets, weights = (numbers_of(self, reference) for reference in references)
        return sources, targets, weights

    @property
    def weight_array(self) -> Array:
        return numbers_of(self, self.weights)

    @property
    def nearest_array(self) -> Array:
        """`nearest`, or the weights."""
        return numbers_of(self, self.nearest if self.nearest is not None else self.weights)

    def verify_(self) -> None:
        ends = self.connected()
        if ends is None:
            return
        source, target = ends
        sources, targets, weights = self.table()
        if self.nearest_array.shape != weights.shape:
            raise VerifyException("nearest: expected as many numbers as weights")
        if not sources.shape == targets.shape == weights.shape or sources.ndim != 1:
            raise VerifyException("sources, targets, weights: expected arrays of one length")
        for what, places, size in (
            ("sources", sources, source.size),
            ("targets", targets, target.size),
        ):
            if places.size and not (places.min() >= 0 and places.max() < size):
                raise VerifyException(f"{what}: expected 0 to {size - 1}")
        order = sources * target.size + targets
        if (np.diff(order) <= 0).any():
            raise VerifyException("expected pairs sorted by (source, target), each once")


@irdl_op_definition
class DriveOp(IRDLOperation):
    """
    A stream of whole numbers from outside, in the place of a parameter of a population; of the
    population's shape, and held at the ends of the parameter:

        core.drive @bias to @layer0 parameter "bias_mantissa"
    """

    name = "core.drive"

    sym_name = prop_def(SymbolNameConstraint())
    target = prop_def(FlatSymbolRefAttrConstr)
    parameter = prop_def(StringAttr)

    traits = lazy_traits_def(lambda: (HasParent(ProgramOp),))

    assembly_format = "$sym_name `to` $target `parameter` $parameter attr-dict"

    def __init__(self, name: str, target: str, parameter: str):
        super().__init__(
            properties={
                "sym_name": StringAttr(name),
                "target": SymbolRefAttr(target),
                "parameter": StringAttr(parameter),
            }
        )

    @property
    def target_name(self) -> str:
        return self.target.root_reference.data

    def verify_(self) -> None:
        program = self.parent_op()
        if not isinstance(program, ProgramOp):
            return
        name, target, parameter = self.sym_name.data, self.target_name, self.parameter.data
        population = program.populations.get(target)
        if population is None:
            raise VerifyException(f"{target}: expected a population")
        if parameter in population.parameters.data:
            raise VerifyException(f"{target}: {parameter} has numbers already")
        if name in program.endings:
            raise VerifyException(f"{name}: stands twice")
        others = [op for op in program.body.block.ops if isinstance(op, DriveOp) and op is not self]
        if any(op.sym_name.data == name for op in others):
            raise VerifyException(f"{name}: stands twice")
        if any((op.target_name, op.parameter.data) == (target, parameter) for op in others):
            raise VerifyException(f"{target}: {parameter} is driven twice")


@irdl_op_definition
class OutputOp(IRDLOperation):
    """
    What a population gives to the outside, `lag` steps later than the network that it was made of:

        core.output @y from @readout lag 2
    """

    name = "core.output"

    sym_name = prop_def(SymbolNameConstraint())
    source = prop_def(FlatSymbolRefAttrConstr)
    lag = prop_def(IntegerAttr.constr(i64))

    traits = lazy_traits_def(lambda: (HasParent(ProgramOp),))

    assembly_format = "$sym_name `from` $source `lag` $lag attr-dict"

    def __init__(self, name: str, source: str, lag: int):
        super().__init__(
            properties={
                "sym_name": StringAttr(name),
                "source": SymbolRefAttr(source),
                "lag": IntegerAttr(lag, i64),
            }
        )


@irdl_op_definition
class ProgramOp(IRDLOperation):
    """
    A network in the numbers of a chip, and where on the chip it lies:

        core.program @digits on "xylo" settings {IWBS = 3 : i64} {
          core.input @x shape [8]
          core.population @lif1 class "hidden" ...
          ...
        }

    Without `core.place` nothing is placed yet.
    """

    name = "core.program"

    sym_name = prop_def(SymbolNameConstraint())
    chip = prop_def(StringAttr)
    settings = prop_def(DictionaryAttr)
    body = region_def("single_block")

    traits = traits_def(IsolatedFromAbove(), NoTerminator(), SymbolOpInterface())

    assembly_format = "$sym_name `on` $chip `settings` $settings $body attr-dict"

    def __init__(
        self,
        name: str,
        chip: str,
        settings: Mapping[str, int],
        operations: Sequence[Operation],
    ):
        super().__init__(
            properties={
                "sym_name": StringAttr(name),
                "chip": StringAttr(chip),
                "settings": DictionaryAttr(
                    {key: IntegerAttr(value, i64) for key, value in settings.items()}
                ),
            },
            regions=[Region(Block(list(operations)))],
        )

    @property
    def setting(self) -> dict[str, int]:
        found = {}
        for key, value in self.settings.data.items():
            assert isinstance(value, IntegerAttr)
            found[key] = int(value.value.data)
        return found

    @property
    def endings(self) -> dict[str, InputOp | PopulationOp]:
        """Inputs and populations by name: what synapses start from."""
        return {
            op.sym_name.data: op
            for op in self.body.block.ops
            if isinstance(op, InputOp | PopulationOp)
        }

    @property
    def inputs(self) -> dict[str, InputOp]:
        return {name: op for name, op in self.endings.items() if isinstance(op, InputOp)}

    @property
    def given(self) -> dict[str, InputOp]:
        """Inputs that are given from outside, not by the host itself."""
        return {name: op for name, op in self.inputs.items() if op.always is None}

    def with_always(self, x: Mapping[str, Array]) -> dict[str, Array]:
        """
        Inputs [T, *shape] or [T, B, *shape] with those that are always on, of as many steps and
        samples.
        """
        if len(self.given) == len(self.inputs):
            return dict(x)
        found = {name: np.asarray(x[name]) for name in self.given}
        name, array = next(iter(found.items()))
        extent = array.shape[: array.ndim - len(self.inputs[name].shape.get_values())]
        for name, op in self.inputs.items():
            if op.always is not None:
                found[name] = np.ones((*extent, *op.shape.get_values()), np.uint8)
        return found

    @property
    def populations(self) -> dict[str, PopulationOp]:
        return {name: op for name, op in self.endings.items() if isinstance(op, PopulationOp)}

    @property
    def drives(self) -> dict[str, DriveOp]:
        return {op.sym_name.data: op for op in self.body.block.ops if isinstance(op, DriveOp)}

    @property
    def synapses(self) -> list[ConnectionsOp]:
        return [op for op in self.body.block.ops if isinstance(op, ConnectionsOp)]

    @property
    def outputs(self) -> dict[str, OutputOp]:
        return {op.sym_name.data: op for op in self.body.block.ops if isinstance(op, OutputOp)}

    def members(self, neuron_class: str) -> Iterator[PopulationOp]:
        """The populations of one class, in their order."""
        for op in self.populations.values():
            if op.neuron_class.data == neuron_class:
                yield op
