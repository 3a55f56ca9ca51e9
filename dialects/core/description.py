"""
The description of a chip: what it can hold and how it computes, as data.

One YAML file a chip (`backends/cores/CHIP/chip.yaml`) is everything that the compiler knows of
it: legalization fits networks to it, its equations make the bodies of the chip's bit-exact
model, limits decide what fits, memories say where each number lies. `docs/adding.md` shows how
one is written.
"""

from __future__ import annotations

import ast
from functools import cached_property
from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, model_validator

from snncc.dialects.core.equations import RECEPTORS, EquationError, names_read, parse
from snncc.dialects.core.holding import check_memories
from snncc.dialects.core.memories import Bus, Memory, Misplaced, Register
from snncc.dialects.core.trial import check_equations

SCHEMA = "snncc.chip/1"

Name: TypeAlias = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,63}$")]
Count: TypeAlias = Annotated[int, Field(ge=0, le=1 << 24)]
Bits: TypeAlias = Annotated[int, Field(ge=1, le=32)]
Places: TypeAlias = Annotated[int, Field(ge=0, le=31)]
"""By which a number is shifted."""
Spikes: TypeAlias = Annotated[int, Field(ge=1, le=127)]
Whole: TypeAlias = Annotated[int, Field(ge=-(1 << 31), lt=1 << 31)]
Weight: TypeAlias = Annotated[int, Field(ge=-(1 << 15), lt=1 << 15)]
MOST_CORES = 4096

INPUT = "input"
"""Where edges from outside of the chip come from."""


class Part(BaseModel):
    """A part of a description: no other keys than those listed, nothing converted."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Source(Part):
    """What the description was written from."""

    text: str
    licence: str | None = None
    checked_with: str | None = None
    """An independent simulator or RTL that agrees."""


class State(Part):
    """A register of each neuron, or of each receptor of it; it starts at 0."""

    bits: Bits
    per: Literal["neuron", "receptor"] = "neuron"


class Parameter(Part):
    """A number that neurons are configured with."""

    low: Whole
    high: Whole
    per: Literal["neuron", "receptor", "group", "class"] = "neuron"
    """A group is neurons that share it, `Neuron.group` of them; a class all neurons."""
    default: int | None = None
    """What it is where nothing asks for another value."""
    driven: bool = False
    """Whether the host may write it at every step: a way for values that are no spikes."""

    @model_validator(mode="after")
    def _is_range(self) -> Parameter:
        if self.low > self.high:
            raise ValueError(f"expected low <= high, got {self.low} and {self.high}")
        if self.default is not None and not self.low <= self.default <= self.high:
            raise ValueError(f"default: expected {self.low} to {self.high}, got {self.default}")
        if self.driven and self.per != "neuron":
            raise ValueError("driven: expected a parameter that each neuron has")
        return self


class Arrivals(Part):
    """How what arrives in a step is added to a register."""

    overflow: Literal["saturate", "saturate_symmetric", "wrap", "wrap_high"]
    bits: Bits
    per: Literal["source", "index", "step"]
    """
    After what the register is fitted: each source, in the order of the edges and ascending in
    each; each index, where sources of equal index of all edges are added first; or once, after
    the sum of all.
    """
    shift: Annotated[int, Field(ge=0, le=31)] = 0
    """Bits by which what arrives is shifted left."""


class Decay(Part):
    """
    What one step leaves of a number x, with a parameter p; rounding stands in the equations.

        shift       x (1 - 2^-p)
        fraction    x p / 2^bits
        complement  x (2^bits - offset - p) / 2^bits
        closer      x moved towards 0 by p
        none        x
    """

    form: Literal["shift", "fraction", "complement", "closer", "none"]
    parameter: Name | None = None
    bits: Places = 0
    offset: Whole = 0

    @model_validator(mode="after")
    def _names_parameter(self) -> Decay:
        if (self.form == "none") != (self.parameter is None):
            raise ValueError("a decay has a parameter, unless its form is none")
        return self


class Current(Part):
    """A receptor: J' = a J + g sum of w x, where g is 1, or a where new input decays too."""

    decay: Decay
    gain: Literal["one", "decay"] = "one"


