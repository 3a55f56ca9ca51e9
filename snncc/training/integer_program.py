"""A network that learns online without floats: forward, traces, signals, sums and updates."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

from snncc.dialects.arrays import Array
from snncc.dialects.kernel.buffers import Role
from snncc.dialects.snn.attributes import SurrogateAttr
from snncc.errors import error
from snncc.interpreters.program import in_model_order
from snncc.network import Network
from snncc.passes.online.feedback import FeedbackKind
from snncc.runtime.toolchain import FAST
from snncc.training.integer_schedules import PREDICT, Integers, schedule_integers
from snncc.training.integer_updates import MOST, ONE
from snncc.training.integers import remade
from snncc.training.losses import Loss
from snncc.training.online_program import OnlineProgram
from snncc.training.optimizers import Optimizer
from snncc.training.program import write_parameter
from snncc.training.samples import ONLINE
from snncc.training.schedules import Programs


class IntegerProgram(OnlineProgram):
    """
    An `OnlineProgram` of a network of integers (`quantize(..., trainable=...)`) in which nothing
    is a float: its C runs where floats are missing.

        net = snncc.quantize(net, "int8", calibration=x, trainable="all")
        program = IntegerProgram(
            net, "ce_per_step", steps=25, calibration=x, calibration_target=labels,
            optimizer="sgd(lr=0.01, rounding='stochastic', bits=8)",
        )
        loss = program.train_step(x, label)

    Weights are signed integers of so many `bits`, biases of 32; nothing else remembers them.
    Traces, pseudo-derivatives, learning signals and sums are fixed-point numbers, whose units
    follow from a run of the float e-prop on the calibration data (the first 32 samples).

    Python takes and gives floats as other programs do, and rounds them: what the C takes is
    whole numbers, whose units are in the header and the manifest (`units`).
    """

    integers: Integers
    is_integer = True

    def __init__(
        self,
        network: Network,
        loss: Loss | str,
        *,
        steps: int,
        calibration: Any,
        calibration_target: Any = None,
        optimizer: Optimizer | str = "sgd(rounding='stochastic')",
        trainable: Sequence[str] | None = None,
        surrogate: SurrogateAttr | str | None = None,
        feedback: FeedbackKind = "symmetric",
        seed: int = 0,
        time_block: int = 1,
        prefix: str | None = None,
        weights: Literal["auto", "c", "bin"] = "auto",
        cc: str | None = None,
        cflags: Sequence[str] = FAST,
    ):
        """
        As of `OnlineProgram`. `calibration`: inputs [T, B, *shape], `calibration_target`: their
        labels or arrays; labels that are not given are taken in turn. Raises SnnccError:
        SNC-C003 for options, SNC-T001 for what has no form in integers.
        """
        self._calibration = calibration, calibration_target
        super().__init__(
            network,
            loss,
            steps=steps,
            optimizer=optimizer,
            trainable=trainable,
            surrogate=surrogate,
            feedback=feedback,
            seed=seed,
            time_block=time_block,
            prefix=prefix,
            weights=weights,
            cc=cc,
            cflags=cflags,
        )

    def _scheduled(self, loss: Loss | str, steps: int, **options: Any) -> Programs:
        calibration, target = self._calibration
        programs, self.integers = schedule_integers(
            self.network,
            loss,
            steps,
            self.optimizer,
            trainable=options["trainable"],
            block=options["block"],
            options=options["options"],
            calibration=calibration,
            target=target,
        )
        return programs

    def _report(self, programs: Programs) -> dict[str, Any]:
        """What whole numbers are worth."""
        found = self.integers
        scales: dict[str, Any] = {
            name: whole.unit.ravel().tolist() for name, whole in found.wholes.items()
        }
        return {
            "scales": scales,
            "units": {
                "loss": found.loss,
                "rate": 1.0 / ONE,
                "inputs": {name: f.unit for name, f in found.formats.items()},
                "outputs": {
                    **{name: unit.ravel().tolist() for name, unit in found.units.items()},
                    **{name: f.unit for name, f in found.outputs[PREDICT].items()},
                },
                "sums": {n: found.outputs[ONLINE][n].unit for n in programs.sums},
            },
        }

    # --- training

    def _given(self, arrays: Mapping[str, Array]) -> Mapping[str, Array]:
        return self.integers.inputs_of(arrays)

    def _losses(self, count: int) -> Array:
        return np.zeros(count, np.int32)

    def _in_units(self, losses: Array) -> Array:
        return losses * self.integers.loss

    def apply(self, rate: float | None = None) -> None:
        lr = self.optimizer.lr
        wanted = self._rate(rate)
        if wanted > lr * MOST / ONE:
            raise error(
                "SNC-C003",
                f"rate: expected 0 to {MOST // ONE} times the compiled one, {lr}, got {rate!r}",
                remedy=f"optimizer='sgd(lr={rate}, ...)'",
            )
        ratio = round(wanted / lr * ONE) if lr else ONE
        self._running.call("apply_gradients", ctypes.c_uint32(ratio))

    def train_steps(self, x: Any, target: Any) -> dict[str, Array]:
        found = super().train_steps(x, target)
        return self._floats(found, ONLINE)

    def run(self, x: Any) -> dict[str, Array]:
        return self._floats(super().run(x), PREDICT)

    def _floats(self, arrays: dict[str, Array], program: str) -> dict[str, Array]:
        formats, units = self.integers.outputs[program], self.integers.units
        found: dict[str, Array] = {}
        for name, array in arrays.items():
            if name in units:
                array = array.astype(np.float32) * units[name]
            elif name in formats:
                array = (array * formats[name].unit).astype(np.float32)
            found[name] = array
        return found

    # --- parameters and gradients

    def parameters(self) -> dict[str, Array]:
        return {n: self.integers.wholes[n].numbers(bits) for n, bits in self._bits().items()}

    def _bits(self) -> dict[str, Array]:
        """Parameter -> its integers with the model's shape."""
        learned, kept = self.programs.learned, self.package.manifest["parameters"]
        found: dict[str, Array] = {}
        for p in self.programs.parameters:
            array = self._running.array(kept[p.name])
            bits = array.view(f"u{array.itemsize}")
            found[p.name] = learned.in_model_order(p.name, bits, p.type.get_shape())
        return found

    def _stored(self, name: str, array: Array) -> Array:
        return self.programs.learned.stored(name, self.integers.wholes[name].stored(array))

    def gradients(self) -> dict[str, Array]:
        """As of `TrainProgram`: by what one step of an integer is worth."""
        samples = max(1, self._running.word("samples"))
        kept, sums = self.package.manifest["sums"], {}
        for buffer in self.programs.backward.buffers(Role.OUTPUT):
            if buffer.known_as in kept:
                stored = self._running.array(kept[buffer.known_as])
                logical = in_model_order(buffer, stored.reshape(buffer.shape))
                unit = self.integers.outputs[ONLINE][buffer.known_as].unit
                sums[buffer.known_as] = logical.astype(np.float64) * unit / samples
        return {
            name: (g.factor * sums[g.source].reshape(g.factor.shape)).astype(np.float32)
            for name, g in self.integers.gradients.items()
        }

    def trained(self) -> Network:
        """A copy of the network with the integers that it computes with now."""
        module = self.network.module.clone()
        for name, bits in self._bits().items():
            write_parameter(module, name, self.integers.wholes[name].computed(bits))
        return remade(self.network, module)
