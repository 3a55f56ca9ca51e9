"""`Configuration`: a network on a chip, its bit-exact model, and the folder it is written to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
from xdsl.dialects.builtin import ModuleOp

from snncc.backends.cores.emitting import Golden
from snncc.cores.encoders import ENCODERS, InputEncoder
from snncc.cores.events import ChipModel, EventChip, running
from snncc.cores.legalize import Legalized, Step, legalize
from snncc.cores.measure import Data
from snncc.cores.repacking import repacked
from snncc.dialects.arrays import Array
from snncc.dialects.core.conformance import departures
from snncc.dialects.core.description import Description
from snncc.dialects.core.program import ProgramOp
from snncc.errors import Problem, error
from snncc.inputs import to_streams
from snncc.network import Network

if TYPE_CHECKING:
    from snncc.cores.eprop import OnChipTraining
    from snncc.cores.training import ChipTraining
    from snncc.training.losses import Loss

Engine: TypeAlias = Literal["model", "xylosim"]

REPACKED = "repacked"
"""The step that gave other weights."""


@dataclass(frozen=True)
class Configuration:
    """
    A network in the numbers of a chip, placed on it.

    `module` has the parameters and the `core.program`; `steps` say what each step of
    legalization changed and cost, and `golden` is a sample with what the chip makes of it. With an
    `encoder` inputs are real values, of which it makes spikes; `real` are those of the sample.
    """

    module: ModuleOp
    description: Description
    steps: tuple[Step, ...]
    golden: Golden
    encoder: InputEncoder | None = None
    real: Mapping[str, Array] = field(default_factory=dict[str, Array])
    warnings: tuple[Problem, ...] = ()
    """What stands for what the chip has not, and what it costs."""

    @property
    def program(self) -> ProgramOp:
        return next(op for op in self.module.ops if isinstance(op, ProgramOp))

    @property
    def name(self) -> str:
        return self.program.sym_name.data

    @cached_property
    def model(self) -> ChipModel:
        """The chip's bit-exact model: its `network` of integers, run by steps or by events."""
        return running(self.program, self.description)

    @cached_property
    def interface(self) -> Network:
        """A network with the inputs of this one, for readers of files."""
        return self.model.interface

    @property
    def lag(self) -> int:
        """Steps by which the outputs are behind the network that was compiled."""
        return max((int(op.lag.value.data) for op in self.program.outputs.values()), default=0)

    def run(
        self, x: Any, *, engine: Engine = "model", trace: bool = False, steps: int | None = None
    ) -> dict[str, Any]:
        """
        What the chip gives for spikes or counts [T, *shape] or [T, B, *shape], in the time of the
        network: outputs [T, ...] without the steps that they are late. `trace` gives the registers
        of every neuron too, in the chip's own time, [T + lag, ...].

        With an encoder x are real values of its inputs, or, with `steps`, values without an axis
        of time, held for so many steps.

        Raises SNC-N007 for what are no counts that the chip takes.
        """
        if self.encoder is not None:
            x = self.encoder.encode(x, steps=steps)
        elif steps is not None:
            raise error("SNC-C003", "steps: are for values, and the inputs are spikes")
        given = whole_inputs(self.model, x, self.description)
        if engine == "xylosim":
            from snncc.cores.xylosim import simulate

            found = {
                name: array.astype(self.golden.trace[name].dtype)
                for name, array in simulate(
                    self.program, self.description, late(given, self.lag)
                ).items()
                if name in (self.golden.trace if trace else self.program.outputs)
            }
        elif engine == "model":
            found = self.model.run(late(given, self.lag), trace=trace)
        else:
            raise error("SNC-C003", f"engine: expected model or xylosim, got {engine!r}")
        steps = len(next(iter(given.values())))
        for name, op in self.program.outputs.items():
            lag = int(op.lag.value.data)
            found[name] = found[name][lag : lag + steps]
        return found

    def encoded(self, x: Any) -> Any:
        """Values as the spikes that the encoder makes of them; spikes without one."""
        return x if self.encoder is None else self.encoder.encode(x)

    def repacked(self, weights: Mapping[str, Any]) -> Configuration:
        """
        The same network with other weights, thresholds or biases, by the names of the program:
        `SOURCE.to.TARGET.N`, dense [sources, targets] or [synapses], and `POPULATION.PARAMETER`,
        [neurons]. Integers are the chip's; floats are in the units of the network that was
        compiled, and are rounded with the scales that were chosen then. The golden sample is run
        again. Raises SnnccError (`snncc/cores/repacking.py`).
        """
        found = repacked(self.module, self.description, weights)
        steps = (*self.steps, Step(REPACKED, found.changes, None))
        again = replace(self, module=found.module, steps=steps)
        return replace(again, golden=_traced(again.model, self.golden.inputs))

    def trainer(self, loss: Loss | str, **options: Any) -> ChipTraining:
        """
        Training with the chip in the loop: forward on its model, backward on the host. Options are
        those of `snncc.cores.training.ChipTraining`: `steps` (those of calibration), `optimizer`,
        `surrogate`, `trainable` tables and biases, and those of `snncc.training.TrainProgram`.
        """
        from snncc.cores.training import ChipTraining

        return ChipTraining(self, loss, **options)

    def on_chip(self, x: Any, **options: Any) -> OnChipTraining:
        """
        Learning on the chip, on a model of its engine; `x` are calibration data [T, B, *shape].
        Options are those of `snncc.cores.eprop.OnChipTraining`: `surrogate`, `optimizer`,
        `trainable`, `target_steps`, `seed`. Raises SNC-C003 for a chip without an engine.
        """
        from snncc.cores.eprop import OnChipTraining

        return OnChipTraining(self, x, **options)

    @property
    def is_repacked(self) -> bool:
        """Whether its weights are others than those that were compiled."""
        return any(step.name == REPACKED for step in self.steps)

    def save(self, folder: str | Path) -> Path:
        """Writes the folder, all of it or none. Raises SNC-C004."""
        from snncc.cores.folder import save

        return save(self, Path(folder))

    def __repr__(self) -> str:
        return f"Configuration({self.name} for {self.description.name})"


