"""The README of a configuration's folder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from snncc.backends.cores.emitting import about_named
from snncc.cores.host import told
from snncc.cores.traffic import traffic_of
from snncc.dialects.core.conformance import sizes
from snncc.dialects.core.order import event_order
from snncc.dialects.core.placement import cores_of
from snncc.dialects.core.program import ProgramOp, SynapsesOp

if TYPE_CHECKING:
    from snncc.cores.configuration import Configuration

ABOUT = {
    "manifest.json": "sizes, costs of each step, digests of all files",
    "chip.yaml": "the description of the chip that this was made from",
    "network.mlir": "the network in the chip's numbers",
    "network.safetensors": "its arrays",
    "address_map.csv": "layer and neuron -> core and slot, of every copy; of inputs of a chip of "
    "several cores the slot is an axon, with the delay of the spike; line of the output bus",
    "golden.npz": "a sample: inputs (`input/NAME`), every register and spike (`trace/NAME`), "
    "[steps, n]",
}


def readme(configuration: Configuration, files: Sequence[str]) -> str:
    description, program = configuration.description, configuration.program
    used = ", ".join(f"{count} {kind}" for kind, count in sizes(program).items())
    cores = len(cores_of(program))
    lines = [
        f"# {configuration.name} on {description.title}",
        "",
        f"{used}; {cores} core{'s' * (cores > 1)}. Written by snncc."
        + " Its weights are others than those that were compiled." * configuration.is_repacked,
        "",
        "| file | what it is |",
        "|---|---|",
        *(f"| `{name}` | {ABOUT[name]} |" for name in files if name in ABOUT),
    ]
    configs = [name for name in files if name.startswith("config/")]
    if configs:
        lines += ["| `config/` | what the chip is configured with |"]
    about = None if description.emitter is None else about_named(description.emitter)
    if about is not None:
        for name in configs:
            text = about.files.get(name.removeprefix("config/"))
            lines += [f"| `{name}` | {text} |"] if text else []
    if any(name.startswith("sanafe/") for name in files):
        lines += [
            f"| `sanafe/` | the sample for SANA-FE ({configuration.golden.steps} time-steps): "
            "packets, hops, energy |"
        ]
    lines += [
        "",
        "## Inputs and outputs",
        "",
        f"Inputs are {_taken(configuration)} at each step, in the order of the elements.",
    ]
    lines += told(configuration)
    for name, op in program.inputs.items():
        told_of = "" if op.always is None else ", a spike at every step: biases (the host sends it)"
        lines.append(f"- input `{name}`: {list(op.shape.get_values())}{told_of}")
    for name, output in program.outputs.items():
        late = int(output.lag.value.data)
        when = f", {late} step{'s' * (late > 1)} behind the network" if late else ""
        lines.append(f"- output `{name}`: of `{output.source.root_reference.data}`{when}")
    if configuration.warnings:
        lines += ["", "## Warnings", ""]
        for problem in configuration.warnings:
            where = f"`{problem.node}`: " if problem.node is not None else ""
            lines.append(f"- {problem.code} {where}{problem.message}")
    if configuration.lag:
        lines += [
            "",
            "What is behind the network by L steps has in step k + L of the chip what the network",
            f"has in step k. So a sample is {configuration.lag} steps longer than its input, and",
            "`snncc run` leaves out the first L of an output.",
        ]
    if about is not None:
        lines += ["", "## Replaying the sample", "", *about.replay.strip().splitlines()]
    if description.grid.routed:
        lines += ["", "## SANA-FE", "", *_sanafe(configuration)]
    if description.execution == "events":
        lines += ["", "## Order of events", "", *_order(program)]
    lines += [
        "",
        "## Use",
        "",
        "    snncc run DIR --input X.npz      # on the chip's bit-exact model",
        "    snncc inspect DIR                # what lies where",
        "    snncc repack DIR --weights W.npz # the same with other weights, of these tables:",
        "",
        *_tables(configuration),
        "",
    ]
    return "\n".join(lines)


def _sanafe(configuration: Configuration) -> list[str]:
    """How SANA-FE is run, and which of its numbers are ours."""
    traffic = traffic_of(configuration.program, configuration.golden)
    layers = traffic.layers.values()
    packets, hops = sum(x.packets for x in layers), sum(x.hops for x in layers)
    return [
        "    arch = sanafe.load_arch('sanafe/arch.yaml')",
        "    chip = sanafe.SpikingChip(arch)",
        "    chip.load(sanafe.load_net('sanafe/network.yaml', arch))",
        f"    found = chip.sim({configuration.golden.steps}, timing_model='simple', "
        "message_trace=True)",
        "",
        f"The sample sends {packets} packets over {hops} hops. In `message_trace` they are the",
        "messages that are no `placeholder` and have another `dest_core_id` than `src_core_id`:",
        "SANA-FE has one more for each spike with targets in its own core, over no hops.",
    ]


def _tables(configuration: Configuration) -> list[str]:
    """What W.npz may have."""
    program = configuration.program
    lines = []
    for op in program.synapses:
        if not isinstance(op, SynapsesOp):
            continue
        source, target = program.endings[op.source_name], program.endings[op.target_name]
        lines.append(f"- `{op.sym_name.data}`: [{source.size}, {target.size}], sources by targets")
    for name, population in program.populations.items():
        for key in population.parameters.data:
            shape = ", ".join(map(str, population.numbers(key).shape))
            lines.append(f"- `{name}.{key}`: [{shape}]")
    return [*lines, "", "Integers are the chip's, floats in the units of the network."]


def _order(program: ProgramOp) -> list[str]:
    """What a host of a chip of events does in a step."""
    slots = event_order(program)
    ascending = bool((np.diff(slots) > 0).all())
    which = "ascending" if ascending else "in this order: " + ", ".join(map(str, slots.tolist()))
    return [
        "In a step the events of the inputs are sent by their slots (address_map.csv), each when",
        "no spike waits in the chip any more, and then the event that says that the step is over.",
        f"Slots are taken {which}.",
    ]


def _taken(configuration: Configuration) -> str:
    most = configuration.description.inputs.most
    return "spikes, 0 or 1" if most == 1 else f"counts of spikes, 0 to {most}"
