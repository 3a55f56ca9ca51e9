"""
A model of ReckOn that plays command files, and records what the chip does.

Written from srnn.v and spi_slave.v of ChFrenkel/ReckOn 5e5c0be, independently of the compiler.
Words and registers that no command has written have no value: needing one raises Undefined. What
the chip ignores silently, or never finishes, raises Misuse.

The sheet says less than the RTL does about: odd numbers of neurons (the last pair is not stepped),
neurons above NUM_REC (stepped, if there are more inputs or outputs), decay (it wraps), the marks of
live pairs, and e-prop (see reckon_learning). Not modelled: local ticks, and the debug access to
spike and dirty bits; both raise.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from tests.backends.cores.commands import Command, parse_commands
from tests.backends.cores.reckon_learning import Learning
from tests.backends.cores.reckon_memory import OUTPUTS, PAIRS, Misuse, WeightMemory, wrapped
from tests.backends.cores.reckon_network import Network

CONFIGURATION, NEURON, OUTPUT, INPUT_WEIGHT, RECURRENT_WEIGHT, OUTPUT_WEIGHT = range(6)
# What the chip does between two commands.
IDLE, BETWEEN, CONFIG, ASKING = "idle", "between", "config", "asking"


@dataclass
class Tick:
    """
    One tick. u [256] and o [16] after STEP and after PROP; `z` are the spikes of STEP. None for a
    phase that the tick does not have: the first one of a sample has no STEP, the last no PROP.
    """

    z: np.ndarray | None = None
    u_stepped: np.ndarray | None = None
    o_stepped: np.ndarray | None = None
    u: np.ndarray | None = None
    o: np.ndarray | None = None
    counts: np.ndarray | None = None


@dataclass
class ReckonChip:
    """
    The chip. `ticks` one per tick, `reads` a list of words per `read`, `sent` the bytes on the
    output bus, `results` what was sent at the end of each sample.
    """

    network: Network = field(default_factory=Network)
    state: str = IDLE
    sample: int = 0
    target_valid: int = 0
    infer: int = 0
    events: set[int] = field(default_factory=set)
    counts: list[int] = field(default_factory=lambda: [0] * OUTPUTS)
    got_label: bool = False
    target_count: int = 0
    ticks: list[Tick] = field(default_factory=list)
    reads: list[list[int]] = field(default_factory=list)
    sent: list[int] = field(default_factory=list)
    results: list[list[int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.registers = self.network.registers
        self.learning = Learning(self.network)
        self.due: set[int] = set()  # input events of this tick

    def play(self, text: str) -> ReckonChip:
        """Plays a command file. Raises CommandError, Undefined or Misuse, with the line."""
        for command in parse_commands(text):
            try:
                self.do(command)
            except Exception as e:
                e.add_note(f"line {command.line}: {command.name}")
                raise
        return self

    def do(self, command: Command) -> None:
        """One command, until the chip does nothing."""
        match command.name, command.numbers:
            case "write", (address, *data):
                self.write(address, data)
            case "read", (address,):
                self.read(address)
            case "event", (address,):
                self.event(address)
            case "target", (address,):
                self.target(address)
            case "pins", (sample, target_valid, infer):
                self.sample, self.target_valid, self.infer = sample, target_valid, infer
            case _:
                self.tick()

    # SPI

    def decode(self, address: int, count: int | None) -> tuple[int, int, int]:
        """Code, number of words and first address of a transaction."""
        words, code, first = address >> 16 & 0xFFF, address >> 28 & 7, address & 0xFFFF
        if address >> 32 or words == 0 or words != (words if count is None else count):
            raise Misuse(f"address {address:#x}: {words} words announced, {count} given")
        if code == CONFIGURATION:
            if words > 1:
                raise Misuse("a write of several words goes to one and the same register")
            return code, words, first
        sizes = {NEURON: 4 * PAIRS, OUTPUT: OUTPUTS, OUTPUT_WEIGHT: 4 * 256}
        sizes |= {INPUT_WEIGHT: 64 * 256, RECURRENT_WEIGHT: 64 * 256}
        if code not in sizes or first + words > sizes[code]:
            raise Misuse(f"address {address:#x}: outside of the memory of code {code}")
        if not self.registers["EN_CONF"]:
            raise Misuse("the memories are not accessible while EN_CONF is 0")
        if self.state == ASKING:
            raise Misuse("access while the chip waits for a target")
        return code, words, first

    def weights(self, code: int) -> WeightMemory:
        """The memory of a code."""
        network = self.network
        return {
            INPUT_WEIGHT: network.winp,
            RECURRENT_WEIGHT: network.wrec,
            OUTPUT_WEIGHT: network.wout,
        }[code]

    def write(self, address: int, data: list[int]) -> None:
        """An SPI write. Raises Misuse."""
        if address >> 31:
            raise Misuse(f"write with the address of a read: {address:#x}")
        code, _, first = self.decode(address, len(data))
        if max(data) >> 32:
            raise Misuse(f"a word of more than 32 bits: {max(data):#x}")
        if code == CONFIGURATION:
            self.write_register(first, data[0])
            return
        for i, word in enumerate(data, start=first):
            if code == NEURON:
                self.network.neurons.write(i, word)
            elif code == OUTPUT:
                if word >> 16:
                    raise Misuse(f"an output potential has 16 bits: {word:#x}")
                self.network.o[i] = wrapped(word, 16)
            else:
                self.weights(code).write(i, word)

    def write_register(self, address: int, value: int) -> None:
        """Sets a register, and what follows from it."""
        name = self.registers.write(address, value)
        if name == "LOCAL_TICK" and value:
            raise Misuse("local ticks are not modelled")
        if name.startswith("SEED"):
            if not self.registers["EN_CONF"]:
                raise Misuse(f"{name} is taken only while EN_CONF is 1")
            self.network.load_seed(name)
            self.learning.load_seed(name)
        if name == "EN_CONF" and not value and self.state == CONFIG:
            self.after_step()

    def read(self, address: int) -> None:
        """An SPI read. Raises Misuse, Undefined."""
        code, words, first = self.decode(address, None)
        if not address >> 31 or code == CONFIGURATION:
            raise Misuse(f"no address of a read: {address:#x}")
        values = []
        for i in range(first, first + words):
            if code == NEURON:
                values.append(self.network.neurons.read(i))
            elif code == OUTPUT:
                values.append(int(self.network.o[i]) & 0xFFFF)
            else:
                values.append(self.weights(code).read(i))
        self.reads.append(values)

    # Events

    def event(self, address: int) -> None:
        """An input spike. Raises Misuse if no tick would use it."""
        if address > self.network.last_source:
            raise Misuse(f"input {address} is above the last source {self.network.last_source}")
        self.events.add(address)

    def target(self, address: int) -> None:
        """A label, or a byte of a target."""
        registers, done = self.registers, True
        if address >> 8:
            raise Misuse(f"a target has 8 bits: {address:#x}")
        if registers["REGRESSION"]:
            if self.state == IDLE:
                self.target_count = 0
            self.learning.targets[self.target_count] = address
            done = self.target_count == 2 * registers["NUM_OUT_NEUR"] + 1
            self.target_count = (self.target_count + 1) % (2 * OUTPUTS)
        else:
            self.learning.label = address & 0xF
            self.got_label = True  # the first tick forgets it
        if self.state == ASKING and done:
            self.target_count = 0
            self.learn()

    # Ticks

    def tick(self) -> None:
        """One tick. Raises Misuse if the chip is not ready for it."""
        if self.state in (CONFIG, ASKING):
            raise Misuse(f"a tick while the chip is in state {self.state}: timing error")
        if self.state == IDLE and not self.sample:
            raise Misuse("a tick outside of a sample: the chip drops the events")
        self.due, self.events = self.events, set()
        self.ticks.append(Tick())
        if self.state == IDLE:
            self.got_label, self.target_count = False, 0
            self.propagate()
            return
        self.network.step()
        self.count()
        now = self.ticks[-1]
        now.z, now.u_stepped, now.o_stepped = self.network.z.copy(), *self.potentials()
        now.counts = np.array(self.counts)
        if not self.sample:
            self.finish()
        elif self.registers["EN_CONF"]:
            self.state = CONFIG
        else:
            self.after_step()

    def potentials(self) -> tuple[np.ndarray, np.ndarray]:
        """u [256] and o [16]; u is 0 where it has no value."""
        neurons = self.network.neurons
        return np.where(np.repeat(neurons.live, 2), neurons.values["u"], 0), self.network.o.copy()

    def count(self) -> None:
        """INFER_ACC: the largest output gets a count, the first among equals."""
        if self.infer:
            used = self.network.o[: self.registers["NUM_OUT_NEUR"] + 1]
            winner = 0 if self.registers["REGRESSION"] else int(used.argmax())
            self.counts[winner] = (self.counts[winner] + 1) & 0xFFFF

    def after_step(self) -> None:
        """What follows STEP within a sample."""
        registers = self.registers
        if registers["DO_EPROP"] and (self.target_valid or registers["REGUL_MODE"] >> 1 == 3):
            if registers["SINGLE_LABEL"] and self.got_label:
                self.learn()
            else:
                self.state = ASKING
        else:
            self.propagate_or_send()

    def learn(self) -> None:
        """EPROP, and what follows it."""
        if not self.sample and not self.registers["SEND_PER_TIMESTEP"]:
            raise Misuse("SAMPLE is 0 in e-prop: the chip does not leave it")
        self.learning.learn(bool(self.target_valid))
        self.propagate_or_send()

    def propagate_or_send(self) -> None:
        """PROP; before it the outputs, if they are sent at each tick."""
        if self.registers["SEND_PER_TIMESTEP"]:
            if not self.sample:
                self.finish()
                return
            self.send()
        self.propagate()

    def propagate(self) -> None:
        """PROP, and the end of the tick."""
        self.network.propagate(self.due)
        self.due = set()
        self.ticks[-1].u, self.ticks[-1].o = self.potentials()
        self.state = BETWEEN

    def send(self) -> list[int]:
        """One message on the output bus: the label, or all outputs."""
        registers = self.registers
        if registers["SEND_LABEL_ONLY"]:
            used = self.counts[: registers["NUM_OUT_NEUR"] + 1]
            message = [0 if registers["REGRESSION"] else used.index(max(used))]
        else:
            used = self.network.o[: registers["NUM_OUT_NEUR"] + 1]
            message = list(used.astype("<i2").tobytes())
        self.sent += message
        return message

    def finish(self) -> None:
        """The end of a sample."""
        self.results.append(self.send())
        self.network.forget()
        self.events, self.due, self.counts = set(), set(), [0] * OUTPUTS
        self.got_label, self.target_count, self.state = False, 0, IDLE
