"""`value_and_grad`: a loss and its gradients, by the backward program of the network."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
from xdsl.context import Context
from xdsl.dialects.builtin import AnyFloat, ModuleOp, f32, f64
from xdsl.ir import Operation

from snncc.dialects import snn
from snncc.dialects.arrays import Array, blob_of, dense_of, dtype_of
from snncc.dialects.snn.attributes import BlobAttr, SurrogateAttr
from snncc.dialects.snn.names import StateNames
from snncc.dialects.snn.types import is_float, is_spike, shape_of, shape_text, stream_type
from snncc.errors import Problem, SnnccError, SnnccWarning, error
from snncc.inputs import Streams, state_value, to_states, to_streams
from snncc.interpreters.network import NetworkInterpreter
from snncc.network import Network, expect_network
from snncc.passes.differentiation.bodies import NoDerivative
from snncc.passes.differentiation.network import Gradients, differentiate
from snncc.passes.differentiation.parameters import GRADIENT
from snncc.passes.differentiation.wanted import UnknownName, wanted_of
from snncc.passes.online.feedback import PREFIX, FeedbackKind
from snncc.passes.online.state import OnlineOptions
from snncc.passes.smoothing.network import NoTwin, smooth
from snncc.passes.snn_change_precision import SnnChangePrecision
from snncc.runtime.library import NativeNetwork
from snncc.training.losses import Loss, loss_of
from snncc.training.refusals import expect_feedback, expect_names, expect_steps
from snncc.training.surrogates import missing_surrogates, surrogate_of
from snncc.training.written import LossWriter, Target

Dtype = Literal["float32", "float64"]
Mode = Literal["bptt", "eprop"]
MODES: tuple[Mode, ...] = ("bptt", "eprop")
Engine = Literal["interpreter", "c"]
ENGINES: tuple[Engine, ...] = ("interpreter", "c")
ELEMENTS: dict[str, AnyFloat] = {"float32": f32, "float64": f64}


@dataclass(frozen=True)
class GradientsByName(Mapping[str, Array]):
    """
    Gradients by the name of what they are taken of: parameters, inputs, initial states (in
    this order, where two have one name). What the loss does not depend on is left out.
    """

    parameters: dict[str, Array] = field(default_factory=dict[str, Array])
    """Parameter -> an array of its shape."""
    inputs: dict[str, Array] = field(default_factory=dict[str, Array])
    """Input -> an array of the given one's shape."""
    states: dict[str, Array] = field(default_factory=dict[str, Array])
    """State -> [B, *shape] (without B where the inputs have none); delays of one step without
    the axis of steps. That of a state given once for all samples is their sum."""

    def _groups(self) -> Iterator[dict[str, Array]]:
        yield from (self.parameters, self.inputs, self.states)

    def __getitem__(self, name: str) -> Array:
        for group in self._groups():
            if name in group:
                return group[name]
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys(name for group in self._groups() for name in group))

    def __len__(self) -> int:
        return len(list(iter(self)))


@dataclass(frozen=True)
class Options:
    """How gradients are taken."""

    wrt: Sequence[str] | None = None
    surrogate: SurrogateAttr | None = None
    dtype: Dtype = "float32"
    smoothed: bool = False
    engine: Engine = "interpreter"
    feedback: FeedbackKind = "symmetric"
    seed: int = 0

    @property
    def online(self) -> OnlineOptions:
        """Those of online gradients."""
        return OnlineOptions(self.feedback, self.seed, surrogate=self.surrogate)


