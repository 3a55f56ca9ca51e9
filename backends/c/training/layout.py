"""The programs of a training, and where everything of them is in one struct."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import prod

from snncc.backends.c.names import LocalScope
from snncc.backends.c.program import CProgram, Terminal, Unit
from snncc.backends.c.structs import ALIGNMENT, Array, Group, offsets
from snncc.backends.c.types import CType
from snncc.dialects import kernel
from snncc.dialects.arrays import Array as Numbers
from snncc.dialects.kernel.buffers import Role
from snncc.dialects.snn.network import LAST

FORWARD, BACKWARD, APPLY, PREPARE, PREDICT = "forward", "backward", "apply", "prepare", "predict"
ONLINE = "online"
"""In place of the forward and the backward program: loss and gradients in one run."""
RATES = "rates"
"""Behind the forward or the online program: averages of rates, and what the rates get."""
BYTE = CType("uint8_t", "u8", 1)
WORD = CType("uint32_t", "u32", 4)


@dataclass(frozen=True)
class Training:
    """What is emitted: programs, and what their inputs and outputs are to each other."""

    programs: Mapping[str, kernel.ProgramOp]
    inputs: Sequence[str]
    """Of the network."""
    targets: Sequence[str]
    """Inputs of the loss."""
    losses: Mapping[str, float]
    """Output of the forward program -> its weight in the loss."""
    rates: Mapping[str, tuple[str, float]]
    """Output of the forward program that is rates -> (output of the rates program that is its
    value, weight)."""
    tape: Sequence[str]
    sums: Sequence[str]
    parameters: Mapping[str, Numbers]
    """A state of the apply program -> what it holds at first, as it is stored."""
    steps: int
    segment: int
    """The steps that the tape holds; where they are fewer than `steps`, states are kept at the
    start of each segment, and each but the last is run again."""
    rate: float
    """The learning rate where the caller has none of its own."""
    samples: int = 1
    """The samples that run at once, all their steps in one block."""
    fused: bool = False
    """Whether gradients go from layer to layer by sums of products that are not rounded."""
    is_integer: bool = False
    """Whether there are no floats: the loss is a whole number, and rates are in 2^-16 of `rate`."""

    @property
    def is_online(self) -> bool:
        return ONLINE in self.programs

    @property
    def loss_type(self) -> str:
        return "int32_t" if self.is_integer else "float"

    @property
    def rate_type(self) -> str:
        return "uint32_t" if self.is_integer else "float"

    @property
    def segments(self) -> int:
        return -(-self.steps // self.segment)


@dataclass
class Layout:
    """The parts of the package as they are put together."""

    training: Training
    prefix: str
    unit: Unit
    programs: dict[str, CProgram] = field(default_factory=dict[str, CProgram])

    def __post_init__(self) -> None:
        t = self.training
        for name, op in t.programs.items():
            self.programs[name] = CProgram(op, f"{self.prefix}_{name}", kernels=self.unit.kernels)
        forward, summing = self.forward, self.summing
        scopes = {
            group: LocalScope(self.prefix)
            for group in (
                "derived",
                "sums",
                "ends",
                "tape",
                "losses",
                "again",
                "outputs",
                "seeds",
                "values",
            )
        }
        self.member: dict[str, str] = {}

        def array(group: str, terminal: Terminal, rows: int = 1) -> Array:
            name = scopes[group][terminal.name]
            self.member[f"{group}.{terminal.name}"] = f"s->{group}.{name}"
            buffer = self._buffer(terminal)
            return Array(name, terminal.type, rows * prod(buffer))

        def outputs(program: CProgram, names: Sequence[str]) -> list[Terminal]:
            return [t for t in program.outputs if t.name in set(names)]

        losses = outputs(forward, [*t.losses, *t.rates])
        members: list[Array | Group] = []
        for name, program in self.programs.items():
            program.state.name = name
        members.append(self.programs[APPLY].state)
        derived = self.programs[PREPARE].outputs if PREPARE in self.programs else []
        members.append(Group("derived", "struct", [array("derived", o) for o in derived]))
        members.append(
            Group("sums", "struct", [array("sums", o) for o in outputs(summing, t.sums)])
        )
        members.append(Group("ends", "struct", [array("ends", o) for o in self.ends]))
        members.append(
            Group(
                "tape",
                "struct",
                [array("tape", o, t.samples * t.segment) for o in outputs(forward, t.tape)],
            )
        )
        members.append(Group("losses", "struct", [array("losses", o, t.samples) for o in losses]))
        again = losses if t.segments > 1 else []
        members.append(Group("again", "struct", [array("again", o) for o in again]))
        values = {name for name, _ in t.rates.values()}
        for group, is_value in (("seeds", False), ("values", True)):
            found = [o for o in self.rate_outputs if (o.name in values) == is_value]
            members.append(Group(group, "struct", [array(group, o) for o in found]))
        for o in self.rate_outputs:  # what rates get is read as what is derived
            if o.name not in values:
                self.member[f"derived.{o.name}"] = self.member[f"seeds.{o.name}"]
        steps = forward.op.block_steps
        members.append(
            Group("outputs", "struct", [array("outputs", o, steps) for o in self.online_outputs])
        )
        rest = [name for name in self.programs if name != APPLY]
        members.extend(self.programs[name].state for name in rest)
        kept = [m for m in forward.state.members if isinstance(m, Array) and m.name != "magic"]
        self.kept = max((m.offset + m.size for m in kept), default=0)
        if t.segments > 1 and self.kept:
            members.append(Array("checkpoints", BYTE, t.segments * self.kept))
        members.append(Array("samples", WORD, 1))
        if t.is_online:
            members.append(Array("open", WORD, 1))
        members.append(Array("magic", WORD, 1))
        self.state = Group("train", "struct", members)
        self.state.place(0, ALIGNMENT)
        self.arrays = offsets(self.state)

    @property
    def forward(self) -> CProgram:
        """The program that gives the loss."""
        return self.programs[ONLINE if self.training.is_online else FORWARD]

    @property
    def summing(self) -> CProgram:
        """The program that gives the sums."""
        return self.programs[ONLINE if self.training.is_online else BACKWARD]

    @property
    def ends(self) -> list[Terminal]:
        """Gradients that are no sums over time but last values: added when a sample has ended."""
        sums = set(self.training.sums)
        return [t for t in self.summing.outputs if t.name in sums and t.kind == LAST]

    @property
    def rate_outputs(self) -> list[Terminal]:
        return self.programs[RATES].outputs if RATES in self.programs else []

    @property
    def online_outputs(self) -> list[Terminal]:
        """The network's own outputs as it learns."""
        if not self.training.is_online:
            return []
        return [t for t in self.forward.outputs if t.has_rows]

    @property
    def magic(self) -> int:
        value = 0x811C9DC5  # FNV-1a
        for byte in f"{self.prefix}:train:{self.state.size}".encode():
            value = (value ^ byte) * 0x01000193 & 0xFFFFFFFF
        return value or 1

    @staticmethod
    def _buffer(terminal: Terminal) -> tuple[int, ...]:
        """The sizes of a terminal at one step, as it is stored."""
        return terminal.stored if terminal.order else terminal.shape

    # --- calls

    def argument(self, name: str, terminal: Terminal, places: Mapping[str, tuple[str, str]]) -> str:
        """
        What a call passes: `places` are (pointer, row) by a terminal's name; parameters and
        what is derived of them are found by themselves.
        """
        program = self.programs[name]
        is_held = terminal in program.inputs and not terminal.has_rows
        if terminal.name in places and not (is_held and terminal.name not in self.own):
            pointer, row = places[terminal.name]
            if not terminal.has_rows or not row:
                return pointer
            place = row if row.isidentifier() else f"({row})"
            return f"{pointer} + {place} * {prod(self._buffer(terminal))}u"
        derived = self.member.get(f"derived.{terminal.name}")
        return derived or self.parameter(terminal.name)

    @property
    def own(self) -> set[str]:
        return {*self.training.inputs, *self.training.targets}

    def parameter(self, name: str) -> str:
        """A parameter, as an expression: a state of the apply program."""
        program = self.programs[APPLY]
        buffer = next(b for b in program.op.buffers(Role.STATE) if b.known_as == name)
        return f"s->{APPLY}.{program.member(buffer.sym_name.data)}"

    def call(self, name: str, places: Mapping[str, tuple[str, str]], steps: str) -> str:
        program = self.programs[name]
        arguments = [self.argument(name, t, places) for t in (*program.inputs, *program.outputs)]
        return f"{program.prefix}_block({', '.join([f'&s->{name}', *arguments, steps])});"

    def terminals(self, names: Sequence[str]) -> list[Terminal]:
        """The inputs of the network or the loss, as parameters of functions."""
        program = self.forward
        return [t for t in program.inputs if t.name in set(names) and self._is_own(t)]

    def _is_own(self, terminal: Terminal) -> bool:
        return terminal.has_rows or terminal.name in self.training.targets