def configure(
    network: Network,
    description: Description,
    calibration: Any,
    labels: Array | None = None,
    score: str | None = None,
    encoder: InputEncoder | None = None,
) -> Configuration:
    """
    Legalizes a network for a chip and places it. `calibration` are spikes or counts,
    [T, B, *shape] by input, or with an `encoder` values of its inputs; `labels` [B] tell what each
    step costs in accuracy.

    Raises SnnccError with all that does not fit.
    """
    real: dict[str, Array] = {}
    if encoder is not None:
        streams = to_streams(encoder.network.op, calibration)
        real = {name: array[:, 0] for name, array in streams.arrays.items()}
        calibration = encoder.encode(streams.arrays)
    given = whole_inputs(network, calibration, description)
    data = Data(batched(network, given), labels)
    if labels is not None and labels.shape != (data.samples,):
        raise error(
            "SNC-R003",
            f"labels: expected {data.samples} numbers, one for each sample, "
            f"got {list(labels.shape)}",
        )
    if labels is not None:
        classes = int(np.prod(network.outputs[score or next(iter(network.outputs))], dtype=int))
        if not 0 <= labels.min() <= labels.max() < classes:
            raise error(
                "SNC-R003",
                f"labels: expected 0 to {classes - 1}, got {labels.min()} to {labels.max()}",
            )
    legal = legalize(network, description, data, score)
    found = departures(legal.program, description)
    assert not found, found
    return Configuration(
        legal.module,
        description,
        legal.steps,
        _golden(legal, data),
        encoder,
        real,
        legal.warnings,
    )


def _golden(legal: Legalized, data: Data) -> Golden:
    """The first sample, and silence until everything of it has come out."""
    late_by = max(legal.lags.values(), default=0)
    sample = {name: array[:, :1] for name, array in data.arrays.items()}
    x = late(sample, late_by)
    return _traced(legal.model, {name: array[:, 0] for name, array in x.items()})


def _traced(model: ChipModel, inputs: Mapping[str, Array]) -> Golden:
    """What the chip's model makes of one sample, [T, n]."""
    x, order = {name: array[:, None] for name, array in inputs.items()}, None
    if isinstance(model, EventChip):
        trace, order = model.ordered(x)
    else:
        trace = model.run(x, trace=True)
    return Golden(
        model.program.with_always(inputs),
        {name: array[:, 0] for name, array in trace.items() if name != "final"},
        order,
    )


def late(x: Mapping[str, Array], steps: int) -> dict[str, Array]:
    """The arrays with steps of silence behind them."""
    return {
        name: np.concatenate([a, np.zeros((steps, *a.shape[1:]), a.dtype)]) for name, a in x.items()
    }


def batched(network: Network | ChipModel, x: Mapping[str, Array]) -> dict[str, Array]:
    return {
        name: array if array.ndim == len(network.inputs[name]) + 2 else array[:, None]
        for name, array in x.items()
    }


def whole_inputs(
    network: Network | ChipModel, x: Any, description: Description
) -> dict[str, Array]:
    """Counts, uint8, as the chip takes them. Raises SNC-R001 and SNC-N007."""
    if not isinstance(x, Mapping):
        if len(network.inputs) != 1:
            raise error("SNC-R001", f"expected arrays by name: {', '.join(network.inputs)}")
        x = {next(iter(network.inputs)): x}
    if set(x) != set(network.inputs):
        raise error("SNC-R001", f"expected {', '.join(network.inputs)}, got {', '.join(x)}")
    found = {}
    for name, shape in network.inputs.items():
        array = np.asarray(x[name])
        extra = array.ndim - len(shape)
        if extra not in (1, 2) or array.shape[extra:] != shape or not array.size:
            sizes = "".join(f", {size}" for size in shape)
            raise error(
                "SNC-R001",
                f"input {name!r}: expected [T{sizes}] or [T, B{sizes}], got {list(array.shape)}",
            )
        most = description.inputs.most
        counts = np.nan_to_num(array.astype(np.float64), nan=-1)
        if (counts != np.rint(counts)).any() or counts.min() < 0 or counts.max() > most:
            what = "spikes, 0 or 1" if most == 1 else f"counts of spikes, 0 to {most}"
            raise error(
                "SNC-N007",
                f"input {name!r}: {description.name} takes {what}; got {array.min():.4g} to "
                f"{array.max():.4g}",
                remedy="encode it first, as the network was trained: "
                f"--encode {'|'.join(sorted(ENCODERS))}, with options",
            )
        found[name] = counts.astype(np.uint8)
    leads = {
        name: array.shape[: array.ndim - len(network.inputs[name])] for name, array in found.items()
    }
    if len(set(leads.values())) > 1:
        told = ", ".join(f"{name}: {list(lead)}" for name, lead in leads.items())
        raise error("SNC-R001", f"inputs differ in steps or samples ({told})")
    return found
