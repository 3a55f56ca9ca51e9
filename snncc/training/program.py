"""A network that is trained in C: one sample at a time, all memory in one struct."""

from __future__ import annotations

import ctypes
import warnings
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
from xdsl.dialects.builtin import ModuleOp

from snncc.backends.c.names import prefix_fault, prefix_of
from snncc.backends.c.package import CPackage
from snncc.backends.c.training import Training, emit_training, with_inference
from snncc.dialects import snn
from snncc.dialects.arrays import Array, blob_of, dense_of
from snncc.dialects.kernel.buffers import Role
from snncc.dialects.snn.attributes import BlobAttr, SurrogateAttr
from snncc.dialects.snn.types import Stream
from snncc.errors import SnnccWarning, error
from snncc.inputs import Streams, to_streams
from snncc.interpreters.network import NetworkInterpreter
from snncc.interpreters.program import in_model_order
from snncc.network import Network, expect_network
from snncc.options import SINGLE_MOST, is_real, is_whole
from snncc.passes.differentiation.parameters import GRADIENT
from snncc.runtime.toolchain import FAST, find_compiler, has_fast_fma
from snncc.training.gradients import Mode, Options
from snncc.training.integers import for_use, remade
from snncc.training.losses import Loss
from snncc.training.optimizers import Optimizer, optimizer_of
from snncc.training.running import C_TYPES, Running
from snncc.training.schedules import Programs, schedule_training
from snncc.training.surrogates import surrogate_of

MAX_STEPS = (1 << 31) - 1
"""Of a sample: steps are counted in 32 bits on small processors."""
MAX_SAMPLES = 1024
"""That run at once: memory grows by each, and the time of one has long stopped to fall."""
MAX_BLOCK = 32
"""The steps that run through a layer at once, where nobody says how many."""
AT_ONCE_STEPS = 512
"""The steps of all samples that run at once, where nobody says how many do: more of them save
less, and take more memory."""


def _count(name: str, value: Any, most: int = MAX_STEPS) -> int:
    """An option that counts. Raises SNC-C003."""
    if not (is_whole(value) and 1 <= value <= most):
        raise error("SNC-C003", f"{name}: expected a whole number from 1 to {most}, got {value!r}")
    return int(value)


def _floats(value: Any, what: str) -> Array:
    """The nearest numbers that can be stored, all finite. Raises SNC-R001."""
    array = np.asarray(value)
    if array.dtype.kind not in "biuf":
        raise error("SNC-R001", f"{what}: expected numbers, got {array.dtype}")
    with np.errstate(over="ignore"):
        found = array.astype(np.float32)
    if not np.isfinite(found).all():
        raise error("SNC-R001", f"{what}: has values that are not finite in float32")
    return found


