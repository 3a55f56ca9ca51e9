"""
Training with the chip in the loop: forward on its bit-exact model, backward on the host.

The model's weights and biases follow floats (`passes/chip_model/shadows.py`), its spikes have a
surrogate, and everything else is the training of any network of integers: C where there is a
compiler for it. What was trained becomes a configuration of the same chip.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

from snncc.compiled import compile as compiled
from snncc.cores.configuration import Configuration, late, whole_inputs
from snncc.dialects.arrays import Array
from snncc.dialects.core.program import SynapsesOp
from snncc.dialects.snn.attributes import SurrogateAttr
from snncc.errors import error
from snncc.network import Network
from snncc.passes.chip_model import Learning, Shadow, learning_model, shadows_of
from snncc.training.losses import Loss
from snncc.training.optimizers import Optimizer
from snncc.training.program import TrainProgram
from snncc.training.surrogates import surrogate_of


class ChipTraining:
    """
    A configuration that is trained; `Configuration.trainer` makes one.

        training = configuration.trainer("ce_count", optimizer="adam")
        for x, labels in batches:              # x: [T, B, *shape], spikes or counts
            training.train_step(x, labels)
            training.apply(1e-3)
        tuned = training.configuration()
    """

    def __init__(
        self,
        configuration: Configuration,
        loss: Loss | str,
        *,
        steps: int | None = None,
        optimizer: Optimizer | str = "adam",
        surrogate: SurrogateAttr | str | None = "atan(a=2.0)",
        trainable: Sequence[str] | None = None,
        accumulate: Literal["sum", "events"] = "sum",
        mode: Literal["bptt", "eprop"] = "bptt",
        **options: Any,
    ):
        self._configuration = configuration
        program, description = configuration.program, configuration.description
        lacking = [name for name, op in program.populations.items() if op.scales() is None]
        if lacking:
            raise error(
                "SNC-C003",
                f"{', '.join(lacking)}: the configuration keeps no scales, which shadows follow",
                remedy="compile the network again",
            )
        if accumulate not in ("sum", "events"):
            raise error("SNC-C003", f"accumulate: expected sum or events, got {accumulate!r}")
        learning = self._learning(trainable, surrogate_of(surrogate))
        self.shadows: Mapping[str, Shadow] = shadows_of(program, description, learning)
        """What is trained, by name."""
        self.network = Network(learning_model(program, description, learning, accumulate))
        """The chip's model with floats behind what is trained."""
        if steps is None:
            steps = len(next(iter(configuration.golden.inputs.values()))) - configuration.lag
        self.steps = steps
        self.program: TrainProgram = compiled(
            self.network,
            train=mode,
            loss=loss,
            steps=steps + configuration.lag,
            optimizer=optimizer,
            **options,
        )

    def _learning(
        self, trainable: Sequence[str] | None, surrogate: SurrogateAttr | None
    ) -> Learning:
        program, description = self._configuration.program, self._configuration.description
        tables = [op.sym_name.data for op in program.synapses if isinstance(op, SynapsesOp)]
        biases: dict[str, str] = {}
        configured = []
        for name, op in program.populations.items():
            key = description.neurons[op.neuron_class.data].approximates.bias
            if key is not None:
                biases[f"{name}.{key}"] = name
                configured += [f"{name}.{key}"] * (key in op.parameters.data)
        chosen = [*tables, *configured] if trainable is None else list(trainable)
        unknown = [name for name in chosen if name not in tables and name not in biases]
        if unknown or not chosen:
            raise error(
                "SNC-C003",
                f"trainable: expected some of {', '.join([*tables, *biases])}, "
                f"got {', '.join(map(repr, unknown)) or 'none'}",
            )
        return Learning(
            surrogate,
            frozenset(name for name in chosen if name in tables),
            frozenset(biases[name] for name in chosen if name in biases),
        )

    def train_step(self, x: Any, target: Any) -> float:
        """
        Adds the gradients of samples, spikes or counts [T, B, *shape] or [T, *shape] with labels
        or targets, as the chip is later: the loss sees the steps of silence in which the last
        outputs come. Gives their mean loss. Raises SNC-N007, SNC-R001, SNC-R003.
        """
        return self.program.train_step(self._inputs(x), target)

    def apply(self, rate: float | None = None) -> None:
        """One update by the mean of the gradients since the last."""
        self.program.apply(rate)

    def run(self, x: Any) -> dict[str, Array]:
        """
        Outputs of the model with the weights as they are, in the time of the network; potentials
        in its units.
        """
        found = self.program.run(self._inputs(x))
        for name, op in self._configuration.program.outputs.items():
            lag = int(op.lag.value.data)
            found[name] = found[name][lag : lag + self.steps]
        return found

    def _inputs(self, x: Any) -> dict[str, Array]:
        c = self._configuration
        given = late(whole_inputs(c.model, c.encoded(x), c.description), c.lag)
        return c.program.with_always(given)

    def weights(self) -> dict[str, Array]:
        """
        Whole numbers as `Configuration.repacked` takes them: tables dense, [sources, targets],
        biases [neurons].
        """
        held = self.program.parameters()
        found = {name: shadow.whole(held[name]) for name, shadow in self.shadows.items()}
        return {name: np.ascontiguousarray(array.T) for name, array in found.items()}

    def configuration(self) -> Configuration:
        """The same chip with what was trained."""
        return self._configuration.repacked(self.weights())
