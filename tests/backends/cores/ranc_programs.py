"""Random programs for RANC's neurons, and how what is placed is compared with the chip's model."""

from __future__ import annotations

from typing import Any

import numpy as np
from xdsl.dialects.builtin import ModuleOp

from snncc.backends.cores.emitting import Golden
from snncc.backends.cores.ranc.emit import emit
from snncc.cores.chips import chip_named
from snncc.dialects.arrays import blob_of, type_of
from snncc.dialects.core.description import Description
from snncc.dialects.core.program import InputOp, OutputOp, PopulationOp, ProgramOp, SynapsesOp
from snncc.dialects.core.wiring import Wiring
from snncc.dialects.snn.parameters import ParameterOp
from snncc.network import Network
from snncc.passes.chip_model import model_of
from tests.backends.cores.ranc_chip import Run, play


def small_ranc(neurons: int, axons: int, width: int = 4, height: int = 3) -> Description:
    """RANC with cores of another size, which are parameters of it."""
    chip = chip_named("ranc")
    kind = chip.neurons["neuron"].model_copy(update={"count": neurons})
    grid = chip.grid.model_copy(update={"axons": axons, "width": width, "height": height})
    return chip.model_copy(update={"neurons": {"neuron": kind}, "grid": grid})


class Drawn:
    """A program that is put together piece by piece, with numbers from a generator."""

    def __init__(self, seed: int):
        self.rng = np.random.default_rng(seed)
        self._parameters: list[ParameterOp] = []
        self._endings: dict[str, Any] = {}
        self._kinds: dict[str, tuple[Any, Any]] = {}
        self._synapses: list[SynapsesOp] = []
        self._outputs: list[OutputOp] = []

    def input(self, name: str, size: int) -> None:
        self._endings[name] = InputOp(name, [size])

    def population(self, name: str, size: int, levels: int | None = None) -> None:
        """`levels` None: weights of -1 and 1 for all; else so many of each neuron's own."""
        rng = self.rng
        numbers = {
            "threshold": rng.integers(1, 6 if levels is None else 40, size),
            "leak": rng.integers(-1, 2, size) * (rng.random(size) < 0.3),
            "negative_threshold": -rng.integers(3, 257, size),
            "reset_mode": rng.integers(0, 2, size),
        }
        symbols = {key: self._parameter(f"{name}.{key}", v) for key, v in numbers.items()}
        self._endings[name] = PopulationOp(name, "neuron", [size], symbols)
        own = np.tile([-1, 1], (size, 1))
        if levels is not None:
            own = np.array(
                [rng.choice(np.arange(1, 30), levels, replace=False) for _ in range(size)]
            ) * rng.choice([-1, 1, 1], (size, levels))
        self._kinds[name] = (own, None)

    def connect(self, source: str, target: str, share: float, delay: int = 0) -> None:
        rng, (own, _) = self.rng, self._kinds[target]
        shape = (self._endings[source].size, self._endings[target].size)
        sources, targets = np.nonzero(rng.random(shape) < share)
        weights = own[targets, rng.integers(0, own.shape[1], len(targets))]
        name = f"s{len(self._synapses)}"
        edge = "input" if isinstance(self._endings[source], InputOp) else "spike"
        arrays = tuple(
            self._parameter(f"{name}.{what}", values)
            for what, values in (("i", sources), ("j", targets), ("w", weights))
        )
        self._synapses.append(SynapsesOp(name, source, target, edge, 0, delay, arrays))

    def output(self, name: str, source: str) -> None:
        self._outputs.append(OutputOp(name, source, 0))

    def module(self) -> ModuleOp:
        ops = [*self._endings.values(), *self._synapses, *self._outputs]
        program = ProgramOp("drawn", "ranc", {}, [op.clone() for op in ops])
        module = ModuleOp([*(op.clone() for op in self._parameters), program])
        module.verify()
        return module

    def _parameter(self, name: str, values: Any) -> str:
        array = np.asarray(values).astype(np.int16)
        self._parameters.append(ParameterOp(name, type_of(array), blob_of(array)))
        return name


def program_of(module: ModuleOp) -> ProgramOp:
    return next(op for op in module.ops if isinstance(op, ProgramOp))


def golden_of(program: ProgramOp, chip: Description, x: dict[str, Any]) -> Golden:
    """What the chip's model does with spikes [T, n]."""
    trace = Network(model_of(program, chip)).run(x, trace=True)
    return Golden(x, {name: array for name, array in trace.items() if name != "final"})


def expect_same(program: ProgramOp, chip: Description, golden: Golden, wrap: bool = True) -> Run:
    """
    Runs the files on the player of RANC: every neuron, copies too, has the spikes and potentials
    of its element in the model, and the output bus shows them. `wrap` False: and nothing wraps.
    """
    files = {path: data.decode() for path, data in emit(program, chip, golden).items()}
    ticks = int(files["ticks"])
    run = play(files["input.json"], files["config.json"], ticks, 9, wrap)
    assert run.merged == ()
    assert run.output_file().decode() == files["expected.txt"]
    wiring = Wiring(program)
    for name, neurons in wiring.neurons.items():
        spikes = golden.trace[name].reshape(golden.steps, -1)[:, neurons.element]
        potentials = golden.trace[f"{name}.v"].reshape(golden.steps, -1)[:, neurons.element]
        for number, (core, slot) in enumerate(zip(neurons.core, neurons.slot, strict=True)):
            place = wiring.cores[core]
            np.testing.assert_array_equal(
                run.spikes[place][: golden.steps, slot], spikes[:, number], f"{name} {number}"
            )
            np.testing.assert_array_equal(
                run.potentials[place][: golden.steps, slot], potentials[:, number], f"{name}.v"
            )
    for output in program.outputs.values():
        name = output.source.root_reference.data
        rows = wiring.lines[name]
        shown = golden.trace[name].reshape(golden.steps, -1)
        element = wiring.neurons[name].element[rows[:, 0]]
        np.testing.assert_array_equal(run.outputs[1:, rows[:, 1]], shown[:, element])
    return run