class Reset(Part):
    """
    What a spike does to the membrane: `subtract` takes the threshold from it (of a membrane that
    decayed since, where `after` is `decay`), `zero` sets it to 0.
    """

    kinds: dict[Literal["subtract", "zero"], int]
    """Those that there are, and the number that `select` has for each."""
    after: Literal["spike", "decay"] = "spike"
    select: Name | None = None
    """A parameter or a setting of the chip; None: there is one kind."""

    @model_validator(mode="after")
    def _is_selected(self) -> Reset:
        if not self.kinds or (len(self.kinds) > 1 and self.select is None):
            raise ValueError("expected one kind, or a parameter or setting that selects")
        return self


class Floor(Part):
    """
    A neuron that does not fire and whose membrane is below -floor: it is set to 0 where a spike
    resets to zero, and floor is added where a spike subtracts.
    """

    parameter: Name
    """Its number is -floor."""


class Fitted(Part):
    """
    What may stand for dynamics that a class does not have. It is fitted to calibration data, is
    told, and its cost is measured; without it such networks are refused.
    """

    decay: Literal["closer", "bias"] | None = None
    """For a membrane's decay: a constant that moves it towards 0, or one that is added."""
    current: Literal["shortest"] | None = None
    """For a current that is gone sooner than any that there is: the shortest one."""


class Approximates(Part):
    """
    What the equations are without rounding and saturation; legalization fits to this, and a test
    compares it with the equations.

        J_k' = a_k J_k + g_k sum of w x          (without `current`: J_k = sum of w x)
        u    = a v + sum over k of J_k' + bias
        z    = u >= threshold, reset
    """

    membrane: Decay
    current: Current | None = None
    bias: Name | None = None
    threshold: Name | None = None
    """None: a readout that does not spike; its output is the membrane."""
    compare: Literal["gt", "ge"] = "ge"
    reset: Reset | None = None
    threshold_shift: Places = 0
    bias_shift: Places = 0
    """Bits by which the equations shift what is configured."""
    floor: Floor | None = None
    fitted: Fitted = Fitted()


class Neuron(Part):
    """One class of neurons of the chip."""

    count: Count
    """In one core."""
    receptors: Annotated[int, Field(ge=1, le=16)] = 1
    states: Annotated[dict[Name, State], Field(min_length=1)]
    parameters: dict[Name, Parameter] = {}
    group: Annotated[int, Field(ge=1, le=1 << 16)] = 1
    """How many neighbours share the parameters that are `per: group`."""
    arrivals: Arrivals
    arithmetic: Literal[32, 64] = 32
    """The width in which the equations are computed."""
    step: str
    """The equations of a step, or of one event of a chip that goes from event to event."""
    leak_step: str | None = None
    """Of such a chip: those of the event that says that a step of time is over."""
    output: Name = "spikes"
    """What leaves the neuron: spikes, or a state."""
    most: Spikes = 1
    """Spikes in one step."""
    visible: bool = True
    """Whether what leaves it can be seen outside of the chip."""
    approximates: Approximates

    @cached_property
    def tree(self) -> ast.Module:
        return parse(self.step)

    def names_read(self) -> set[str]:
        """What the equations read that they do not compute."""
        texts = [self.step] + ([self.leak_step] if self.leak_step is not None else [])
        return {name for text in texts for name in names_read(parse(text))}

    @property
    def membrane(self) -> str:
        """The state that is compared with the threshold or read out: the last one."""
        return list(self.states)[-1]

    @model_validator(mode="after")
    def _is_closed(self) -> Neuron:
        for key, text in (("step", self.step), ("leak_step", self.leak_step)):
            try:
                parse(text or "")
            except EquationError as fault:
                raise ValueError(f"{key}: line {fault.line}: {fault}") from None
        assigned = {
            node.id
            for node in ast.walk(self.tree)
            if (isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store))
            or (isinstance(node, ast.Name) and node.id in self.states)
        }
        if self.output not in assigned:
            raise ValueError(f"step: {self.output} is the output and is never assigned")
        twice = sorted(set(self.states) & set(self.parameters))
        if twice:
            raise ValueError(f"{twice[0]}: is a state and a parameter")
        a = self.approximates
        named = [a.membrane.parameter, a.bias, a.threshold]
        named += [a.current.decay.parameter] if a.current else []
        named += [a.floor.parameter] if a.floor else []
        for wanted in named:
            if wanted is not None and wanted not in self.parameters:
                raise ValueError(f"approximates: {wanted} is no parameter")
        for decay in (a.membrane, *([a.current.decay] if a.current else [])):
            p = None if decay.parameter is None else self.parameters[decay.parameter]
            if p is not None and decay.form == "shift" and not 0 <= p.low <= p.high <= 62:
                raise ValueError(f"approximates: {decay.parameter}: expected a shift by 0 to 62")
        if a.threshold is not None and self.parameters[a.threshold].high < 1:
            raise ValueError(f"approximates: {a.threshold}: expected numbers above 0")
        if (a.threshold is None) != (self.output != "spikes"):
            raise ValueError("approximates: neurons that spike have a threshold, others have none")
        if a.fitted.decay == "closer" and a.membrane.form != "closer":
            raise ValueError("approximates: fitted: a membrane that moves closer to 0 by no form")
        if a.fitted.decay == "bias" and (a.bias is None or a.membrane.form != "none"):
            raise ValueError("approximates: fitted: expected a bias, and a membrane of form none")
        if a.fitted.current is not None and a.current is None:
            raise ValueError("approximates: fitted: there is no current")
        if (a.threshold is None) != (a.reset is None):
            raise ValueError("approximates: neurons that spike have a reset, others have none")
        return self


