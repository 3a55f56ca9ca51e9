"""The layers of a netx file, checked: shapes that fit, whole numbers, neurons that are known."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import prod

import numpy as np

from snncc.dialects.arrays import Array
from snncc.dialects.snn.linear import output_size
from snncc.dialects.windows import Windows
from snncc.errors import Problem, SnnccError, error
from snncc.importers.hdf5.graph import Graph, Node
from snncc.importers.netx.model import Convolution, Dense, Layer, NetxNetwork, Neurons
from snncc.importers.netx.reader import FIELDS

MAX_NEURONS = 1 << 22
"""Of one layer; more than any network that Lava-DL could train."""

NEURONS = ("LOIHI", "CUBA")
"""Two names of one neuron."""

NOT_READ: dict[str, tuple[int, str]] = {
    "neuron/refDelay": (1, "a refractory period, which Lava's neuron does not have"),
    "neuron/wgtExp": (0, "an exponent of weights, which Lava's importer does not read"),
    "neuron/weight_exp": (0, "an exponent of weights, which Lava's importer does not read"),
    "neuron/gradedSpike": (0, "spikes that carry a number"),
    "neuron/messageBits": (0, "spikes that carry a number"),
}
"""Field -> the one value that it may have, and what another one means."""

TRANSFORM = (64, 0)
"""Of an input layer that states no weight or bias."""


def decode_netx(graph: Graph, warnings: list[Problem]) -> NetxNetwork:
    """Raises SnnccError with the problems of all layers; appends what is to be known."""
    problems: list[Problem] = []
    layers: list[Layer] = []
    transform: tuple[int, int] | None = None
    shape: tuple[int, ...] | None = None
    for name, node in graph.nodes.items():
        assert isinstance(node, Node)
        reader = _LayerReader(node)
        warnings.extend(reader.unknown_fields())
        try:
            if node.type == "input" or not layers:
                layers.append(reader.input_layer(is_first=not layers))
                shape = layers[-1].shape
                if layers[-1].neurons is not None:
                    transform = reader.transform()
                if node.type == "input":
                    continue
            if node.type == "flatten":
                shape = reader.flattened(shape)
                continue
            layers.append(reader.layer(shape))
            shape = layers[-1].shape
        except SnnccError as found:
            problems.extend(found.problems)
            shape = reader.claimed_shape()  # to go on with: the next layers have faults too
            if not layers:
                layers.append(Layer(name, shape or (1,), None, None))
    if problems:
        raise SnnccError(problems)
    if layers[-1].neurons is None:
        raise error("SNC-I011", "expected a layer of neurons", node=layers[-1].name)
    return NetxNetwork(layers, transform)


class _LayerReader:
    """Takes one layer apart."""

    def __init__(self, node: Node):
        self._node = node
        self._name = node.name

    def fault(self, code: str, message: str, remedy: str | None = None) -> SnnccError:
        return error(code, message, node=self._name, remedy=remedy)

    def unknown_fields(self) -> Iterator[Problem]:
        names = sorted(name for name in self._node.fields if name not in FIELDS)
        if names:
            text = f"{', '.join(names)}: not known; left out"
            yield Problem("SNC-W027", text, self._name, severity="warning")

    def whole(self, field: str) -> Array:
        """Whole numbers, int64. Raises SNC-I011 and SNC-I015."""
        value = self._node.fields.get(field)
        if value is None or isinstance(value, str):
            raise self.fault("SNC-I011", f"expected numbers {field!r}")
        if np.any(value != np.trunc(value)) or np.abs(value.astype(np.float64)).max() >= 2.0**31:
            raise self.fault(
                "SNC-I015",
                f"{field}: expected whole numbers, got {value.min():g} to {value.max():g}",
                "export the network quantized, as lava-dl does with its pre_hook_fx",
            )
        return value.astype(np.int64)

    def number(self, field: str, default: int) -> int:
        if field not in self._node.fields:
            return default
        value = self.whole(field)
        if value.size != 1:
            raise self.fault("SNC-I011", f"{field}: expected one number, got {list(value.shape)}")
        return int(value.reshape(()))

    def pair(self, field: str, default: int, least: int) -> tuple[int, int]:
        """(height, width), or one number for both."""
        values = self.whole(field).reshape(-1) if field in self._node.fields else [default]
        found = [int(v) for v in values] * (2 if len(values) == 1 else 1)
        if len(found) != 2 or min(found) < least or max(found) > MAX_NEURONS:
            raise self.fault(
                "SNC-I015", f"{field}: expected one or two numbers from {least} on, got {found}"
            )
        return found[0], found[1]

    def claimed_shape(self) -> tuple[int, ...] | None:
        try:
            return self.shape()
        except SnnccError:
            return None

    def shape(self) -> tuple[int, ...]:
        sizes = tuple(int(size) for size in self.whole("shape").reshape(-1))
        if min(sizes) < 1 or len(sizes) > 3:
            raise self.fault(
                "SNC-I014", f"shape: expected [channels, height, width] or [n], got {list(sizes)}"
            )
        if prod(sizes) > MAX_NEURONS:
            raise self.fault(
                "SNC-I017", f"shape: {list(sizes)} is over the limit of {MAX_NEURONS} neurons"
            )
        return sizes

    def flattened(self, shape: tuple[int, ...] | None) -> tuple[int, ...] | None:
        if shape is None:
            return None
        if "shape" in self._node.fields and prod(self.shape()) != prod(shape):
            raise self.fault(
                "SNC-I014", f"flatten: {list(shape)} into {list(self.shape())} elements"
            )
        return (prod(shape),)

    def input_layer(self, *, is_first: bool) -> Layer:
        """The layer itself, or what is in front of a file without one."""
        if not is_first:
            raise self.fault("SNC-I011", "an input layer behind another layer")
        if self._node.type == "input":
            driven = any(name.startswith("neuron/") for name in self._node.fields)
            shape = self.shape()
            neurons = self.neurons(shape, with_bias=False) if driven else None
            return Layer(self._name, shape, None, neurons)
        if self._node.type not in ("dense", "dense_rec"):
            raise self.fault(
                "SNC-I014",
                f"{self._node.type}: the file does not say the shape of its input",
                "export the network with its input layer",
            )
        return Layer("input", (self.weight(self._outputs()).shape[1],), None, None)

    def transform(self) -> tuple[int, int]:
        return self.number("weight", TRANSFORM[0]), self.number("bias", TRANSFORM[1])

    def layer(self, before: tuple[int, ...] | None) -> Layer:
        if self._node.type in ("dense", "dense_rec"):
            dense = self.dense(before)
            shape: tuple[int, ...] = (len(dense.weight),)
            return Layer(self._name, shape, dense, self.neurons(shape))
        if before is not None and len(before) != 3:
            raise self.fault(
                "SNC-I014",
                f"{self._node.type}: expected an input [channels, height, width], "
                f"got {list(before)}",
            )
        if "delay" in self._node.fields:
            raise self.fault(
                "SNC-I018", f"delay: Lava's importer does not read delays of {self._node.type}"
            )
        shape = self.shape()
        if before is None:
            before = shape
        convolution = self.pool(before) if self._node.type == "pool" else self.conv(before)
        self._expect_shape(convolution, before, shape)
        return Layer(self._name, shape, convolution, self.neurons(shape))

    def _outputs(self) -> int:
        if "shape" in self._node.fields:
            return prod(self.shape())
        weight = self._node.fields.get("weight")
        if weight is None or isinstance(weight, str) or weight.ndim < 2:
            raise self.fault("SNC-I011", "expected 'shape', which is not there")
        return int(weight.shape[0])

    def weight(self, outputs: int, field: str = "weight") -> Array:
        """[outputs, inputs]: as it is, or flat as some releases wrote it."""
        array = self.whole(field)
        flat = array.ndim == 1 and not array.size % outputs
        if not flat and (array.shape[0] != outputs or prod(array.shape[2:]) != 1 or array.ndim < 2):
            raise self.fault(
                "SNC-I014", f"{field}: expected [{outputs}, inputs], got {list(array.shape)}"
            )
        return array.reshape(outputs, -1)

    def dense(self, before: tuple[int, ...] | None) -> Dense:
        weight = self.weight(self._outputs())
        outputs, inputs = weight.shape
        if before is not None and prod(before) != inputs:
            raise self.fault(
                "SNC-I014",
                f"weight: expected {prod(before)} inputs, as in front of it, got {inputs}",
            )
        if before is not None and sum(size > 1 for size in before) > 1:
            raise self.fault(
                "SNC-I014",
                f"dense: an input of shape {list(before)}, and the file does not say its order",
                "export the network with a flatten layer in front",
            )
        recurrent = None
        if self._node.type == "dense_rec":
            recurrent = self.weight(outputs, "weight_rec")
            if recurrent.shape != (outputs, outputs):
                raise self.fault(
                    "SNC-I014",
                    f"weight_rec: expected [{outputs}, {outputs}], got {list(recurrent.shape)}",
                )
            if "delay" in self._node.fields:
                raise self.fault("SNC-I018", "delay: is not read of recurrent layers")
        both = weight if recurrent is None else np.concatenate([weight, recurrent], axis=1)
        self.expect_representable(both)
        return Dense(weight, recurrent, self.delays(outputs, inputs))

    def delays(self, outputs: int, inputs: int) -> Array | None:
        """[outputs, inputs]: one for each output, as Lava takes them first, or for each input."""
        if "delay" not in self._node.fields:
            return None
        steps = self.whole("delay")
        if steps.min() < 0:
            raise self.fault("SNC-I015", f"delay: expected steps from 0 on, got {steps.min()}")
        if steps.size == outputs and steps.ndim == 1:
            steps = steps.reshape(-1, 1)
        elif steps.size not in (1, inputs) and steps.shape != (outputs, inputs):
            raise self.fault(
                "SNC-I014",
                f"delay: expected {outputs} or {inputs} numbers, got {list(steps.shape)}",
            )
        return np.broadcast_to(steps, (outputs, inputs))

    def conv(self, before: Sequence[int]) -> Convolution:
        kernel = self.whole("weight")
        groups = self.number("groups", 1)
        if kernel.ndim == 5 and kernel.shape[4] == 1:
            kernel = kernel[..., 0]
        if kernel.ndim != 4:
            raise self.fault(
                "SNC-I014",
                "weight: expected [outputs, inputs of a group, height, width], got "
                f"{list(kernel.shape)}",
            )
        if groups < 1 or kernel.shape[0] % groups or before[0] != kernel.shape[1] * groups:
            raise self.fault(
                "SNC-I014",
                f"groups: {groups} of {kernel.shape[1]} inputs, and {kernel.shape[0]} outputs, "
                f"do not fit {before[0]} channels",
            )
        self.expect_representable(kernel)
        padding = [(p, p) for p in self.pair("padding", 0, 0)]
        strides, dilations = self.pair("stride", 1, 1), self.pair("dilation", 1, 1)
        return Convolution(kernel, Windows(strides, tuple(padding), dilations, groups))

    def pool(self, before: Sequence[int]) -> Convolution:
        """One kernel for each channel; images that it does not divide are longer at their ends."""
        weight = self.whole("weight")
        if prod(weight.shape[:-2]) != 1 and weight.ndim == 5 and weight.shape[-1] == 1:
            weight = weight[..., 0]
        if weight.ndim < 2 or prod(weight.shape[:-2]) != 1:
            raise self.fault(
                "SNC-I014", f"weight: expected [1, 1, height, width], got {list(weight.shape)}"
            )
        window = weight.reshape(weight.shape[-2:])
        self.expect_representable(window)
        height, width = weight.shape[-2:]
        strides = self.pair("stride", 1, 1)
        more = [before[1] % height, before[2] % width]
        padding = [(p, p + m) for p, m in zip(self.pair("padding", 0, 0), more, strict=True)]
        lie = Windows(strides, tuple(padding), self.pair("dilation", 1, 1), before[0])
        kernel = np.broadcast_to(window, (before[0], 1, height, width))
        return Convolution(np.ascontiguousarray(kernel), lie)

    def _expect_shape(
        self, found: Convolution, before: Sequence[int], shape: Sequence[int]
    ) -> None:
        lie, kernel = found.windows, found.kernel.shape
        sizes = [
            output_size(before[1 + a], kernel[2 + a], s, *p, d)
            for a, (s, p, d) in enumerate(
                zip(lie.strides, lie.paddings, lie.dilations, strict=True)
            )
        ]
        if tuple(shape) != (kernel[0], *sizes):
            raise self.fault(
                "SNC-I014",
                f"shape: the layer makes {[kernel[0], *sizes]} of {list(before)}, "
                f"the file says {list(shape)}",
            )

    def expect_representable(self, weight: Array) -> None:
        """Loihi's weights have 8 bits: of both signs 7 and the sign, or 8 in steps of 2."""
        low, high = int(weight.min()), int(weight.max())
        signed = low < 0 < high
        if low < -256 or high > (254 if signed else 255):
            raise self.fault(
                "SNC-I015", f"weight: expected -256 to 254, or to 255, got {low} to {high}"
            )
        if signed and not -128 <= low <= high <= 127 and np.any(weight % 2):
            raise self.fault(
                "SNC-I015",
                f"weight: {low} to {high}; weights of both signs beyond -128 to 127 are even",
            )

    def neurons(self, shape: tuple[int, ...], *, with_bias: bool = True) -> Neurons:
        fields = self._node.fields
        type = fields.get("neuron/type")
        if type is None:
            raise self.fault(
                "SNC-I012",
                "a layer without neurons: Lava gives it membranes that never spike",
                "export the network without the readout that sums up its spikes",
            )
        if not isinstance(type, str) or type not in NEURONS:
            raise self.fault(
                "SNC-I012", f"neurons {str(type)[:64]!r}", f"known: {', '.join(NEURONS)}"
            )
        for field, (usual, meaning) in NOT_READ.items():
            if field in fields and (self.whole(field) != usual).any():
                found = self.whole(field).reshape(-1)
                raise self.fault(
                    "SNC-I015",
                    f"{field}: expected {usual}, got {int(found[found != usual][0])}: {meaning}",
                )
        bias = np.zeros(prod(shape), np.int64)
        if with_bias and "bias" in fields:
            bias = self.each("bias", shape)
        return Neurons(
            self.each("neuron/iDecay", shape),
            self.each("neuron/vDecay", shape),
            self.each("neuron/vThMant", shape),
            bias,
        )

    def each(self, field: str, shape: tuple[int, ...]) -> Array:
        """One number for all neurons, or for each channel: [n]."""
        values = self.whole(field).reshape(-1)
        if values.size not in (1, shape[0]):
            raise self.fault(
                "SNC-I014", f"{field}: expected 1 or {shape[0]} numbers, got {values.size}"
            )
        wide = values.reshape(-1, *(1,) * (len(shape) - 1))
        return np.ascontiguousarray(np.broadcast_to(wide, shape)).reshape(-1)
