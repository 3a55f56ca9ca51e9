"""`Network`: a loaded model, its text, and its reference interpreter."""

from __future__ import annotations

import warnings as python_warnings
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from xdsl.dialects.builtin import ModuleOp

from snncc.dialects import snn
from snncc.dialects.arrays import Array, parameter_array, signed_dtype
from snncc.dialects.snn.names import StateNames
from snncc.dialects.snn.network import STREAM
from snncc.dialects.snn.signs import Signs
from snncc.dialects.snn.types import shape_of
from snncc.errors import Problem, SnnccWarning, error
from snncc.inputs import is_held, sequence_of, state_value, to_states, to_streams
from snncc.interpreters.network import NetworkInterpreter, Run

if TYPE_CHECKING:
    from snncc.importers.graph.labels import States
    from snncc.importers.nir.profiles.base import Integrator, Reset, Timing
    from snncc.options import LoadOptions


class Network:
    """
    A spiking network in the `snn` dialect.

    `module` is the IR: an xDSL module with the parameters and one `snn.network`.
    `warnings` are what the importer had to say.
    """

    def __init__(self, module: ModuleOp, warnings: Sequence[Problem] = ()):
        self.module = module
        self.warnings = tuple(warnings)

    @cached_property
    def op(self) -> snn.NetworkOp:
        """The `snn.network` operation."""
        return next(op for op in self.module.ops if isinstance(op, snn.NetworkOp))

    @property
    def name(self) -> str:
        return self.op.sym_name.data

    @property
    def inputs(self) -> dict[str, tuple[int, ...]]:
        """Input name -> shape at one step."""
        return {name: shape_of(value) for name, value in self.op.inputs.items()}

    @property
    def outputs(self) -> dict[str, tuple[int, ...]]:
        """Output name -> shape at one step."""
        return {name: shape_of(value) for name, value in self.op.outputs.items()}

    def parameters(self) -> dict[str, Array]:
        """Learnable parameter -> a copy of its numbers, with the model's shape."""
        return {
            op.sym_name.data: parameter_array(op).copy()
            for op in self.module.ops
            if isinstance(op, snn.ParameterOp) and op.is_learnable
        }

    @property
    def scales(self) -> dict[str, Array]:
        """
        Of a network of integers: what one whole number of a neuron's output, a state or a
        delay is worth, arrays that broadcast to its shape, by the names of a trace.
        """
        from snncc.passes.quantization.scales import scales_of

        return scales_of(self.op)

    def mlir(self) -> str:
        """The IR's text; parameters beyond a few elements appear as digests."""
        return f"{self.module!s}\n"

    def save(self, path: str | Path) -> None:
        """Writes PATH (.mlir) and the parameters beside it (.safetensors)."""
        from snncc.storage import save_module

        save_module(self.module, Path(path))

    def export(
        self,
        path: str | Path,
        *,
        scan: bool = False,
        like: str | None = None,
        dt: float | None = None,
        reset: Reset | None = None,
        reset_timing: Timing | None = None,
        integrator: Integrator | None = None,
    ) -> None:
        """
        Writes the network for other tools: PATH.onnx or PATH.nir; PATH.mlir as `save`.

        ONNX: a model of one step, with states as inputs and outputs; with `scan` a model of
        a whole sequence, [T, B, *shape]. `snncc.load` gives the same network back; a file
        is for inference, and has what is computed of learnable parameters as one array.

        NIR: nodes that `snncc.load` reads as this network with the choices that it was
        loaded with, or with those given here. Reports what the file does not say as
        SnnccWarning. Raises SnnccError: SNC-E001 for what the format cannot say, such as
        networks of integers.
        """
        from snncc.exporters.files import OWN, export_module
        from snncc.options import LoadOptions
        from snncc.pipelines import for_inference

        options = LoadOptions(like, dt, reset, reset_timing, integrator)
        own = Path(path).suffix.lower() == OWN
        net = self if own else Network(for_inference(self.module))
        for problem in export_module(net.module, net.op, Path(path), scan=scan, options=options):
            python_warnings.warn(str(problem), SnnccWarning, stacklevel=2)

    def run(
        self,
        x: Any,
        state0: Mapping[str, Any] | None = None,
        trace: bool = False,
        *,
        steps: int | None = None,
        blas: bool = False,
        progress: Callable[[int, int], None] | None = None,
    ) -> dict[str, Any]:
        """
        Runs the reference interpreter.

        `x`: an array or {input name: array}, [T, *shape] or [T, B, *shape] (with `steps`:
        [*shape] or [B, *shape], held constant). `state0`: {state name: array}. The result
        is {output name: [T(, B), *shape]}, spikes as uint8, counts as uint16, integers
        signed, else float32; with `trace` also every neuron's spikes by its node's name,
        its states as `node.state`, and "final", the states after the last step.

        Sums follow the declared order, bit for bit; `blas` leaves it to NumPy's BLAS.
        Raises SnnccError (SNC-R001, SNC-R002) where the arrays do not fit.
        """
        streams = to_streams(self.op, x, steps=steps)
        interpreter = NetworkInterpreter(self.module, self.op, blas=blas)
        run = interpreter.run(
            streams.arrays,
            state0=to_states(self.op, state0, streams.batch),
            trace=trace,
            progress=progress,
        )
        return as_result(self.op, run, batched=streams.batched, trace=trace)

    def __repr__(self) -> str:
        def text(shapes: Mapping[str, tuple[int, ...]]) -> str:
            return ", ".join(f"{name}{list(shape)}" for name, shape in shapes.items())

        return f"Network({self.name}: {text(self.inputs)} -> {text(self.outputs)})"