def value_and_grad(
    net: Network,
    loss: Loss | str,
    x: Any,
    target: Any = None,
    *,
    state0: Mapping[str, Any] | None = None,
    parameters: Mapping[str, Any] | None = None,
    steps: int | None = None,
    wrt: Sequence[str] | str | None = None,
    surrogate: SurrogateAttr | str | None = None,
    dtype: Dtype = "float32",
    mode: Mode = "bptt",
    engine: Engine = "interpreter",
    smoothed: bool = False,
    feedback: FeedbackKind = "symmetric",
    seed: int = 0,
) -> tuple[float, GradientsByName]:
    """
    The loss of a network on a batch, and its gradients: by backpropagation through time, or
    (`mode="eprop"`) online, by eligibility traces, in memory that does not grow with the steps.
    Online gradients are of parameters and neurons' initial states; what comes back through a
    recurrent connection is left out (`snncc.passes.online.eprop`). `engine="c"` compiles the
    programs and runs these.

    `x`, `state0`, `steps` are those of `Network.run`. `target`: labels [B] or an array, or
    {output: ...} where the loss has several. `parameters` replaces parameters of the network
    by arrays of their shapes, feedback weights among them. `wrt` are the names of parameters,
    inputs and states to differentiate by; all floats but fixed parameters, where it is not
    given. `surrogate` stands in for spikes that the model gives none: "atan(a=2.0)".
    `smoothed` takes the loss and its exact gradient of the network's smoothed twin: each step
    is the integral of its surrogate.

    Online, `feedback` says by which weights learning signals go back: the transposed ones
    (`symmetric`), `random` ones of a `seed`, or `adaptive` ones, which start there and are
    trained: their gradients are among those of the parameters, as "feedback.NAME".

    Raises SnnccError: SNC-C003 for options, SNC-R001 to SNC-R003 for arrays that do not fit,
    SNC-T001 for a network that has no gradient, SNC-T002 for one that has no smoothed twin.
    """
    expect_network(net)
    wanted = [wrt] if isinstance(wrt, str) else wrt
    expect_names(wanted)
    if parameters is not None and not isinstance(parameters, Mapping):
        raise error("SNC-R001", f"parameters: expected {{name: array}}, got {parameters!r}")
    options = Options(wanted, surrogate_of(surrogate), dtype, smoothed, engine, feedback, seed)
    expect_feedback(feedback, mode, seed)
    if dtype not in ELEMENTS:
        raise error("SNC-C003", f"dtype: expected one of {', '.join(ELEMENTS)}, got {dtype!r}")
    given = dict(parameters or {})
    own = {} if feedback == "symmetric" else _feedback_of(given)
    module = prepared(net.module, dtype, given)
    network = next(op for op in module.ops if isinstance(op, snn.NetworkOp))
    expect_steps(network)
    streams = to_streams(network, x, steps=steps)
    if engine not in ENGINES:
        raise error("SNC-C003", f"engine: expected one of {', '.join(ENGINES)}, got {engine!r}")
    if mode not in MODES:
        raise error("SNC-C003", f"mode: expected one of {', '.join(MODES)}, got {mode!r}")
    if mode == "eprop" and smoothed:
        raise error("SNC-C003", "smoothed: online gradients are of spikes")
    trained = trained_by(mode)(module, network, loss_of(loss), streams.steps, options)
    set_parameters(trained.module, own)
    states = to_states(trained.network, state0, streams.batch)
    arrays = {**streams.arrays, **trained.targets_of(target, streams)}
    value, found = trained.run(arrays, states, streams.batch)
    return value, as_given(trained, found, streams, state0 or {})


def prepared(module: ModuleOp, dtype: Dtype, parameters: Mapping[str, Any]) -> ModuleOp:
    """A copy with the names of its states written down, in floats of `dtype`."""
    from snncc.passes.snn_record_names import SnnRecordNames

    module = module.clone()
    SnnRecordNames().apply(Context(), module)
    SnnChangePrecision(to=64 if dtype == "float64" else 32).apply(Context(), module)
    set_parameters(module, parameters)
    return module


def _feedback_of(parameters: dict[str, Any]) -> dict[str, Any]:
    """Takes the weights out that the network gets only when it is differentiated."""
    names = [name for name in parameters if name.startswith(f"{PREFIX}.")]
    return {name: parameters.pop(name) for name in names}


def set_parameters(module: ModuleOp, parameters: Mapping[str, Any]) -> None:
    """Replaces parameters of a module by arrays of their shapes. Raises SNC-R001."""
    known = {op.sym_name.data: op for op in module.ops if isinstance(op, snn.ParameterOp)}
    for name, given in parameters.items():
        if name not in known:
            raise error(
                "SNC-R001",
                f"no parameter is named {name!r}",
                remedy=f"parameters: {', '.join(known) or 'none'}",
            )
        _set_parameter(known[name], given)


