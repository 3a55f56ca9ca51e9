"""
Parameters that are not constants of a program, because they are trained where it runs.

A program reads them, and what is computed of them alone, as inputs that are held: arrays of
the caller, the same at every step. What a kernel wants is often a parameter with its elements
in another order; the first that is asked for says how the parameter is stored, so that it is
read as it lies. All else is derived: computed again when the parameters have changed, by a
network of one step.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping
from dataclasses import dataclass, field
from math import prod

import numpy as np
from xdsl.dialects.builtin import AnyFloat, IntegerType
from xdsl.ir import Block, Operation, Region, SSAValue

from snncc.dialects import snn
from snncc.dialects.arrays import Array
from snncc.dialects.snn.body import Body, Outputs, Scalar, build_neuron
from snncc.dialects.snn.fixed import is_fixed, used_parameters
from snncc.dialects.snn.places import Indices
from snncc.dialects.snn.types import Stream, shape_of, stream_type
from snncc.passes.scheduling import layout


@dataclass(frozen=True)
class Stored:
    """How floats are stored as whole numbers: scale * q, where -largest <= q <= largest."""

    type: IntegerType
    scale: float
    """A float32."""
    largest: int

    def whole(self, array: Array) -> Array:
        """The nearest whole numbers, as the bits of signed ones."""
        nearest = np.rint(array.astype(np.float64) / self.scale)
        signed = np.clip(nearest, -self.largest, self.largest).astype(f"i{self.bytes}")
        return signed.view(f"u{self.bytes}")

    def numbers(self, bits: Array) -> Array:
        """The floats that whole numbers stand for, as C computes them."""
        signed = bits.view(f"i{self.bytes}")
        return signed.astype(np.float32) * np.float32(self.scale)

    @property
    def bytes(self) -> int:
        return self.type.width.data // 8


@dataclass
class Held:
    """An array that programs read: elements of a fixed value, in some order."""

    name: str
    root: SSAValue
    places: Indices
    """Where each element stands in the root in C order; -1 for a zero."""

    @property
    def is_derived(self) -> bool:
        return not isinstance(self.root.owner, snn.UseOp) or self.name != self.root.owner.symbol


@dataclass
class Learned:
    """What the programs of one training share."""

    names: Collection[str]
    """The parameters that are trained."""
    storage: dict[str, Indices] = field(default_factory=dict[str, Indices])
    """Parameter -> the place of each stored element in its C order."""
    held: dict[Hashable, Held] = field(default_factory=dict[Hashable, Held])
    types: dict[str, Stream] = field(default_factory=dict[str, Stream])
    integers: dict[str, Stored] = field(default_factory=dict[str, Stored])
    """Those that are stored as whole numbers; programs read floats that are derived of them."""
    whole: Collection[str] = ()
    """Parameters that are signed integers themselves: programs read these."""
    copies: bool = False
    """Whether parameters are read as they were before the last update: all is derived."""

    def is_signed(self, name: str) -> bool:
        """Whether an array that programs share holds signed numbers: a parameter, or of one."""
        return name in self.whole or any(
            held.name == name
            and isinstance(held.root.owner, Operation)
            and any(source in self.whole for source in used_parameters(held.root.owner))
            for held in self.held.values()
        )

    def depends(self, value: SSAValue) -> bool:
        """Whether a value is computed of learned parameters and constants alone."""
        if not isinstance(value.owner, Operation) or not is_fixed(value.owner):
            return False
        return any(name in self.names for name in used_parameters(value.owner))

    def lies(self, value: SSAValue, places: Indices) -> bool:
        """Whether a parameter is stored with these elements of a value, in this order."""
        root, within = root_of(value)
        owner = root.owner
        if not isinstance(owner, snn.UseOp) or owner.symbol not in self.storage:
            return False
        return np.array_equal(within.ravel()[places].ravel(), self.storage[owner.symbol])

    def request(self, value: SSAValue, places: Indices) -> Held:
        """The array that holds these elements (places in C order) of a fixed value."""
        root, within = root_of(value)
        flat = np.where(places < 0, -1, within.ravel()[places]).ravel()
        owner = root.owner
        copies = self.copies and isinstance(owner, snn.UseOp)
        key = (_key(root), flat.tobytes(), copies)
        if key in self.held:
            return self.held[key]
        size = prod(shape_of(root))
        name = owner.symbol if isinstance(owner, snn.UseOp) else self._source_name(root)
        if isinstance(owner, snn.UseOp):
            self.types[name] = stream_type(root)
            whole = flat.size == size and bool((np.sort(flat) == np.arange(size)).all())
            if whole and name not in self.storage and not copies:
                self.storage[name] = flat
                if name not in self.integers:
                    self.held[key] = Held(name, root, flat)
                    return self.held[key]
        self._store_sources(root, flat)
        taken = {held.name for held in self.held.values()} | set(self.names)
        number = 1
        while f"{name}.{number}" in taken:
            number += 1
        self.held[key] = Held(f"{name}.{number}", root, flat)
        return self.held[key]

    def stored_type(self, name: str, type: Stream) -> Stream:
        """Of a parameter as it is stored, flat."""
        element = self.integers[name].type if name in self.integers else type.element_type
        return type.__class__(element, (prod(type.get_shape()),))

    def _source_name(self, root: SSAValue) -> str:
        """The parameter that a value is computed of, if of one."""
        assert isinstance(root.owner, Operation)
        sources = [n for n in used_parameters(root.owner) if n in self.names]
        return sources[0] if len(sources) == 1 else "computed"

    def _store_sources(self, root: SSAValue, flat: Indices) -> None:
        """Parameters that a value is computed of, element by element, are stored as it is."""
        owner, size = root.owner, prod(shape_of(root))
        whole = flat.size == size and bool((np.sort(flat) == np.arange(size)).all())
        if not isinstance(owner, snn.NeuronOp) or not whole:
            return
        for operand in owner.operands:
            use = operand.owner
            same = isinstance(use, snn.UseOp) and shape_of(operand) == shape_of(root)
            if same and isinstance(use, snn.UseOp) and use.symbol in self.names:
                self.storage.setdefault(use.symbol, flat)

    def stored(self, name: str, array: Array) -> Array:
        """A parameter as it is stored, flat."""
        if name in self.integers:
            array = self.integers[name].whole(array)
        places = self.storage.get(name)
        return array.ravel() if places is None else array.ravel()[places]

    def in_model_order(self, name: str, stored: Array, shape: tuple[int, ...]) -> Array:
        """The way back."""
        if name in self.integers:
            stored = self.integers[name].numbers(stored)
        places = self.storage.get(name)
        array = np.empty_like(stored)
        array[slice(None) if places is None else places] = stored
        return array.reshape(shape)

    @property
    def derived(self) -> list[Held]:
        return [held for held in self.held.values() if held.is_derived]

    @property
    def as_computed(self) -> set[str]:
        """Those derived arrays that hold a computed value in the order in which it is stored."""
        found: set[str] = set()
        for held in self.derived:
            shape = shape_of(held.root)
            order = layout.stored(np.arange(prod(shape)).reshape(shape)).ravel()
            if isinstance(held.root.owner, snn.NeuronOp) and np.array_equal(held.places, order):
                found.add(held.name)
        return found


def root_of(value: SSAValue) -> tuple[SSAValue, Indices]:
    """The value that reshapes and rearrangements read, and the place of each element in it."""
    owner = value.owner
    if isinstance(owner, snn.ReshapeOp):
        root, places = root_of(owner.input)
        return root, places.reshape(shape_of(value))
    if isinstance(owner, snn.RearrangeOp):
        root, places = root_of(owner.input)
        indices = owner.indices
        return root, np.where(indices < 0, -1, places.ravel()[indices])
    shape = shape_of(value)
    return value, np.arange(prod(shape)).reshape(shape)


def _key(value: SSAValue) -> Hashable:
    """Equal for values that are computed in the same way, in whatever network."""
    owner = value.owner
    assert isinstance(owner, Operation)
    return (
        owner.name,
        value.index if hasattr(value, "index") else 0,
        str(value.type),
        tuple(sorted((name, str(attr)) for name, attr in owner.properties.items())),
        tuple(_structure(region.block) for region in owner.regions),
        tuple(_key(operand) for operand in owner.operands),
    )


def _structure(block: Block) -> Hashable:
    """What a body computes, whatever its values are called."""
    number = {argument: index for index, argument in enumerate(block.args)}
    found: list[Hashable] = [tuple(str(argument.type) for argument in block.args)]
    for op in block.ops:
        for result in op.results:
            number[result] = len(number)
        found.append(
            (
                op.name,
                tuple(number[operand] for operand in op.operands),
                tuple(sorted((name, str(attr)) for name, attr in op.properties.items())),
                tuple(str(result.type) for result in op.results),
            )
        )
    return tuple(found)


def prepare_network(
    name: str, learned: Learned, parameters: Mapping[str, Stream]
) -> snn.NetworkOp | None:
    """
    The network of one step that computes what is derived: from parameters as they are
    stored, flat. None where nothing is. Arrays that are `as_computed` have the model's shape, the
    others are flat.
    """
    derived = learned.derived
    if not derived:
        return None
    block = Block()
    values: dict[SSAValue, SSAValue] = {}
    read: dict[str, SSAValue] = {}
    inputs: list[tuple[str, Stream]] = []

    def parameter(symbol: str) -> SSAValue:
        if symbol not in read:
            type = parameters[symbol]
            size = prod(type.get_shape())
            value: SSAValue = block.insert_arg(learned.stored_type(symbol, type), len(block.args))
            inputs.append((symbol, stream_type(value)))
            if symbol in learned.integers:
                value = _floats(block, value, learned.integers[symbol], type)
            places = learned.storage.get(symbol)
            order = np.arange(size) if places is None else np.argsort(places)
            read[symbol] = elements(block, value, order.reshape(type.get_shape()))
        return read[symbol]

    def written(value: SSAValue) -> SSAValue:
        if value in values:
            return values[value]
        owner = value.owner
        assert isinstance(owner, Operation)
        if isinstance(owner, snn.UseOp) and owner.symbol in learned.names:
            return parameter(owner.symbol)
        copy = owner.clone({operand: written(operand) for operand in owner.operands})
        block.add_op(copy)
        values.update(zip(owner.results, copy.results, strict=True))
        return values[value]

    whole = learned.as_computed
    outputs = [
        written(held.root)
        if held.name in whole
        else elements(block, written(held.root), held.places)
        for held in derived
    ]
    block.add_op(snn.YieldOp(outputs))
    return snn.NetworkOp(
        name,
        inputs,
        [(held.name, stream_type(v)) for held, v in zip(derived, outputs, strict=True)],
        Region(block),
    )


def _floats(block: Block, value: SSAValue, stored: Stored, type: Stream) -> SSAValue:
    """What whole numbers stand for."""
    assert isinstance(type.element_type, AnyFloat)

    def scaled(b: Body, q: Scalar) -> Outputs:
        return [b.signed_to_float(q) * stored.scale], []

    neuron = build_neuron(
        scaled,
        inputs={"q": value},
        states={},
        parameters={},
        population=shape_of(value),
        float_type=type.element_type,
    )
    block.add_op(neuron)
    return neuron.outputs[0]


def elements(block: Block, value: SSAValue, places: Indices) -> SSAValue:
    """Elements of a value; the value itself where all stay."""
    if places.size == prod(shape_of(value)) and (places.ravel() == np.arange(places.size)).all():
        if shape_of(value) == places.shape:
            return value
        op: Operation = snn.ReshapeOp(value, places.shape)
    else:
        op = snn.RearrangeOp(value, places)
    block.add_op(op)
    return op.results[0]
