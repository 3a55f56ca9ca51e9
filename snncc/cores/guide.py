"""The README of a configuration's folder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from snncc.dialects.core.conformance import sizes
from snncc.dialects.core.placement import cores_of

if TYPE_CHECKING:
    from snncc.cores.configuration import Configuration

ABOUT = {
    "manifest.json": "sizes, costs of each step, digests of all files",
    "chip.yaml": "the description of the chip that this was made from",
    "network.mlir": "the network in the chip's numbers",
    "network.safetensors": "its arrays",
    "address_map.csv": "layer and neuron -> core and slot",
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
    lines += [
        "",
        "## Inputs and outputs",
        "",
        f"Inputs are {_taken(configuration)} at each step, in the order of the elements.",
    ]
    for name, op in program.inputs.items():
        lines.append(f"- input `{name}`: {list(op.shape.get_values())}")
    for name, output in program.outputs.items():
        late = int(output.lag.value.data)
        when = f", {late} step{'s' * (late > 1)} behind the network" if late else ""
        lines.append(f"- output `{name}`: of `{output.source.root_reference.data}`{when}")
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


def _tables(configuration: Configuration) -> list[str]:
    """What W.npz may have."""
    program = configuration.program
    lines = []
    for op in program.synapses:
        source, target = program.endings[op.source_name], program.endings[op.target_name]
        lines.append(f"- `{op.sym_name.data}`: [{source.size}, {target.size}], sources by targets")
    for name, population in program.populations.items():
        for key in population.parameters.data:
            shape = ", ".join(map(str, population.numbers(key).shape))
            lines.append(f"- `{name}.{key}`: [{shape}]")
    return [*lines, "", "Integers are the chip's, floats in the units of the network."]


def _taken(configuration: Configuration) -> str:
    most = configuration.description.inputs.most
    return "spikes, 0 or 1" if most == 1 else f"counts of spikes, 0 to {most}"
