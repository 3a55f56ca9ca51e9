"""`compile`: from a model to a program for a target."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

from xdsl.dialects.builtin import ModuleOp

from snncc.backends.c import CPackage, emit
from snncc.backends.c.names import prefix_fault, prefix_of
from snncc.dialects import kernel
from snncc.dialects.arrays import Array
from snncc.dialects.kernel.buffers import Role
from snncc.dialects.kernel.lines import delay_lines
from snncc.dialects.snn.names import StateNames
from snncc.dialects.snn.types import integer_width, is_float, stream_type
from snncc.errors import error
from snncc.folders import save_files
from snncc.inputs import are_sequences, to_states, to_streams
from snncc.interpreters.network import Run
from snncc.network import Network, as_result, load
from snncc.options import is_whole
from snncc.passes.scheduling.packing import PACKS, Pack
from snncc.pipelines import PipelineOptions, run_pipeline
from snncc.reports import Report, report_of
from snncc.runtime.library import NativeNetwork
from snncc.runtime.toolchain import FAST, Toolchain, find_compiler
from snncc.storage import context

if TYPE_CHECKING:
    from snncc.cores.configuration import Configuration
    from snncc.training.program import TrainProgram

DEFAULT_BLOCK = 1
MAX_BLOCK = 1 << 16
QUANTIZE = (
    "steps",
    "per_channel",
    "power_of_two",
    "layers",
    "flash",
    "state_bits",
    "decay",
    "input_bits",
    "method",
    "input_ranges",
    "trainable",
    "progress",
)
"""Options of `snncc.quantize` that `compile` takes too."""
TRAIN = (
    "loss",
    "steps",
    "optimizer",
    "trainable",
    "surrogate",
    "tape_steps",
    "samples",
    "fused",
    "feedback",
    "seed",
    "arithmetic",
    "calibration_target",
)
"""Options of `TrainProgram` and `OnlineProgram` that `compile` takes too."""


class Compiled:
    """
    A network compiled for a target.

    `network` is what was compiled; `report` says per layer what was chosen and what it
    costs; `package` holds the files.
    """

    def __init__(
        self,
        network: Network,
        options: PipelineOptions,
        prefix: str,
        weights: Any,
        command: tuple[str, ...] | None = None,
        flags: tuple[str, ...] = FAST,
    ):
        self.network = network
        self.options = options
        self.prefix = prefix
        self._weights = weights
        self._command = command
        self._flags = flags
        self.program, self.package = self._emit(options)

    def _emit(
        self,
        options: PipelineOptions,
        after: Callable[[str, ModuleOp], None] | None = None,
    ) -> tuple[kernel.ProgramOp, CPackage]:
        module = run_pipeline(self.network.module, context(), options, after=after)
        program = next(op for op in module.ops if isinstance(op, kernel.ProgramOp))
        positions = set(delay_lines(program).values())
        states = program.buffers(Role.STATE)
        held = {state.known_as for state in states if state.sym_name.data not in positions}
        names = StateNames(self.network.op).name_of.values()
        package = emit(
            program,
            prefix=self.prefix,
            title=self.network.name,
            weights=self._weights,
            report={"left_out": [name for name in names if name not in held]},
        )
        return program, package

    @cached_property
    def report(self) -> Report:
        """Shapes, kinds, memory and operations per layer."""
        return report_of(self.network, self.program, self.package)

    @cached_property
    def toolchain(self) -> Toolchain:
        """The compiler of `run`, looked for when it is needed: emitting needs none."""
        return Toolchain(self._command or find_compiler(), self._flags)

    @cached_property
    def native(self) -> NativeNetwork:
        """The library of this build, compiled on first use."""
        return NativeNetwork(self.package, self.toolchain)

    @cached_property
    def _debug(self) -> NativeNetwork:
        """A build that keeps every neuron's output: for traces."""
        options = PipelineOptions(1, self.options.fold, trace=True, pack=self.options.pack)
        return NativeNetwork(self._emit(options)[1], self.toolchain)

    def run(
        self,
        x: Any,
        state0: Mapping[str, Any] | None = None,
        trace: bool = False,
        *,
        steps: int | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> dict[str, Any]:
        """
        Runs the compiled network on this machine; arguments and result as `Network.run`.

        The first call compiles the C. `trace` uses a debug build that goes step by step.
        Raises SNC-C002 where there is no C compiler or it fails.
        """
        network = self.network.op
        streams = to_streams(network, x, steps=steps)
        states = to_states(network, state0, streams.batch)
        execute = self.run_traced if trace else self.native.run
        run = execute(streams.arrays, state0=states, progress=progress)
        return as_result(network, run, batched=streams.batched, trace=trace)

    def run_traced(
        self,
        x: Mapping[str, Array],
        *,
        state0: Mapping[str, Array] | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> Run:
        """Runs [T, B, *shape] inputs step by step, with every neuron's spikes and states."""
        return self._debug.run(x, state0=state0, trace=self._traced(), progress=progress)

    def _traced(self) -> dict[str, str]:
        """What a trace reads: name -> stream or state."""
        names = StateNames(self.network.op)
        found: dict[str, str] = {}
        for outputs in names.outputs_of.values():
            found.update(dict.fromkeys(outputs, "stream"))
        for (op, _), name in names.name_of.items():
            if not names.is_delay(op):
                found[name] = "state"
        return found

    def time(self, x: Any, *, steps: int | None = None, repeats: int = 10) -> list[float]:
        """Seconds of each of `repeats` runs of the first sample, in C alone."""
        streams = to_streams(self.network.op, x, steps=steps)
        return self.native.time(streams.arrays, repeats=repeats)

    def save(self, folder: str | Path) -> Path:
        """
        Writes the files to a folder, all or none: it is made beside its place and moved.
        Files of an earlier save are replaced. Raises SNC-C004 where that fails, or where
        the folder holds anything else.
        """
        return save_files(self.package.files, Path(folder))

    def __repr__(self) -> str:
        return f"Compiled({self.network.name} for c, prefix {self.prefix})"


@overload
def compile(
    model: Network | str | Path, target: Literal["c"] = "c", *, train: None = None, **options: Any
) -> Compiled: ...


@overload
def compile(
    model: Network | str | Path, target: Literal["c"] = "c", *, train: str, **options: Any
) -> TrainProgram: ...


@overload
def compile(
    model: Network | str | Path, target: str, *, calibration: Any = None, **options: Any
) -> Configuration: ...


def compile(
    model: Network | str | Path,
    target: str = "c",
    *,
    train: str | None = None,
    prefix: str | None = None,
    time_block: int | None = None,
    fold: Literal["exact", "all", "none"] = "exact",
    weights: Literal["auto", "c", "bin"] = "auto",
    pack: Pack = "auto",
    cc: str | None = None,
    cflags: str | tuple[str, ...] | list[str] | None = None,
    quantize: str | None = None,
    calibration: Any = None,
    **options: Any,
) -> Compiled | TrainProgram | Configuration:
    """
    Compiles a network, or a model file with the options of `load`.

    With `train="bptt"` what is compiled is its training (`snncc.training.TrainProgram`, whose
    options `loss`, `steps`, `optimizer`, `trainable`, `surrogate`, `tape_steps`, `samples`,
    `fused` are taken too); with `train="eprop"` its online training
    (`snncc.training.OnlineProgram`, which has `feedback` and `seed`, and no tape).

    `quantize` (int8, int4, int3, ternary, qat) makes it one of integers first, calibrated with
    `calibration`; the other options of `snncc.quantize` are taken too. With `train` its weights
    and biases follow floats, which are trained: all, or those of `trainable`. With
    `train="eprop", arithmetic="integer"` nothing is a float any more, and weights are trained as
    integers (`snncc.training.IntegerProgram`); `calibration_target` are labels or targets of the
    calibration data, which may be left out for labels.

    `prefix` starts every symbol of the C (default: the network's name, lower-case);
    `time_block` is how many steps `run` takes through a layer before the next (default: 1; in
    a training up to 32); `fold` says which scales and batch norms go into weights (`exact`:
    those that change no bit); `weights` where constants stand; `pack` whether integer weights
    of few bits are packed (`auto`: where that saves more flash than its code takes, `always`,
    `never`); `cc` (default: $CC, or what is there) and `cflags` are the compiler of
    `Compiled.run` and its flags.

    `target` may be a chip (`xylo`, `reckon`, ..., or a file of a description, FILE.yaml): then the
    result is a `snncc.cores.configuration.Configuration`. `calibration` are spikes or counts as
    the chip is to get them, or values, of which `encode` makes these ("rate", "latency(steps=16)",
    ...; with `steps` values are held for so many); with their `labels` (of the output `score`)
    the cost of each step is told in accuracy, too. The other options are for C.

    Raises SnnccError.
    """
    if target != "c":
        from snncc.cores.compiling import compile_for_chip

        usual = (train, prefix, time_block, fold, weights, pack, cc, cflags, quantize)
        named = ("train", "prefix", "time_block", "fold", "weights", "pack", "cc", "cflags")
        unlike = dict(zip((*named, "quantize"), usual, strict=True))
        return compile_for_chip(model, target, calibration, unlike, options)
    for name, value, known in (
        ("fold", fold, ("exact", "all", "none")),
        ("weights", weights, ("auto", "c", "bin")),
        ("pack", pack, PACKS),
    ):
        if value not in known:
            raise error("SNC-C003", f"{name}: expected one of {', '.join(known)}, got {value!r}")
    if time_block is not None and not (is_whole(time_block) and 1 <= time_block <= MAX_BLOCK):
        raise error("SNC-C003", f"time_block: expected 1 to {MAX_BLOCK}, got {time_block!r}")
    training = _training_options(train, options, fold, pack, time_block)
    quantization = {name: options.pop(name) for name in QUANTIZE if name in options}
    if isinstance(model, Network):
        if options:
            raise error(
                "SNC-C003",
                f"{', '.join(options)}: options of loading, and the network is loaded",
            )
        network = model
    else:
        network = load(model, **options)
    if quantize is not None:
        from snncc.quantization import quantize as to_integers

        if train is not None:
            quantization |= _quantized_for(network, training, calibration)
        network = to_integers(network, quantize, calibration=calibration, **quantization)
    elif quantization or (calibration is not None and not _is_integer(training)):
        given = [*quantization, *([] if calibration is None else ["calibration"])]
        raise error(
            "SNC-C003",
            f"{', '.join(given)}: options of quantization, and none is asked for",
            remedy='give quantize="int8"',
        )
    if train is not None:
        if _is_integer(training):
            training["calibration"] = calibration
        return _training(network, train, training, prefix, weights, cc, cflags)
    prefix = prefix_of(network.name) if prefix is None else prefix
    _expect_prefix(prefix)
    _expect_supported(network)
    return Compiled(
        network,
        PipelineOptions(int(time_block or DEFAULT_BLOCK), fold, pack=pack),
        prefix,
        weights,
        None if cc is None else find_compiler(cc),
        FAST if cflags is None else _words("cflags", cflags),
    )


def _training_options(
    train: str | None, options: dict[str, Any], fold: str, pack: str, time_block: int | None
) -> dict[str, Any]:
    """Takes those of training out of the options of `compile`. Raises SNC-C003."""
    if train is None:
        given = [name for name in TRAIN if name in options and name not in QUANTIZE]
        if given:
            raise error(
                "SNC-C003",
                f"{', '.join(given)}: options of training, and none is asked for",
                remedy='give train="bptt"',
            )
        return {}
    if fold != "exact":
        raise error(
            "SNC-C003",
            f"fold: {fold} is for inference; what is trained is not folded",
            remedy="leave it out",
        )
    if pack != "auto":
        raise error(
            "SNC-C003",
            f"pack: {pack} is for inference; what is trained is not packed",
            remedy="leave it out",
        )
    found = {name: options.pop(name) for name in TRAIN if name in options}
    names = found.get("trainable")
    if names == "all":
        found["trainable"] = names = None
    if names is not None and (
        isinstance(names, str | Mapping)
        or not isinstance(names, Iterable)
        or not all(isinstance(name, str) for name in names)
        or not list(names)
    ):
        raise error("SNC-C003", f"trainable: expected names of what is trained, got {names!r}")
    return found if time_block is None else {**found, "time_block": int(time_block)}


def _quantized_for(network: Network, training: dict[str, Any], calibration: Any) -> dict[str, Any]:
    """Options of quantization that follow from those of a training; `trainable` is one of them."""
    given = training.pop("trainable", None)
    found: dict[str, Any] = {"trainable": "all" if given is None else given}
    arrays = (
        calibration
        if isinstance(calibration, Mapping)
        else dict.fromkeys(network.inputs, calibration)
    )
    held = not are_sequences(network.op, arrays)
    if calibration is not None and held and "steps" in training:
        found["steps"] = training["steps"]  # samples without an axis of steps
    return found


def _training(
    network: Network,
    train: str,
    options: dict[str, Any],
    prefix: str | None,
    weights: Literal["auto", "c", "bin"],
    cc: str | None,
    cflags: Any,
) -> TrainProgram:
    from snncc.training.integer_program import IntegerProgram
    from snncc.training.online_program import OnlineProgram
    from snncc.training.program import TrainProgram

    if train not in ("bptt", "eprop"):
        raise error("SNC-C003", f"train: expected bptt or eprop, got {train!r}")
    online = {"tape_steps": "there is no tape"}
    online |= dict.fromkeys(("samples", "fused"), "an option of training through time")
    through_time = dict.fromkeys(("feedback", "seed"), "an option of online training")
    for name, what in (online if train == "eprop" else through_time).items():
        if name in options:
            raise error("SNC-C003", f'{name}: {what}, with train="{train}"')
    arithmetic = options.get("arithmetic", "float")
    if arithmetic not in ("float", "integer"):
        raise error("SNC-C003", f"arithmetic: expected float or integer, got {arithmetic!r}")
    if arithmetic == "integer" and train != "eprop":
        raise error(
            "SNC-C003",
            "arithmetic: integers are trained online",
            remedy='train="eprop", or arithmetic="float"',
        )
    missing = [name for name in ("loss", "steps") if name not in options]
    if missing:
        raise error(
            "SNC-C003",
            f"train: {' and '.join(missing)} not given",
            remedy='compile(net, train="bptt", loss="ce_count", steps=25, optimizer="adam")',
        )
    if prefix is not None:
        _expect_prefix(prefix)
    flags = FAST if cflags is None else _words("cflags", cflags)
    kind: type[TrainProgram] = OnlineProgram if train == "eprop" else TrainProgram
    if options.pop("arithmetic", "float") == "integer":
        kind = IntegerProgram
    elif "calibration_target" in options:
        raise error(
            "SNC-C003",
            "calibration_target: units follow from it with integer arithmetic alone",
            remedy='arithmetic="integer"',
        )
    return kind(network, prefix=prefix, weights=weights, cc=cc, cflags=flags, **options)


def _is_integer(training: Mapping[str, Any]) -> bool:
    return bool(training.get("arithmetic") == "integer")


def _expect_prefix(prefix: Any) -> None:
    if not isinstance(prefix, str):
        raise error("SNC-C003", f"prefix: expected text, got {prefix!r}")
    fault = prefix_fault(prefix)
    if fault is not None:
        raise error("SNC-C003", f"prefix: {fault}", remedy=f"for example {prefix_of(prefix)}")


def _words(name: str, given: Any) -> tuple[str, ...]:
    """Flags: a list of them, or text as a shell takes it apart."""
    try:
        words = tuple(shlex.split(given) if isinstance(given, str) else given)
    except (TypeError, ValueError):
        words = (None,)
    if not all(isinstance(word, str) for word in words):
        raise error("SNC-C003", f"{name}: expected text or a list of texts, got {given!r}")
    return words


def _expect_supported(network: Network) -> None:
    for name, value in network.op.inputs.items():
        element = stream_type(value).element_type
        if not is_float(element) and integer_width(element) not in (1, 8, 16, 32):
            raise error("SNC-C001", f"input {name!r}: C has no type for {element}")