def as_result(network: snn.NetworkOp, run: Run, *, batched: bool, trace: bool) -> dict[str, Any]:
    """
    The arrays of a run as users get them: without the batch axis where they gave none, and
    delays of one step without the axis of steps.
    """

    signed = _signed_names(network)

    def shaped(array: Array) -> Array:
        return array if batched else array[:, 0]

    def numbers(arrays: Mapping[str, Array]) -> dict[str, Array]:
        return {
            name: array.view(signed_dtype(array.dtype)) if name in signed else array
            for name, array in arrays.items()
        }

    outputs = numbers(run.outputs)
    if sequence_of(network) is not None:
        # [1, B, T, *shape]: the one step of the network is the user's whole sequence
        outputs = {
            name: array if is_held(network, name) else np.moveaxis(array[0], 1, 0)
            for name, array in outputs.items()
        }
    kinds = network.kinds  # a sum over time and a last value have no steps
    result: dict[str, Any] = {
        name: shaped(array) if batched or kinds[name] == STREAM else array[0]
        for name, array in outputs.items()
    }
    if trace:
        for name, array in numbers(run.trace).items():
            result.setdefault(name, shaped(array))
        names = StateNames(network)
        lines = {name for key, name in names.name_of.items() if names.is_line(key)}
        finals = numbers(run.final)
        final = {n: array[:, 0] if n in lines else array for n, array in finals.items()}
        result["final"] = {name: array if batched else array[0] for name, array in final.items()}
    return result


def _signed_names(network: snn.NetworkOp) -> set[str]:
    """The outputs, traced outputs of neurons, and states that are signed integers."""
    names, signs = StateNames(network), Signs(network)
    values = dict(network.outputs)
    for op, known in names.outputs_of.items():
        values.update(zip(known, op.results, strict=False))
    values.update({name: state_value(*key) for key, name in names.name_of.items()})
    return {name for name, value in values.items() if signs.is_signed(value)}


def expect_network(given: Any) -> None:
    """Raises SNC-C003 for what is no `Network`."""
    if not isinstance(given, Network):
        trains = hasattr(given, "trained")
        raise error(
            "SNC-C003",
            f"expected a network, got {type(given).__name__}",
            remedy="program.trained()" if trains else "snncc.load(model) gives one",
        )


def load(
    model: Any,
    example_input: Any = None,
    *,
    states: States | None = None,
    T: int | None = None,
    time_axis: int | None = None,
    batch_axis: int | str | None = "auto",
    like: str | None = None,
    dt: float | None = None,
    reset: Reset | None = None,
    reset_timing: Timing | None = None,
    integrator: Integrator | None = None,
    max_bytes: int | None = None,
) -> Network:
    """
    Loads a network.

    `model` is a file: NIR (.nir, .h5, .hdf5), torch.export (.pt2), ONNX (.onnx), netx of
    Lava-DL (.net) or saved IR (.mlir); or, with an `example_input`, a live `torch.nn.Module`
    or a function of tensors; or a `torch.export.ExportedProgram`.

    Of models of torch and ONNX: `states` names what one step carries to the next, in the
    order of the last inputs and outputs, or as {name: (input, output)}. `time_axis` is the
    axis of the steps of a model of a whole sequence (inputs without it are constant; `T`
    says how many steps where that is not clear). `batch_axis` is that of the samples,
    counted without time; None where there is none.

    Of NIR: `like` names the framework whose reading to take; `dt` (seconds), `reset`
    (value, subtract, none), `reset_timing` (same, next) and `integrator` (euler, exact)
    override single choices. What neither the file, the profile nor the caller states is
    an error (SNC-I005). `max_bytes` raises the limit on the size of the arrays. Departures
    from the equations of NIR are reported as SnnccWarning.

    Raises SnnccError.
    """
    from snncc.options import LoadOptions

    options = LoadOptions(
        like, dt, reset, reset_timing, integrator, max_bytes, states, T, time_axis, batch_axis
    )
    if isinstance(model, str | Path):
        if example_input is not None:
            raise error(
                "SNC-C003",
                f"{model}: a file has its own example; example_input is for live models",
                remedy="leave it out",
            )
        network = load_with(Path(model), options)
    else:
        from snncc.importers.torch.live import import_live

        options.refuse_for_live()
        imported = import_live(
            model, example_input, options.states, options.axes(), options.max_bytes
        )
        network = Network(imported.module, imported.warnings)
    for problem in network.warnings:
        python_warnings.warn(str(problem), SnnccWarning, stacklevel=2)
    return network


def load_with(path: Path, options: LoadOptions) -> Network:
    """Loads without issuing the warnings: they are in `Network.warnings`."""
    if path.suffix.lower() == ".mlir":
        from snncc.storage import load_module

        options.refuse_semantics(path)
        options.refuse_axes(path)
        return Network(load_module(path))
    if path.suffix.lower() == ".net":
        from snncc.cores.netx import load_netx
        from snncc.importers.hdf5.reader import MAX_BYTES

        options.refuse_semantics(path)
        options.refuse_axes(path)
        return load_netx(path, max_bytes=options.max_bytes or MAX_BYTES)
    from snncc.importers.files import import_file

    imported = import_file(path, options)
    return Network(imported.module, imported.warnings)
