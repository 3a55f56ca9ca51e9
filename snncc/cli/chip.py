"""Networks on chips: compiling for one, and running and inspecting what was compiled."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from snncc.cli.console import out, print_warnings, progress, say, shape_text, size_text, table
from snncc.errors import error

if TYPE_CHECKING:
    from snncc.cores.configuration import Configuration
    from snncc.dialects.arrays import Array
    from snncc.options import LoadOptions

FOR_C = {
    "quantize": None,
    "train": None,
    "prefix": None,
    "time_block": None,
    "fold": "exact",
    "weights": "auto",
    "pack": "auto",
    "print_after": (),
    "layers": (),
    "flash": None,
    "per_tensor": False,
    "power_of_two": False,
    "state_bits": None,
    "decay": None,
    "input_bits": None,
    "method": None,
    "input_range": (),
}
"""Options of `snncc compile` that say how C is written, and what they are if nothing is said."""


def run_compile_for_chip(
    model: Path,
    options: LoadOptions,
    output: Path,
    *,
    target: str,
    calibrate: Path | None,
    labels: str | None,
    score: str | None,
    encode: str | None,
    steps: int | None,
    **values: Any,
) -> None:
    from snncc.cli.inputs import read_inputs
    from snncc.cli.labels import read_labels, scored_output
    from snncc.cli.run import expect_options
    from snncc.cores.chips import chip_named
    from snncc.cores.configuration import configure
    from snncc.cores.encoders import input_encoder
    from snncc.folders import expect_folder
    from snncc.network import load_with

    description = chip_named(target)
    given = [name for name, usual in FOR_C.items() if values.get(name, usual) != usual]
    if given:
        names = ", ".join("--" + name.replace("_", "-") for name in given)
        raise error("SNC-C003", f"{names}: for C, and the target is {description.name}")
    if calibrate is None:
        raise error(
            "SNC-C003",
            f"--target {target}: scales follow from data, and there are none",
            remedy="give --calibrate X.npz: spikes as the chip is to get them, or values with "
            "--encode",
        )
    expect_folder(output)
    expect_options(labels, score)
    network = load_with(model, options)
    print_warnings(network.warnings)
    encoder = None if encode is None else input_encoder(encode, network.inputs, description)
    taken = network if encoder is None else encoder.network
    streams = read_inputs(calibrate, taken, steps).streams
    expected = None
    if labels is not None:
        score = scored_output(network, score)
        expected = read_labels(calibrate, labels, streams.batch, classes=network.outputs[score][0])
    with progress(f"{description.name}: {network.name}"):
        configuration = configure(network, description, streams.arrays, expected, score, encoder)
        folder = configuration.save(output)
    print_costs(configuration)
    print_warnings(configuration.warnings)
    print_mapping(configuration)
    files = [path for path in folder.rglob("*") if path.is_file()]
    size = sum(path.stat().st_size for path in files)
    say(f"wrote {folder}: {len(files)} files, {size_text(size)}")


def _expect_no(values: dict[str, Any], command: str) -> None:
    """A configuration is read as it is: options of models and of C have no meaning."""
    usual = {"batch_axis": "auto", "time_block": 1, "fold": "exact"}
    given = [
        name
        for name, value in values.items()
        if value is not None and value is not False and value != () and usual.get(name) != value
    ]
    if given:
        names = ", ".join("--" + name.replace("_", "-") for name in given)
        raise error("SNC-C003", f"{names}: not for `snncc {command}` of a chip's folder")


def print_costs(configuration: Configuration) -> None:
    """What each step of legalization changed and cost."""
    rows = []
    for step in configuration.steps:
        cost = step.cost
        rows.append(
            (
                step.name,
                "\n".join(step.changes) or "-",
                "" if cost is None else f"{100 * cost.moved:.2f} %",
                "" if cost is None else f"{100 * cost.rate:.1f} %",
                "" if cost is None or cost.accuracy is None else f"{cost.accuracy:.3f}",
            )
        )
    columns = ["step", "changed", "spikes moved", "spikes", "accuracy"]
    out.print(table("what the chip's arithmetic costs", columns, rows, left=2, whole=1))


def print_mapping(configuration: Configuration) -> None:
    """What lies where."""
    from snncc.dialects.core.placement import places_of

    program = configuration.program
    routed = configuration.description.grid.routed
    rows = []
    for name, (cores, slots) in places_of(program).items():
        op = program.endings[name]
        kind = "input" if name in program.inputs else program.populations[name].neuron_class.data
        rows.append(
            (
                name,
                kind,
                shape_text(op.shape.get_values()),
                _numbers(np.unique(cores)),
                *([] if routed else [_numbers(slots)]),
            )
        )
    columns = ["layer", "class", "shape", "cores", *([] if routed else ["slots"])]
    out.print(table(f"{configuration.name} on {configuration.description.title}", columns, rows))


def _numbers(values: Array) -> str:
    """1, 3 to 5"""
    ordered = np.sort(values)
    parts = np.split(ordered, np.flatnonzero(np.diff(ordered) != 1) + 1)
    texts = [f"{p[0]}" if len(p) == 1 else f"{p[0]} to {p[-1]}" for p in parts if len(p)]
    return ", ".join(texts[:6]) + (", ..." if len(texts) > 6 else "")


def run_configuration(
    folder: Path,
    *,
    input_file: Path,
    steps: int | None,
    labels: str | None,
    score: str | None,
    output: Path | None,
    engine: str | None,
    trace: bool,
    **values: Any,
) -> None:
    """`snncc run DIR`: on the chip's model, or on another simulator of it."""
    engine = engine or "model"
    if engine in ("c", "interpreter"):
        raise error("SNC-C003", f"--engine {engine}: {folder} is for a chip", remedy="leave it out")
    _expect_no(values, "run")
    from snncc.cli.run import expect_options, expect_output

    expect_options(labels, score, output, trace)
    if output is not None:
        expect_output(output, [input_file])
    from snncc.cli.inputs import read_inputs
    from snncc.cli.labels import accuracy_of, read_labels, scored_output
    from snncc.cli.run import activity, write_arrays
    from snncc.cores.folder import load

    configuration = load(folder)
    network = configuration.model
    encoder = configuration.encoder
    taken = configuration.interface if encoder is None else encoder.network
    streams = read_inputs(input_file, taken, steps).streams
    scored = expected = None
    if labels is not None:
        scored = scored_output(network, score)
        expected = read_labels(
            input_file, labels, streams.batch, classes=network.outputs[scored][0]
        )
    with progress(f"{engine}: {configuration.name}"):
        result = configuration.run(streams.arrays, engine=engine, trace=trace)  # type: ignore[arg-type]
    rows = [
        (name, shape_text(result[name].shape), str(result[name].dtype), activity(result[name]))
        for name in network.outputs
    ]
    out.print(table(configuration.name, ["output", "shape", "type", "activity"], rows))
    say(f"{streams.batch} samples, {streams.steps} steps on {configuration.description.title}")
    if scored is not None and expected is not None:
        say(f"accuracy {accuracy_of(result[scored], expected):.3f} on {len(expected)} samples")
    if output is not None:
        write_arrays(output, result)
        say(f"wrote {output}")


