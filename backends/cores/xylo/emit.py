"""
Xylo's RAM images: hexadecimal text, one word a line, in the format that `xylosim.tools` writes.

Source of the format: files written by `xylosim.tools.save_to_RAM_files_V2` (xylosim 0.1.3), with
which `tests/backends/cores/test_xylo.py` compares every byte. Beside the images stand the spikes
of a sample and the registers that it leaves at each step, as that tool writes them: steps in which
the simulator says that it hibernates have no files, and the others are counted without them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

import numpy as np

from snncc.backends.cores.emitting import Golden
from snncc.backends.cores.xylo.arrays import HIDDEN, READOUT, XyloArrays
from snncc.dialects.arrays import Array
from snncc.dialects.core.description import Description
from snncc.dialects.core.program import PopulationOp, ProgramOp

STEP = 1e-3
"""Seconds; the chip's clock is not part of the network."""


def emit(program: ProgramOp, description: Description, golden: Golden) -> dict[str, bytes]:
    """The images, and the golden run, by path."""
    chip = XyloArrays(program, description)
    files = {f"{name}.ini": text for name, text in _images(chip).items()}
    files |= _golden(chip, golden)
    files["basic_config.json"] = json.dumps(_configuration(chip))
    return {path: text.encode() for path, text in files.items()}


def _hex(values: Iterable[int], digits: int) -> list[str]:
    """Two's complement, the low digits."""
    mask = (1 << 4 * digits) - 1
    return [f"{int(value) & mask:0{digits}x}" for value in values]