class TrainProgram:
    """
    A network with a loss and an optimiser, compiled for training.

        program = TrainProgram(net, "ce_count", steps=25, optimizer=SGD(lr=0.1, momentum=0.9))
        for x, label in samples:           # x: [25, B, *shape] or [25, *shape]
            loss = program.train_step(x, label)
            program.apply()

    `train_step` adds the gradients of samples; `apply` updates by their mean. Parameters are
    float32. `tape_steps` bounds the tape: with fewer steps than a sample has, states are kept
    at the start of each segment, and segments are run again on the way back.
    """

    mode: Mode = "bptt"
    is_integer = False
    """Whether C takes and gives whole numbers alone."""

    def __init__(
        self,
        network: Network,
        loss: Loss | str,
        *,
        steps: int,
        optimizer: Optimizer | str = "sgd",
        trainable: Sequence[str] | None = None,
        surrogate: SurrogateAttr | str | None = None,
        tape_steps: int | None = None,
        time_block: int | None = None,
        samples: int | None = None,
        fused: bool | None = None,
        prefix: str | None = None,
        weights: Literal["auto", "c", "bin"] = "auto",
        cc: str | None = None,
        cflags: Sequence[str] = FAST,
    ):
        """
        `steps`: those of a sample. `trainable`: names of parameters, or of layers; all that
        are learnable, where it is None. `surrogate` stands in for spikes that the model gives
        none; `time_block` is how many steps run through a layer at once, and `samples` how
        many samples do, with all their steps: more memory, less time for each, the same bits.
        Without `samples`, another package is made for the first batch of several, if they can
        run at once, and the one that is saved takes them one by one. `fused` takes
        the sums that carry gradients from layer to layer with products that are not rounded
        (fma): faster where the processor has it, slower where it must be computed; gradients
        have other last bits, the same everywhere. Where it is None, it is what is fast with
        this compiler and these flags; `TrainProgram.fused` and the manifest say which.

        Raises SnnccError: SNC-C003 for options, SNC-T001 for a network that has no gradient.
        """
        expect_network(network)
        steps = _count("steps", steps)
        tape_steps = None if tape_steps is None else _count("tape_steps", tape_steps)
        time_block = None if time_block is None else _count("time_block", time_block)
        samples = None if samples is None else _count("samples", samples, MAX_SAMPLES)
        if fused is not None and not isinstance(fused, bool):
            raise error("SNC-C003", f"fused: expected True, False or None, got {fused!r}")
        self.network = network
        self.loss = 0.0
        """Of the last `train_step`: the mean over its samples."""
        self.optimizer = optimizer_of(optimizer)
        self.prefix = prefix_of(network.name) if prefix is None else prefix
        fault = prefix_fault(self.prefix)
        if fault is not None:
            raise error("SNC-C003", f"prefix: {fault}", remedy=f"{prefix_of(self.prefix)}")
        parted = tape_steps is not None or time_block is not None
        if samples is not None and samples > 1 and parted:
            raise error(
                "SNC-C003",
                f"samples: {samples} samples run at once with all their steps, "
                "which tape_steps and time_block would part",
                remedy="give samples alone, or train one sample at a time",
            )
        segment = min(steps, tape_steps or steps)
        command, flags = None if cc is None else find_compiler(cc), tuple(cflags)
        self.fused = has_fast_fma(command, flags) if fused is None else fused
        self._toolchain = (command, flags)
        self._segment = segment
        self._weights: Literal["auto", "c", "bin"] = weights
        self._schedule = partial(
            self._scheduled,
            loss,
            steps,
            trainable=trainable,
            block=min(segment, time_block or MAX_BLOCK),
            options=self._options(surrogate_of(surrogate)),
            fused=self.fused,
        )
        self._running = self._made(samples or 1)
        self.programs: Programs = self._running.programs
        self.package = self._running.package
        """What `save` writes."""
        self._may_widen = samples is None and not parted and self.programs.may_join

    def _made(self, samples: int) -> Running:
        """The training of so many samples at once."""
        programs = self._schedule(samples=samples)
        first = {p.name: p.initial for p in programs.parameters}
        return Running(programs, self._emitted(programs, first, samples), *self._toolchain)

    def _scheduled(self, loss: Loss | str, steps: int, **options: Any) -> Programs:
        return schedule_training(
            self.network, loss, steps, self.optimizer, mode=self.mode, **options
        )

    def _options(self, surrogate: SurrogateAttr | None) -> Options:
        """How gradients are taken."""
        return Options(surrogate=surrogate)

    def _emitted(self, p: Programs, parameters: Mapping[str, Array], samples: int) -> CPackage:
        programs = {"apply": p.apply, **p.sample, "predict": p.predict}
        if p.prepare is not None:
            programs["prepare"] = p.prepare
        training = Training(
            programs,
            p.inputs,
            list(p.targets),
            p.losses,
            p.rates,
            p.tape,
            p.sums,
            parameters,
            p.steps,
            self._segment,
            self.optimizer.lr,
            samples,
            self.fused,
            self.is_integer,
        )
        return emit_training(
            training,
            prefix=self.prefix,
            title=self.network.name,
            weights=self._weights,
            report=self._report(p),
        )

    def _report(self, programs: Programs) -> dict[str, Any]:
        """What the manifest says beside what it says of all trainings."""
        integers = programs.learned.integers
        scales = {name: stored.scale for name, stored in integers.items()}
        return {"scales": scales} if scales else {}

    def _widen(self, batch: int) -> None:
        """Before a batch of several: as many at once as pay, in groups of one size."""
        most = AT_ONCE_STEPS // self.programs.steps
        if not self._may_widen or most < 2:
            return
        groups = -(-batch // most)
        wanted = -(-batch // groups)
        if wanted <= self._running.at_once:
            return
        old = self._running
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SnnccWarning)  # said when the first one was made
            self._running = self._made(wanted)
        if old.is_started:
            self._running.go_on_from(old)

    @property
    def size(self) -> int:
        """The bytes of all its memory as it runs."""
        return int(self._running.manifest["bytes"])

    # --- training

    def train_step(self, x: Any, target: Any) -> float:
        """
        Adds the gradients of samples, [T, B, *shape] or [T, *shape] with their labels ([B], or
        a number) or target arrays, by output where the loss has several. Gives their mean
        loss. Raises SNC-R001 and SNC-R003 for arrays that do not fit.
        """
        streams = to_streams(self.network.op, x)
        if streams.steps != self.programs.steps:
            raise error(
                "SNC-R001",
                f"expected {self.programs.steps} steps, for which this was compiled, "
                f"got {streams.steps}",
            )
        targets = self._targets(target, streams.batch, streams.batched, streams.steps)
        arrays = self._samples(streams, targets)
        losses = self._losses(streams.batch)
        self._widen(streams.batch)
        if self._running.at_once > 1:
            places = [ctypes.c_void_p(array.ctypes.data) for array in arrays]
            count = ctypes.c_size_t(streams.batch)
            self._running.call("train_batch", *places, count, ctypes.c_void_p(losses.ctypes.data))
        else:
            rows = [(array.ctypes.data, array.strides[0]) for array in (*arrays, losses)]
            for sample in range(streams.batch):
                places = [ctypes.c_void_p(start + sample * size) for start, size in rows]
                self._running.call("train_step", *places)
        self.loss = float(self._in_units(losses).sum(dtype=np.float64)) / streams.batch
        return self.loss

    def _losses(self, count: int) -> Array:
        """Room for the losses of samples, as C gives them."""
        return np.zeros(count, np.float32)

    def _in_units(self, losses: Array) -> Array:
        """What they are worth."""
        return losses

    def restart(self) -> None:
        """All as it was compiled: parameters, optimizer, gradients."""
        self._running.call("train_begin")

    def apply(self, rate: float | None = None) -> None:
        """The update by the mean of the gradients since the last one; then these are 0 again."""
        self._running.call("apply_gradients", ctypes.c_float(self._rate(rate)))

    def _rate(self, given: float | None) -> float:
        """The learning rate of an update. Raises SNC-R001."""
        wanted = self.optimizer.lr if given is None else given
        if not (is_real(wanted) and 0 <= wanted <= SINGLE_MOST):
            raise error(
                "SNC-R001", f"rate: expected a number from 0 on, which float32 has, got {given!r}"
            )
        return float(wanted)

    def _given(self, arrays: Mapping[str, Array]) -> Mapping[str, Array]:
        """Inputs and targets as the C takes them."""
        return arrays

    def _samples(self, streams: Streams, targets: Mapping[str, Array]) -> list[Array]:
        """A batch as the C takes it: arrays of one sample behind the other."""
        manifest = self.package.manifest
        arrays, targets = self._given(streams.arrays), self._given(targets)
        return [
            *(
                np.ascontiguousarray(arrays[e["name"]].swapaxes(0, 1), C_TYPES[e["type"]])
                for e in manifest["inputs"]
            ),
            *(
                np.ascontiguousarray(targets[e["name"]], C_TYPES[e["type"]])
                for e in manifest["targets"]
            ),
        ]

    def _targets(self, given: Any, batch: int, batched: bool, steps: int) -> dict[str, Array]:
        """Input of the loss -> [B, ...] as the C takes it."""
        outputs = {output for output, _ in self.programs.targets.values()}
        if not isinstance(given, Mapping):
            given = dict.fromkeys(outputs, given) if len(outputs) <= 1 else {}
        if set(given) != outputs:
            raise error(
                "SNC-R003",
                f"target: expected one for each of {', '.join(sorted(outputs)) or 'no output'}",
                remedy="target={output: array} where a loss reads several outputs",
            )
        shapes = {e["name"]: tuple(e["shape"]) for e in self.package.manifest["targets"]}
        found: dict[str, Array] = {}
        for name, (output, is_label) in self.programs.targets.items():
            array, shape = np.asarray(given[output]), shapes[name]
            if array.dtype.kind not in "biuf" or not np.isfinite(array).all():
                raise error("SNC-R003", f"target of output {output!r}: expected finite numbers")
            if is_label:
                if array.dtype.kind in "iu" and array.size == batch:
                    flat = array.reshape(-1)
                    if flat.min() < 0 or flat.max() >= shape[0]:
                        raise error(
                            "SNC-R003",
                            f"labels: expected whole numbers from 0 to {shape[0] - 1}, "
                            f"got {flat.min()} to {flat.max()}",
                        )
                    array = np.eye(shape[0])[flat]
                wanted: tuple[int, ...] = (batch, *shape)
                array = array if batched else array.reshape(-1, *shape)
            else:
                wanted = (batch, steps, *shape)
                if not batched:
                    array = array[:, None] if array.shape == (steps, *shape) else array[None]
                if array.shape == (batch, *shape):
                    array = np.broadcast_to(array[None], (steps, batch, *shape))
                array = np.swapaxes(array, 0, 1) if array.ndim >= 2 else array
            if array.shape != wanted:
                raise error(
                    "SNC-R003",
                    f"target of output {output!r}: expected shape {wanted}, got {array.shape}",
                )
            found[name] = array
        return found

    # --- parameters and gradients

    def parameters(self) -> dict[str, Array]:
        """Parameter -> its numbers as they are now, with the model's shape."""
        return {
            p.name: self.programs.learned.in_model_order(
                p.name,
                self._running.array(self.package.manifest["parameters"][p.name]),
                _shape(p.type),
            )
            for p in self.programs.parameters
        }

    def set_parameters(self, given: Mapping[str, Any]) -> None:
        """Replaces parameters by arrays of their shapes. Raises SNC-R001."""
        known = {p.name: p for p in self.programs.parameters}
        if not isinstance(given, Mapping):
            raise error("SNC-R001", f"expected {{parameter: array}}, got {type(given).__name__}")
        for name, value in given.items():
            if name not in known:
                raise error("SNC-R001", f"no trained parameter is named {name!r}")
            array = _floats(value, f"parameter {name!r}")
            if array.shape != _shape(known[name].type):
                raise error(
                    "SNC-R001",
                    f"parameter {name!r}: expected shape {_shape(known[name].type)}, "
                    f"got {array.shape}",
                )
            stored = self._stored(name, array)
            self._running.array(self.package.manifest["parameters"][name])[...] = stored
        self._running.call("train_refresh")

    def _stored(self, name: str, array: Array) -> Array:
        """A parameter of floats as it lies in the struct."""
        return self.programs.learned.stored(name, array)

    def gradients(self) -> dict[str, Array]:
        """
        Parameter -> the mean gradient of the samples since the last `apply`, with the model's
        shape.
        """
        programs = self._running.programs
        finish, backward = programs.finish, programs.backward
        if finish is None:
            return {}
        samples = max(1, self._running.word("samples"))
        sums: dict[str, Array] = {}
        kept = self.package.manifest["sums"]
        for buffer in backward.buffers(Role.OUTPUT):
            if buffer.known_as not in kept:
                continue
            stored = self._running.array(kept[buffer.known_as])
            logical = in_model_order(buffer, stored.reshape(buffer.shape))
            sums[buffer.known_as] = (logical / np.float32(samples))[None, None]
        module = programs.module.clone()
        network = next(
            op
            for op in module.ops
            if isinstance(op, snn.NetworkOp) and op.sym_name == finish.sym_name
        )
        for name, array in self.parameters().items():
            write_parameter(module, name, array)
        run = NetworkInterpreter(module, network).run(sums)
        return {name.removeprefix(GRADIENT): array[0, 0] for name, array in run.outputs.items()}

    # --- use

    def run(self, x: Any) -> dict[str, Array]:
        """
        The outputs of the network with the parameters as they are: [T, B, *shape], as
        `Network.run` gives them.
        """
        streams = to_streams(self.network.op, x)
        given = self._given(streams.arrays)
        manifest = self.package.manifest
        results: dict[str, Array] = {}
        for e in manifest["outputs"]:
            leading = (streams.batch, streams.steps) if e["rows"] else (streams.batch,)
            results[e["name"]] = np.zeros((*leading, *e["shape"]), C_TYPES[e["type"]])
        for sample in range(streams.batch):
            arrays = [
                np.ascontiguousarray(given[e["name"]][:, sample], C_TYPES[e["type"]])
                for e in manifest["inputs"]
            ]
            self._running.call(
                "train_predict",
                *(ctypes.c_void_p(array.ctypes.data) for array in arrays),
                ctypes.c_size_t(streams.steps),
                *(ctypes.c_void_p(array[sample].ctypes.data) for array in results.values()),
            )
        for e in manifest["outputs"]:
            array = results[e["name"]]
            if not streams.batched:
                results[e["name"]] = array[0]
            elif e["rows"]:
                results[e["name"]] = np.swapaxes(array, 0, 1)
        return results

    def trained(self) -> Network:
        """A copy of the network with the parameters as they are now."""
        module = self.network.module.clone()
        for name, array in self.parameters().items():
            write_parameter(module, name, array)
        return remade(self.network, module)

    def save(self, folder: str | Path) -> Path:
        """
        Writes the files of the training with the parameters as they are now, and beside them
        those of the trained network alone. Raises SNC-C004.
        """
        from snncc.compiled import compile
        from snncc.folders import save_files

        training, network = self.package, self.network
        if self._running.is_started:  # else nothing ran: files need no compiler
            p = self.programs
            stored = {name: self._stored(name, array) for name, array in self.parameters().items()}
            samples = training.manifest.get("samples_at_once", 1)
            training, network = self._emitted(p, stored, samples), self.trained()
        inference = compile(for_use(network), prefix=self.prefix, weights=self._weights).package
        return save_files(with_inference(training, inference).files, Path(folder))


def _shape(type: Stream) -> tuple[int, ...]:
    return type.get_shape()


def write_parameter(module: ModuleOp, name: str, array: Array) -> None:
    for op in module.ops:
        if isinstance(op, snn.ParameterOp) and op.sym_name.data == name:
            blob = isinstance(op.value, BlobAttr)
            op.properties["value"] = blob_of(array) if blob else dense_of(array)
