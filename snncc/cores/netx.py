"""Network files of Lava-DL (netx): a program for Loihi's neurons, and its bit-exact model."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from xdsl.dialects.builtin import ModuleOp, StringAttr
from xdsl.ir import Operation

from snncc.cores.chips import chip_named
from snncc.dialects import snn
from snncc.dialects.arrays import Array, blob_of, type_of
from snncc.dialects.core import (
    ConvolutionOp,
    DriveOp,
    InputOp,
    OutputOp,
    PopulationOp,
    ProgramOp,
    SynapsesOp,
)
from snncc.dialects.core.conformance import departures
from snncc.dialects.core.description import Description
from snncc.errors import Problem, SnnccError
from snncc.importers.files import network_name
from snncc.importers.hdf5.reader import MAX_BYTES
from snncc.importers.netx.decode import decode_netx
from snncc.importers.netx.model import Convolution, Dense, Layer, NetxNetwork
from snncc.importers.netx.reader import read_netx
from snncc.network import Network
from snncc.passes.chip_model import model_of

NEURON_CLASS = "compartment"
BIAS_EXPONENT = 6
"""Lava aligns biases with weights."""


def load_netx(path: Path, *, max_bytes: int = MAX_BYTES) -> Network:
    """
    The network of a netx file in the integers of Loihi's neurons. The spikes of a layer act in
    the step in which they are fired; those of a layer on itself in the next.

    Its input is `bias`, whole numbers that drive the neurons of the input layer, or `input`,
    spikes, where that layer has none. Raises SnnccError.
    """
    warnings: list[Problem] = []
    try:
        found = decode_netx(read_netx(path, max_bytes=max_bytes), warnings)
        description = chip_named("loihi")
        module = program_of(found, description, network_name(path))
        program = next(op for op in module.ops if isinstance(op, ProgramOp))
        model = model_of(program, description)
    except MemoryError:
        text = f"{path}: takes more memory than there is"
        raise SnnccError(Problem("SNC-I017", text)) from None
    network = Network(model, [*warnings, *_driven(found)])
    network.op.attributes["source"] = StringAttr(path.name)
    return network


def _driven(network: NetxNetwork) -> Iterator[Problem]:
    if network.transform is not None:
        weight, bias = network.transform
        yield Problem(
            "SNC-W028",
            f"the input is what drives the neurons of this layer, whole numbers: the file says "
            f"that the host makes them of values x by {weight} x {'-' if bias < 0 else '+'} "
            f"{abs(bias)}, and not how it rounds",
            network.layers[0].name,
            "give the network these numbers as its input",
            severity="warning",
        )


def program_of(network: NetxNetwork, description: Description, name: str) -> ModuleOp:
    """Parameters and a `core.program`. Raises SNC-I015 for numbers that the chip does not have."""
    builder = _Builder(description)
    for before, layer in zip([None, *network.layers[:-1]], network.layers, strict=True):
        builder.add(before, layer)
    if builder.problems:
        raise SnnccError(builder.problems)
    builder.operations.append(OutputOp("output", network.layers[-1].name, 0))
    program = ProgramOp(name, description.name, {}, builder.operations)
    module = ModuleOp([*builder.parameters, program])
    module.verify()
    found = departures(program, description)
    assert not found, found
    return module


class _Builder:
    def __init__(self, description: Description):
        self._description = description
        self._neuron = description.neurons[NEURON_CLASS]
        self.parameters: list[Operation] = []
        self.operations: list[Operation] = []
        self.problems: list[Problem] = []

    def add(self, before: Layer | None, layer: Layer) -> None:
        if before is None and layer.neurons is None:
            self.operations.append(InputOp("input", layer.shape))
            return
        self._population(layer, driven=before is None)
        if before is None:
            self.operations.append(DriveOp("bias", layer.name, "bias_mantissa"))
            return
        source = "input" if before.neurons is None else before.name
        edge = next(
            name
            for name, edge in self._description.edges.items()
            if edge.source == ("input" if before.neurons is None else NEURON_CLASS)
        )
        if isinstance(layer.sums, Convolution):
            kernel = self._parameter(f"{layer.name}.kernel", layer.sums.kernel)
            self.operations.append(
                ConvolutionOp(
                    f"{layer.name}.sum", source, layer.name, edge, kernel, layer.sums.windows
                )
            )
        elif layer.sums is not None:
            self._dense(layer.name, source, edge, layer.sums)

    def _population(self, layer: Layer, *, driven: bool) -> None:
        neurons = layer.neurons
        assert neurons is not None
        # netx counts what is lost, the register one less
        given = {
            "du": ("neuron/iDecay", neurons.current_decay, -1),
            "dv": ("neuron/vDecay", neurons.voltage_decay, 0),
            "threshold": ("neuron/vThMant", neurons.threshold, 0),
            "bias_mantissa": ("bias", neurons.bias, 0),
        }
        if driven:
            del given["bias_mantissa"]
        arrays = {"bias_exponent": np.full(int(np.prod(layer.shape)), BIAS_EXPONENT)}
        for name, (field, values, offset) in given.items():
            parameter = self._neuron.parameters[name]
            low, high = parameter.low - offset, parameter.high - offset
            if values.min() < low or values.max() > high:
                text = f"{field}: expected {low} to {high}, got {values.min()} to {values.max()}"
                self.problems.append(Problem("SNC-I015", text, layer.name))
            arrays[name] = values + offset
        symbols = {
            name: self._parameter(f"{layer.name}.{name}", values) for name, values in arrays.items()
        }
        self.operations.append(PopulationOp(layer.name, NEURON_CLASS, layer.shape, symbols))

    def _dense(self, name: str, source: str, edge: str, dense: Dense) -> None:
        delays = np.zeros_like(dense.weight) if dense.delays is None else dense.delays
        most = self._description.edges[edge].delay
        if delays.max() > most:
            text = f"delay: expected 0 to {most} steps, got {delays.max()}"
            self.problems.append(Problem("SNC-I015", text, name))
            return
        for late in np.unique(delays).tolist():
            weight = np.where(delays == late, dense.weight, 0)
            symbol = f"{name}.sum" if late == 0 else f"{name}.late{late}"
            self._synapses(symbol, (source, name), edge, late, weight)
        if dense.recurrent is not None:
            own = next(
                key
                for key, e in self._description.edges.items()
                if e.source == e.target == NEURON_CLASS
            )
            late = 1 - self._description.edges[own].latency
            self._synapses(f"{name}.recurrent", (name, name), own, late, dense.recurrent)

    def _synapses(
        self, symbol: str, ends: tuple[str, str], edge: str, late: int, weight: Array
    ) -> None:
        """Of a matrix [outputs, inputs]."""
        sources, targets = np.nonzero(weight.T)
        arrays = {
            "sources": sources.astype(np.int32),
            "targets": targets.astype(np.int32),
            "weights": weight.T[sources, targets],
        }
        names = [self._parameter(f"{symbol}.{key}", array) for key, array in arrays.items()]
        self.operations.append(
            SynapsesOp(symbol, *ends, edge, 0, late, (names[0], names[1], names[2]))
        )

    def _parameter(self, name: str, values: Array) -> str:
        low, high = int(values.min(initial=0)), int(values.max(initial=0))
        dtype = next(
            t
            for t in (np.int8, np.int16, np.int32)
            if np.iinfo(t).min <= low and high <= np.iinfo(t).max
        )
        array = values.astype(dtype)
        self.parameters.append(snn.ParameterOp(name, type_of(array), blob_of(array)))
        return name