def _lines(lines: Iterable[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def _images(chip: XyloArrays) -> dict[str, str]:
    inputs, output = chip.weights("input"), chip.weights("output")
    images: dict[str, list[str]] = {"iwtram": [], "iwt2ram": [], "owtram": []}
    for source in range(chip.inputs):
        for k, (name, about) in enumerate((("iwtram", "iwt"), ("iwt2ram", "iwt2"))):
            images[name] += [f"// {about} for IN{source} ", *_hex(inputs[k, source], 2)]
    for source in range(chip.sizes[HIDDEN]):
        images["owtram"] += [f"// owt for RSN{source} ", *_hex(output[0, source], 2)]
    images |= _fan_out(chip.weights("recurrent"))
    synapse = chip.parameter(HIDDEN, "dash_syn")
    images |= {
        "ndmram": _hex(chip.both("dash_mem"), 1),
        "ndsram": _hex([*synapse[0], *chip.parameter(READOUT, "dash_syn")[0]], 1),
        "rds2ram": _hex(synapse[1], 1),
        "nthram": _hex(chip.both("threshold"), 4),
        "nbram": _hex(chip.both("bias"), 2),
        "raram": _hex([-1] * chip.sizes[HIDDEN], 3),
        "rcram": _hex([0] * chip.sizes[HIDDEN], 1),
    }
    return {name: _lines(lines) for name, lines in images.items()}


def _fan_out(weights: Array) -> dict[str, list[str]]:
    """Targets and both weights of each source's synapses, and how many these are."""
    images: dict[str, list[str]] = {"rwtram": [], "rwt2ram": [], "rforam": [], "refocram": []}
    for source in range(weights.shape[1]):
        targets = np.flatnonzero(weights[:, source].any(axis=0))
        images["rwtram"] += [f"// rwt of RSN{source} ", *_hex(weights[0, source, targets], 2)]
        images["rwt2ram"] += [f"// rwt2 of RSN{source} ", *_hex(weights[1, source, targets], 2)]
        images["rforam"] += [f"// rfo of RSN{source} ", *_hex(targets, 3)]
        images["refocram"] += _hex([len(targets)], 2)
    return images


def _configuration(chip: XyloArrays) -> dict[str, object]:
    targets = np.flatnonzero(chip.weights("output").any(axis=(0, 1)))
    second = any(chip.weights(edge)[1].any() for edge in ("input", "recurrent"))
    return {
        "IN": chip.inputs,
        "RSN": chip.sizes[HIDDEN],
        "ON": int(targets.max(initial=-1)) + 1,
        "IWBS": chip.settings.get("IWBS", 0),
        "RWBS": chip.settings.get("RWBS", 0),
        "OWBS": chip.settings.get("OWBS", 0),
        "time_resolution_wrap": 0,
        "DT": STEP,
        "N_SYNS": 2 if second else 1,
        "RA": False,
        "BIAS": chip.has_bias,
    }


def _golden(chip: XyloArrays, golden: Golden) -> dict[str, str]:
    """The input's spikes, and a file of each memory of neurons for each step."""

    def of(members: Sequence[PopulationOp], register: str) -> Array:
        parts = [np.zeros((golden.steps, 0), np.int64)]
        for op in members:
            array = golden.trace[op.sym_name.data + register]
            parts.append(array.reshape(golden.steps, -1).astype(np.int64))
        return np.concatenate(parts, axis=1)

    hidden, readout = chip.hidden, chip.readout
    memories = {
        "spk_res/rspkram": (of(hidden, ""), 2),
        "spk_out/ospkram": (of(readout, ""), 2),
        "isyn/nscram": (np.concatenate([of(hidden, ".i0"), of(readout, ".i0")], axis=1), 4),
        "isyn2/nsc2ram": (of(hidden, ".i1"), 4),
        "vmem/nmpram": (np.concatenate([of(hidden, ".v"), of(readout, ".v")], axis=1), 4),
    }
    awake = _awake(chip, golden)
    files = {
        f"{name}_{number}.txt": _lines(_hex(row, digits))
        for name, (array, digits) in memories.items()
        for number, row in enumerate(array[awake])
    }
    counts = [golden.inputs[name].reshape(golden.steps, -1) for name in chip.program.inputs]
    files["spk_in/inp_spks.txt"] = _lines(_spikes(np.concatenate(counts, axis=1)))
    return files


def _awake(chip: XyloArrays, golden: Golden) -> Array:
    """
    [T], whether xylosim does not hibernate in a step. It does where nothing comes in and nothing
    can happen: all registers are 0; with biases, the step before had no input either and moved no
    register, before spikes were taken from it. Found by probing: 65,000 such steps of 3,000 random
    networks.
    """
    counts = [golden.inputs[name].reshape(golden.steps, -1) for name in chip.program.inputs]
    silent = ~np.concatenate(counts, axis=1).any(axis=1)
    if not chip.has_bias:
        return ~(silent & _before((_registers(chip, golden) == 0).all(axis=1), True))
    after, reached = _registers(chip, golden), _registers(chip, golden, reached=True)
    start = np.concatenate([np.zeros_like(after[:1]), after[:-1]])
    return ~(silent & _before((reached == start).all(axis=1) & silent, False))


def _before(steps: Array, first: bool) -> Array:
    return np.concatenate([np.array([first]), steps[:-1]])


def _registers(chip: XyloArrays, golden: Golden, *, reached: bool = False) -> Array:
    """[T, n] currents and membranes: at the end of a step, or `reached` before spikes."""
    found = []
    for op in (*chip.hidden, *chip.readout):
        name, receptors = op.sym_name.data, chip.neuron[op.neuron_class.data].receptors
        registers = [golden.trace[f"{name}.i{k}"] for k in range(receptors)]
        membrane = golden.trace[f"{name}.v"].astype(np.int64)
        if reached:
            spikes = golden.trace[name].reshape(membrane.shape).astype(np.int64)
            membrane = membrane + spikes * op.numbers("threshold")
        found += [array.reshape(golden.steps, -1) for array in (*registers, membrane)]
    return np.concatenate(found, axis=1)


def _spikes(counts: Array) -> list[str]:
    """One line a spike, and how many steps were silent before a step with spikes."""
    lines: list[str] = []
    idle = -1
    for step, row in enumerate(counts):
        idle += 1
        if not row.any():
            continue
        lines.append(f"// time step {step}")
        if idle:
            lines.append(f"idle {idle}")
        idle = 0
        for channel, count in enumerate(row):
            lines += [f"wr IN{channel & 15:x}"] * int(count)
    return lines