def _set_parameter(op: snn.ParameterOp, given: Any) -> None:
    name, shape = op.sym_name.data, op.type.get_shape()
    try:
        array = np.asarray(given).astype(dtype_of(op.type.element_type))
    except (TypeError, ValueError) as fault:
        raise error("SNC-R001", f"parameter {name!r}: expected numbers: {fault}") from None
    if array.shape != shape:
        raise error(
            "SNC-R001",
            f"parameter {name!r}: expected shape {shape_text(shape)}, "
            f"got {shape_text(array.shape)}",
        )
    if not np.isfinite(array).all():
        raise error("SNC-R001", f"parameter {name!r}: has values that are not finite")
    op.properties["value"] = blob_of(array) if isinstance(op.value, BlobAttr) else dense_of(array)


def trained_by(mode: Mode) -> type[Trained]:
    from snncc.training.online import OnlineTrained

    return OnlineTrained if mode == "eprop" else Trained


class Trained:
    """A network with its loss, and the three networks of its gradients."""

    def __init__(
        self,
        module: ModuleOp,
        network: snn.NetworkOp,
        loss: Loss,
        steps: int,
        options: Options,
    ):
        self.module = module
        self.engine = options.engine
        self.inputs = list(network.inputs)
        self.states = list(StateNames(network).name_of.values())
        missing = missing_surrogates(network) if options.surrogate is None else None
        self.element = ELEMENTS[options.dtype]
        writer = LossWriter(network, steps, self.element)
        self.terms = [(weight, term.write(writer)) for weight, term in loss.terms()]
        self.targets = writer.targets
        self.network = writer.finished()
        self.hard: snn.NetworkOp | None = None
        outputs = [name for _, term in self.terms for name in term.outputs]
        try:
            outputs += self._rewrite(options)
        except NoTwin as fault:
            raise error("SNC-T002", str(fault)) from None
        self.network.verify()
        if self.hard is not None:
            module.body.block.add_op(self.hard)
        try:
            self._differentiate(outputs, options)
        except UnknownName as fault:
            raise error("SNC-C003", f"wrt: {fault}") from None
        except NoDerivative as fault:
            raise error("SNC-T001", str(fault)) from None
        module.verify()
        self._check_spikes(missing)

    def _check_spikes(self, missing: Problem | None) -> None:
        """Says which populations no gradient flows through."""
        if missing is None:
            return
        if not self.reaches_anything:
            raise SnnccError(replace(missing, code="SNC-T001", severity="error"))
        warnings.warn(str(missing), SnnccWarning, stacklevel=4)

    @property
    def reaches_anything(self) -> bool:
        """Whether the loss depends on anything that a gradient is wanted of."""
        made = self.gradients
        return bool(made.parameters or made.inputs or made.states)

    def _differentiate(self, outputs: list[str], options: Options) -> None:
        """Adds the networks that the gradients come from."""
        wanted = wanted_of(
            self.module, self.network, outputs, options.wrt, self.inputs, self.states
        )
        self.gradients: Gradients = differentiate(self.network, wanted, options.surrogate)
        made = self.gradients
        for part in (made.forward, made.backward, made.finish):
            if part is not None:
                self.module.body.block.add_op(part)

    @property
    def finish(self) -> snn.NetworkOp | None:
        """From sums over time to the gradients of the parameters."""
        return self.gradients.finish

    @property
    def parameters(self) -> Mapping[str, str]:
        """Parameter -> output of `finish`."""
        return self.gradients.parameters

    def _rewrite(self, options: Options) -> list[str]:
        """Makes another network of the one with its loss; gives outputs to differentiate, too."""
        if options.smoothed:
            self.hard = smooth(self.network, self.element, options.surrogate).hard
        return []

    def targets_of(self, given: Any, streams: Streams) -> dict[str, Array]:
        """The targets as streams [T, B, shape]."""
        wanted = {target.output for target in self.targets.values()}
        if not isinstance(given, Mapping):
            given = dict.fromkeys(wanted, given) if len(wanted) <= 1 else {}
        if set(given) != wanted or any(value is None for value in given.values()):
            raise error(
                "SNC-R003",
                f"target: expected one for each of {', '.join(sorted(wanted)) or 'no output'}",
                remedy="target={output: array} where a loss reads several outputs",
            )
        found: dict[str, Array] = {}
        for name, target in self.targets.items():
            shape = shape_of(self.network.inputs[name])
            array = np.asarray(given[target.output])
            if target.is_label:
                array = _labels(array, shape[0], streams.batch)
            found[name] = _target_stream(target, array, shape, streams, dtype_of(self.element))
        return found

    def run(
        self, arrays: Mapping[str, Array], states: Mapping[str, Array], batch: int
    ) -> tuple[float, GradientsByName]:
        """The loss and the gradients: of inputs [T, B, *shape], of states [B, *shape]."""
        if self.hard is not None:  # what decides in the twin is recorded
            hard = self._runner(self.hard).run(arrays, state0=self._decided(states))
            arrays = {**arrays, **hard.outputs}
            arrays = {name: arrays[name] for name in self.gradients.forward.inputs}
        value = 0.0

        def heads(outputs: Mapping[str, Array]) -> dict[str, Array]:
            nonlocal value
            value, seeds = self._heads(outputs, batch)
            return seeds

        found = self.backpropagated(arrays, states, heads)
        return value, found

    def backpropagated(
        self,
        arrays: Mapping[str, Array],
        states: Mapping[str, Array],
        heads: Callable[[Mapping[str, Array]], Mapping[str, Array]],
    ) -> GradientsByName:
        """The gradients; `heads` gives those of the outputs, from what the outputs are."""
        forward = self._runner(self.gradients.forward).run(arrays, state0=states)
        seeds = heads(forward.outputs)
        steps = next(iter(arrays.values())).shape[0]
        given = {**arrays, **forward.outputs}
        for name, seed in seeds.items():
            given[f"{GRADIENT}{name}"] = np.broadcast_to(seed, (steps, *seed.shape))
        backward = self._run_backward(given)
        gradients = self.gradients
        found = GradientsByName(
            {},
            {name: backward[output] for name, output in gradients.inputs.items()},
            {name: backward[output] for name, output in gradients.states.items()},
        )
        found.parameters.update(self._finished(gradients.finish, gradients.parameters, backward))
        return found

    def _decided(self, states: Mapping[str, Array]) -> dict[str, Array]:
        """States of the twin as those of the hard network: the nearest spikes and counts."""
        assert self.hard is not None
        found: dict[str, Array] = {}
        for (op, index), name in StateNames(self.hard).name_of.items():
            if name not in states:
                continue
            state, near = state_value(op, index), states[name]
            element = (
                state.type if isinstance(op, snn.NeuronOp) else stream_type(state).element_type
            )
            if not is_float(element):
                near = near > 0.5 if is_spike(element) else np.floor(near + 0.5)
            found[name] = near.astype(dtype_of(element))
        return found

    def _finished(
        self,
        finish: snn.NetworkOp | None,
        parameters: Mapping[str, str],
        sums: Mapping[str, Array],
    ) -> dict[str, Array]:
        """The gradients of parameters from their sums over time, [B, ...]."""
        if finish is None:
            return {}
        given = {name: sums[name].sum(axis=0)[None, None] for name in finish.inputs}
        run = self._interpreter(finish).run(given)
        return {name: run.outputs[output][0, 0] for name, output in parameters.items()}

    def _run_backward(self, given: Mapping[str, Array]) -> dict[str, Array]:
        network = self.gradients.backward
        arrays = {name: given[name] for name in network.inputs}
        return self._runner(network).run(arrays).outputs if network.outputs else {}

    def _runner(self, network: snn.NetworkOp) -> NetworkInterpreter | NativeNetwork:
        """What runs a network over time: the interpreter, or its C."""
        if self.engine == "interpreter":
            return self._interpreter(network)
        from snncc.compiled import compile

        module = ModuleOp([op.clone() for op in self.module.ops if _is_shared(op)])
        module.body.block.add_op(network.clone())
        return compile(Network(module), prefix="net").native

    def _interpreter(self, network: snn.NetworkOp) -> NetworkInterpreter:
        return NetworkInterpreter(self.module, network, blas=True)

    def _heads(self, outputs: Mapping[str, Array], batch: int) -> tuple[float, dict[str, Array]]:
        """The loss, and its gradients by the outputs that hold its terms, [B, *shape]."""
        return self._value(outputs, batch), self._seeds(outputs, batch)

    def _value(self, outputs: Mapping[str, Array], batch: int) -> float:
        value = 0.0
        for weight, term in self.terms:
            for name in term.outputs:
                array = outputs[name]
                if term.rate_target is None:
                    value += weight * float(array.sum()) / batch
                else:
                    value += weight * float(np.square(_distance(array, term.rate_target)).sum())
        return value

    def _seeds(self, outputs: Mapping[str, Array], batch: int) -> dict[str, Array]:
        """Only those of rates depend on what the outputs are."""
        seeds: dict[str, Array] = {}
        dtype = dtype_of(self.element)
        for weight, term in self.terms:
            for name in term.outputs:
                shape = (batch, *shape_of(self.network.outputs[name]))
                if term.rate_target is None:
                    seeds[name] = np.full(shape, weight / batch, dtype)
                else:
                    seed = _distance(outputs[name], term.rate_target) * (2.0 * weight / batch)
                    seeds[name] = np.broadcast_to(seed.astype(dtype), shape)
        return seeds