class Shift(Part):
    """All weights of an edge class are shifted left by one number, a setting of the chip."""

    setting: Name
    low: Annotated[int, Field(ge=0, le=15)] = 0
    high: Annotated[int, Field(ge=0, le=15)]

    @model_validator(mode="after")
    def _is_range(self) -> Shift:
        if self.low > self.high:
            raise ValueError(f"expected low <= high, got {self.low} and {self.high}")
        return self


class Edge(Part):
    """A class of connections."""

    source: Name
    """`input` or a class of neurons."""
    target: Name
    low: Weight
    high: Weight
    """The ends of a weight."""
    latency: Annotated[int, Field(ge=0, le=64)]
    """Steps from a spike to its arrival, without `delay`."""
    delay: Annotated[int, Field(ge=0, le=1024)] = 0
    """The most steps that a connection may add."""
    receptors: Annotated[int, Field(ge=1, le=16)] = 1
    shift: Shift | None = None
    levels: Annotated[int, Field(ge=1, le=256)] | None = None
    """How many different weights a neuron may have; None: any."""
    self_connections: bool = True
    synapses: Count | None = None
    """In one core."""
    fan_out: Count | None = None
    """Neurons that one source may reach; None: any."""


class Input(Part):
    """Spikes that come from outside."""

    count: Count
    """In one core."""
    most: Spikes = 1
    """Spikes of one input in a step that the chip takes."""


class Grid(Part):
    """Cores on a mesh."""

    width: Annotated[int, Field(ge=1, le=1024)] = 1
    height: Annotated[int, Field(ge=1, le=1024)] = 1
    fan_out: Annotated[int, Field(ge=1, le=1 << 20)] | None = None
    """How many axons a neuron reaches; None: any."""
    axon_types: Annotated[int, Field(ge=1, le=256)] | None = None
    """A weight is chosen by the type of its axon: so many are there. None: it is its own."""
    axons: Annotated[int, Field(ge=1, le=1 << 20)] | None = None
    """Of each core: what spikes come in by, one for each source, type and delay. None: any."""
    bus: Annotated[int, Field(ge=1, le=1 << 20)] | None = None
    """
    Lines of an output bus, which takes one place of the mesh; a spike for the outside is one
    destination. None: outputs are read in another way.
    """

    @property
    def places(self) -> int:
        """Of cores."""
        return self.width * self.height - (self.bus is not None)

    @property
    def routed(self) -> bool:
        """Whether spikes find their way over axons of cores: else one core holds everything."""
        kinds = (self.fan_out, self.axon_types, self.axons, self.bus)
        return self.width * self.height > 1 or any(kind is not None for kind in kinds)

    @model_validator(mode="after")
    def _has_core(self) -> Grid:
        if self.places < 1:
            raise ValueError("the output bus takes the only place")
        if self.places > MOST_CORES:
            raise ValueError(f"expected at most {MOST_CORES} places, got {self.places}")
        return self


class Shared(Part):
    """Inputs and neurons of one core that take places of one address space."""

    places: Count
    of: list[Name]


class Cost(Part):
    """Energies in picojoules and times in nanoseconds, each with its source."""

    source: str
    energy_per_synaptic_operation_pJ: float | None = None
    energy_per_neuron_update_pJ: float | None = None
    energy_per_spike_pJ: float | None = None
    energy_per_hop_pJ: float | None = None


class Learning(Part):
    """An engine that learns on the chip."""

    rule: Literal["eprop"]
    surrogate_segments: Annotated[int, Field(ge=1, le=64)]
    surrogate_low: int
    surrogate_high: int
    of: Name
    """The class of neurons that learn."""
    readout: Name