def run_repack(folder: Path, weights: Path, output: Path) -> None:
    """`snncc repack DIR --weights W.npz`."""
    from snncc.cores.folder import load
    from snncc.folders import expect_folder
    from snncc.inputs import entry, open_npz

    configuration = load(folder)
    expect_folder(output)
    with open_npz(weights) as file:
        arrays = {name: entry(file, name, weights) for name in file.files}
    with progress(f"{configuration.description.name}: {configuration.name}"):
        again = configuration.repacked(arrays)
        written = again.save(output)
    for change in again.steps[-1].changes or ("nothing changed",):
        say(change)
    say(f"wrote {written}")


def run_inspect_configuration(
    folder: Path, *, as_json: bool, svg: Path | None, **values: Any
) -> None:
    """`snncc inspect DIR`."""
    _expect_no(values, "inspect")
    from snncc.cores.folder import load, manifest_of

    if svg is not None:
        from snncc.cores.plot import expect_plot

        expect_plot(svg)
    with progress(f"reads {folder}"):
        configuration = load(folder)
    on_mesh = configuration.description.grid.routed
    if svg is not None:
        from snncc.cores.plot import plot

        if not on_mesh:
            raise error("SNC-C003", "--svg: draws cores on a mesh, and this chip has one core")
        plot(configuration, svg)
    if as_json:
        out.print_json(json.dumps(manifest_of(folder)))
        return
    print_mapping(configuration)
    print_use(configuration)
    if on_mesh:
        from snncc.cli.cores import print_cores, print_layers

        print_cores(configuration)
        print_layers(configuration)
    print_costs(configuration)
    if svg is not None:
        say(f"wrote {svg}")


def print_use(configuration: Configuration) -> None:
    """How much of the chip is used."""
    from snncc.dialects.core.conformance import sizes, synapse_counts
    from snncc.dialects.core.description import INPUT
    from snncc.dialects.core.wiring import Wiring

    description = configuration.description
    places = description.grid.places
    routed = description.grid.routed
    limits: dict[str, int | None] = {INPUT: None if routed else description.inputs.count}
    limits |= {name: places * neuron.count for name, neuron in description.neurons.items()}
    used = sizes(configuration.program)
    if routed:
        wiring = Wiring(configuration.program)
        used["neurons with copies"] = int(wiring.sizes().sum())
        used["axons"] = int(wiring.axons().sum())
        used["cores"] = len(wiring.cores)
        every = sum(neuron.count for neuron in description.neurons.values())
        limits |= {
            "neurons with copies": places * every,
            "axons": None if description.grid.axons is None else places * description.grid.axons,
            "cores": places,
        }
    rows = []
    for kind, count in used.items():
        limit = limits[kind]
        share = "" if limit is None else f"{100 * count / max(1, limit):.1f} %"
        rows.append((kind, str(count), "" if limit is None else str(limit), share))
    for name, count in synapse_counts(configuration.program).items():
        limit = description.edges[name].synapses
        share = "" if limit is None else f"{100 * count / limit:.1f} %"
        rows.append((f"{name} synapses", str(count), "" if limit is None else str(limit), share))
    out.print(table("use", ["what", "used", "there are", "share"], rows))
