"""
RANC's two JSON files, with the packets of a sample, and what the simulator writes for them.

Source of the formats: RANC (UA-RCL/RANC at 08ae4bd), its simulator's readers; tested by a player of
these files in tests/backends/cores/ranc_chip.py, which was compared with the simulator and the
Verilog.

    input.json      packets of the golden sample, output bus, cores
    config.json     sizes of the machine
    expected.txt    the simulator's output file for `ticks`, byte for byte
    ticks           how many ticks that are: the last argument of the simulator
"""

from __future__ import annotations

import json

import numpy as np

from snncc.backends.cores.emitting import Golden
from snncc.backends.cores.ranc.cores import Cores
from snncc.dialects.core.description import Description
from snncc.dialects.core.program import ProgramOp
from snncc.dialects.core.wiring import Wiring

SLOTS = 16
"""Of the ring of each core's axons: a delay is at most SLOTS - 2."""


def emit(program: ProgramOp, description: Description, golden: Golden) -> dict[str, bytes]:
    """The files by path. The program is placed, and keeps to the description."""
    wiring = Wiring(program)
    cores = Cores(wiring, description)
    ticks = golden.steps + 1  # what is sent in a tick is printed in the next one
    network = {
        "packets": cores.packets(golden.inputs),
        "output_bus": {"coordinates": list(cores.bus), "num_outputs": max(len(cores.lines), 1)},
        "cores": cores.objects(),
    }
    return {
        "input.json": _text(network),
        "config.json": _text(_sizes(description)),
        "expected.txt": _printed(cores.lines, golden),
        "ticks": f"{ticks}\n".encode(),
    }


def _text(value: object) -> bytes:
    return (json.dumps(value, separators=(",", ":")) + "\n").encode()


def _sizes(description: Description) -> dict[str, int]:
    grid = description.grid
    neuron = next(iter(description.neurons.values()))
    return {
        "num_neurons": neuron.count,
        "num_axons": grid.axons or 0,
        "num_cores_x": grid.width,
        "num_cores_y": grid.height,
        "num_weights": grid.axon_types or 1,
        "max_tick_offset": SLOTS,
        "neuron_block_trace_verbosity": 0,
        "core_controller_trace_verbosity": 0,
        "scheduler_trace_verbosity": 0,
        # `<` at the lower threshold: the one that the Verilog has
        "neuron_reset_type": 0,
    }


def _printed(lines: list[tuple[str, int]], golden: Golden) -> bytes:
    """Line k of the file has the spikes of step k - 1."""
    bits = np.zeros((golden.steps + 1, max(len(lines), 1)), np.uint8)
    for line, (name, element) in enumerate(lines):
        bits[1:, line] = golden.trace[name].reshape(golden.steps, -1)[:, element]
    text = "".join("".join(f"{bit} " for bit in row) + "\n" for row in bits)
    return text.encode("utf-8-sig")