class Description(Part):
    """A chip. Every field is in the file; see `backends/cores/*/chip.yaml`."""

    schema_: Literal["snncc.chip/1"] = Field(alias="schema")
    name: Name
    title: str
    source: Source
    emitter: Name | None = None
    """Who writes a configuration; None: the chip has a model, and no format."""
    execution: Literal["timestep", "events"] = "timestep"
    """Step by step, or one spike after the other: then neurons of one class."""
    queue: Annotated[int, Field(ge=1, le=1 << 12)] | None = None
    """Of a chip of events: how many spikes wait at most, with the one that is worked on."""
    inputs: Input
    neurons: Annotated[dict[Name, Neuron], Field(min_length=1)]
    edges: Annotated[dict[Name, Edge], Field(min_length=1)]
    """In the order in which what arrives is added."""
    grid: Grid = Grid()
    shared: Shared | None = None
    settings: dict[Name, Parameter] = {}
    """Numbers of the chip as a whole, beside the shifts of edges."""
    bus: Bus | None = None
    """By which registers and memories are written, where they are written one by one."""
    registers: list[Register] = []
    memories: list[Memory] = []
    learning: Learning | None = None
    cost: Cost | None = None

    @property
    def readout(self) -> str | None:
        """The class from which no edge starts, where there is one."""
        starts = {edge.source for edge in self.edges.values()}
        return next((name for name in self.neurons if name not in starts), None)

    def memory(self, name: str) -> Memory:
        return next(memory for memory in self.memories if memory.name == name)

    def register(self, name: str) -> Register:
        return next(register for register in self.registers if register.name == name)

    def edges_to(self, target: str) -> dict[str, Edge]:
        return {name: edge for name, edge in self.edges.items() if edge.target == target}

    @model_validator(mode="after")
    def _is_connected(self) -> Description:
        shifts = {edge.shift.setting for edge in self.edges.values() if edge.shift}
        for name, neuron in self.neurons.items():
            known = {*neuron.states, *neuron.parameters, *self.settings, RECEPTORS}
            unknown = sorted(neuron.names_read() - known)
            if unknown:
                raise Misplaced(
                    ("neurons", name, "step"), f"{unknown[0]} is no state, parameter or setting"
                )
            try:
                check_equations(neuron, self.settings)
            except EquationError as fault:
                text = f"line {fault.line}: {fault}"
                raise Misplaced(("neurons", name, fault.key), text) from None
            reset = neuron.approximates.reset
            if reset is not None and reset.select is not None:
                p = (self.settings | neuron.parameters).get(reset.select)
                if p is None or not all(p.low <= n <= p.high for n in reset.kinds.values()):
                    raise Misplaced(
                        ("neurons", name, "approximates", "reset"),
                        f"select: {reset.select} is no parameter or setting that holds its kinds",
                    )
            if self.execution == "events" and neuron.leak_step is None:
                raise Misplaced(("neurons", name), "leak_step: is missing, and events are executed")
        if self.execution == "events" and len(self.neurons) > 1:
            raise Misplaced(("neurons",), "a chip of events has one class of neurons")
        if (self.execution == "events") != (self.queue is not None):
            raise Misplaced(("execution",), "a queue is for chips of events, and they have one")
        if shifts & set(self.settings):
            twice = sorted(shifts & set(self.settings))[0]
            raise Misplaced(("settings", twice), "stands twice: a shift of edges has this name")
        for name, edge in self.edges.items():
            if edge.source != INPUT and edge.source not in self.neurons:
                raise Misplaced(("edges", name, "source"), f"{edge.source} is no class of neurons")
            if edge.target not in self.neurons:
                raise Misplaced(("edges", name, "target"), f"{edge.target} is no class of neurons")
            if edge.receptors > self.neurons[edge.target].receptors:
                raise Misplaced(("edges", name, "receptors"), f"{edge.target} has fewer")
            if edge.low > edge.high:
                raise Misplaced(("edges", name), "expected low <= high")
        for place in self.shared.of if self.shared else ():
            if place != INPUT and place not in self.neurons:
                raise Misplaced(("shared", "of"), f"{place} is no class of neurons")
        check_memories(self)
        if self.learning and {self.learning.of, self.learning.readout} - set(self.neurons):
            raise Misplaced(("learning",), "names a class of neurons that is not there")
        return self
