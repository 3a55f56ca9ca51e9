"""Runs a configuration of Xylo on the vendor's simulator, `xylosim`, where it is installed."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import numpy as np

from snncc.backends.cores.xylo.arrays import HIDDEN, READOUT, XyloArrays
from snncc.dialects.arrays import Array
from snncc.dialects.core.description import Description
from snncc.dialects.core.program import ProgramOp
from snncc.errors import error


def simulate(
    program: ProgramOp, description: Description, x: Mapping[str, Array]
) -> dict[str, Array]:
    """
    Outputs, and registers by the names of a trace, for counts [T, *shape] or [T, B, *shape].
    Raises SNC-C003 for another chip, SNC-C005 without xylosim.
    """
    if description.emitter != "xylo":
        raise error("SNC-C003", f"engine xylosim: is for xylo, and this is {description.name}")
    try:
        v2: Any = import_module("xylosim.v2")
    except ImportError:
        raise error(
            "SNC-C005", "engine xylosim: is not installed", remedy="pip install xylosim"
        ) from None
    chip = XyloArrays(program, description)
    counts, batched = _counts(program, program.with_always(x))
    layers = [_evolved(v2, chip, counts[:, b]) for b in range(counts.shape[1])]
    found = {name: np.stack([layer[name] for layer in layers], axis=1) for name in layers[0]}
    result: dict[str, Array] = {}
    for op in program.populations.values():
        name, start = op.sym_name.data, chip.first[op.sym_name.data]
        kind = op.neuron_class.data
        for register, array in found.items():
            group, _, what = register.partition(".")
            if group == kind:
                part = array[..., start : start + op.size]
                result[f"{name}.{what}" if what else name] = part if batched else part[:, 0]
    for name, out in program.outputs.items():
        source = program.populations[out.source.root_reference.data]
        shape = source.shape.get_values()
        array = result[source.sym_name.data]
        result[name] = array.reshape(*array.shape[:-1], *shape)
    return result


def _counts(program: ProgramOp, x: Mapping[str, Array]) -> tuple[Array, bool]:
    """[T, B, inputs]; whether there was a batch."""
    parts, batched = [], True
    for name, op in program.inputs.items():
        array, rank = x[name], len(op.shape.get_values())
        batched = array.ndim == rank + 2
        parts.append(array.reshape(len(array), -1 if batched else 1, op.size))
    return np.concatenate(parts, axis=2), batched


def _evolved(v2: Any, chip: XyloArrays, counts: Array) -> dict[str, Array]:
    """Registers [T, n] of one sample."""

    def synapses(edge: str) -> list[list[Any]]:
        weights = chip.weights(edge)
        return [
            [
                v2.XyloSynapse(int(target), k, int(weights[k, source, target]))
                for k in range(2)
                for target in np.flatnonzero(weights[k, source])
            ]
            for source in range(weights.shape[1])
        ]

    # the layer keeps pointers to the synapses and does not own them: these names do
    inputs, recurrent, outputs = map(synapses, ("input", "recurrent", "output"))
    readout_syn = chip.parameter(READOUT, "dash_syn")
    layer = v2.XyloLayer(
        synapses_in=inputs,
        synapses_rec=recurrent,
        synapses_out=outputs,
        aliases=[[] for _ in range(chip.sizes[HIDDEN])],
        threshold=chip.parameter(HIDDEN, "threshold").tolist(),
        threshold_out=chip.parameter(READOUT, "threshold").tolist(),
        has_bias=chip.has_bias,
        bias=chip.parameter(HIDDEN, "bias").tolist(),
        bias_out=chip.parameter(READOUT, "bias").tolist(),
        weight_shift_inp=chip.settings.get("IWBS", 0),
        weight_shift_rec=chip.settings.get("RWBS", 0),
        weight_shift_out=chip.settings.get("OWBS", 0),
        dash_mem=chip.parameter(HIDDEN, "dash_mem").tolist(),
        dash_mem_out=chip.parameter(READOUT, "dash_mem").tolist(),
        dash_syns=chip.parameter(HIDDEN, "dash_syn").T.tolist(),
        dash_syns_out=np.concatenate([readout_syn, 0 * readout_syn]).T.tolist(),
        name="layer",
    )
    y = np.array(layer.evolve(counts.tolist()))
    found = {
        HIDDEN: np.array(layer.rec_recurrent_spikes),
        f"{HIDDEN}.i0": np.array(layer.rec_i_syn).T,
        f"{HIDDEN}.i1": np.array(layer.rec_i_syn2).T,
        f"{HIDDEN}.v": np.array(layer.rec_v_mem).T,
        READOUT: y,
        f"{READOUT}.i0": np.array(layer.rec_i_syn_out).T,
        f"{READOUT}.v": np.array(layer.rec_v_mem_out).T,
    }
    del layer, inputs, recurrent, outputs  # in this order
    return found