def _distance(rates: Array, target: float) -> Array:
    """Of the mean rates of a batch to a target."""
    return np.asarray(rates.mean(axis=0) - rates.dtype.type(target))


def _is_shared(op: Operation) -> bool:
    """What all networks of a module read: parameters and surrogates."""
    return isinstance(op, snn.ParameterOp | snn.SurrogateOp)


def _labels(array: Array, classes: int, batch: int) -> Array:
    """Whole numbers [B] as weights of the classes; weights [B, classes] as they are."""
    if array.ndim == 2 or (array.ndim == 1 and array.dtype.kind == "f"):
        return array
    flat = array.reshape(-1)
    if flat.size != batch or flat.dtype.kind not in "iu" or flat.min() < 0 or flat.max() >= classes:
        raise error(
            "SNC-R003",
            f"labels: expected {batch} whole numbers from 0 to {classes - 1}, "
            f"got {array.dtype} of shape {shape_text(array.shape)}",
        )
    return np.eye(classes)[flat]


def _target_stream(
    target: Target, array: Array, shape: tuple[int, ...], streams: Streams, dtype: np.dtype[Any]
) -> Array:
    """[T, B, *shape] of an array with or without the axes of steps and samples."""
    lead = (streams.steps, streams.batch)
    forms = {
        (*lead, *shape): array,
        (streams.batch, *shape): array[None],
        **({} if streams.batched else {(streams.steps, *shape): array[:, None], shape: array}),
    }
    if array.shape not in forms:
        expected = " or ".join(shape_text(form) for form in forms)
        raise error(
            "SNC-R003",
            f"target of output {target.output!r}: expected shape {expected}, "
            f"got {shape_text(array.shape)}",
        )
    found = forms[array.shape].astype(dtype)
    return np.broadcast_to(found, (*lead, *shape))


def as_given(
    trained: Trained, found: GradientsByName, streams: Streams, state0: Mapping[str, Any]
) -> GradientsByName:
    """With the axes that the user's arrays have."""
    names = StateNames(trained.network)
    keys = {name: key for key, name in names.name_of.items()}
    inputs: dict[str, Array] = {}
    for name, array in found.inputs.items():
        inputs[name] = array if streams.batched else array[:, 0]
    states: dict[str, Array] = {}
    for name, array in found.states.items():
        whole = names.shape_of(keys[name])
        given = np.ndim(state0[name]) if name in state0 else None
        shared = given is not None and given < len(whole) + 1 and streams.batched
        line = names.is_line(keys[name])
        if line:
            array = array[:, 0]
            shared = given is not None and given <= len(whole) - 1
        states[name] = array.sum(axis=0) if shared else array if streams.batched else array[0]
    return GradientsByName(found.parameters, inputs, states)
