"""`snncc run`: a model on an input, with accuracy and speed."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from snncc.cli.console import out, print_warnings, progress, range_text, say, shape_text, table
from snncc.cli.inputs import read_inputs
from snncc.cli.labels import accuracy_of, read_labels, scored_output
from snncc.cli.quantize import quantization_of
from snncc.dialects.arrays import Array
from snncc.errors import error, expect_writable
from snncc.network import load_with
from snncc.options import LoadOptions
from snncc.passes.quantization.scales import in_units, is_whole, output_scales, scales_of


def run_run(
    model: Path,
    options: LoadOptions,
    *,
    input_file: Path,
    steps: int | None,
    labels: str | None,
    score: str | None,
    output: Path | None,
    engine: str | None,
    time_block: int,
    trace: bool,
    whole: bool,
    **quantization: Any,
) -> None:
    engine = engine or "c"
    if engine not in ("c", "interpreter"):
        raise error("SNC-C003", f"--engine {engine}: is for chips, and {model} is a model")
    expect_options(labels, score, output, trace, whole)
    chosen = quantization_of(quantization)
    if output is not None:
        read = [model, input_file, Path(labels or input_file)]
        read += [chosen.calibrate] if chosen is not None and chosen.calibrate is not None else []
        expect_output(output, read)
    network = load_with(model, options)
    print_warnings(network.warnings)
    given = read_inputs(input_file, network, steps)
    streams = given.streams
    scored = expected = None
    if labels is not None:
        scored = scored_output(network, score)
        expected = read_labels(
            input_file, labels, streams.batch, classes=network.outputs[scored][0]
        )
    if chosen is not None:
        network = chosen.of(network, steps)
    scales = scales_of(network.op)
    if whole and not scales:
        raise error(
            "SNC-C003",
            f"--whole: {network.name} has no states or streams that were quantized",
            remedy="leave it out, or add --quantize int8",
        )
    runner: Any = network
    speed = ""
    if engine == "c":
        from snncc.compiled import compile

        runner = compile(network, time_block=time_block)
    with progress(f"{engine}: {network.name}") as update:
        start = time.perf_counter()
        result = runner.run(given.x, steps=given.steps, trace=trace, progress=update)
        seconds = time.perf_counter() - start
    if engine == "c":
        best = min(runner.time(given.x, steps=given.steps, repeats=5)) / streams.steps
        speed = f"{best * 1e6:.2f} us a step"
    else:
        speed = f"{seconds / (streams.steps * streams.batch) * 1e6:.0f} us a step and sample"
    rows = [
        (name, shape_text(result[name].shape), str(result[name].dtype), activity(result[name]))
        for name in network.outputs
    ]
    out.print(table(network.name, ["output", "shape", "type", "activity"], rows))
    for name, scale in output_scales(network.op).items():
        say(f"{name}: counted in steps of {range_text(scale)}")
    say(f"{streams.batch} samples, {streams.steps} steps, {engine}: {speed}")
    if scored is not None and expected is not None:
        accuracy = accuracy_of(result[scored], expected)
        say(f"accuracy {accuracy:.3f} on {len(expected)} samples")
    if output is not None:
        arrays = _whole(result, scales) if whole else in_units(result, scales)
        write_arrays(output, arrays)
        say(f"wrote {output}")
        if trace and scales and not whole:
            say("states are in the unit of the float network; --whole writes whole numbers")


def expect_options(
    labels: str | None,
    score: str | None,
    output: Path | None = None,
    trace: bool = False,
    whole: bool = False,
) -> None:
    """Options that mean nothing without another are refused."""
    if trace and output is None:
        raise error(
            "SNC-C003",
            "--trace: spikes and states are written to a file, and none is named",
            remedy="add -o Y.npz",
        )
    if whole and not trace:
        raise error(
            "SNC-C003",
            "--whole: says how states are written, and none are",
            remedy="add --trace -o Y.npz",
        )
    if score is not None and labels is None:
        raise error(
            "SNC-C003", "--score: names the output that --labels holds for", remedy="add --labels Y"
        )


def expect_output(output: Path, read: Sequence[Path]) -> None:
    """A file that can be written and is none of those that are read."""
    expect_writable(output, ".npz")
    for path in read:
        if output.exists() and path.exists() and output.samefile(path):
            raise error("SNC-C004", f"{output}: is read by this run", remedy="name another file")


def activity(values: Array) -> str:
    """How much happens in an output, for a table."""
    if values.dtype.kind == "u":
        return f"{100 * float((values > 0).mean()):.1f} % of steps"
    return f"{values.min():.3g} to {values.max():.3g}"


def _whole(result: dict[str, Any], scales: dict[str, Array]) -> dict[str, Any]:
    """The arrays as they are; what a whole number of each is worth stands beside them."""
    worth = {f"scale/{n}": s for n, s in scales.items() if n in result and is_whole(result[n])}
    return {**result, **worth}


def write_arrays(path: Path, result: dict[str, Any]) -> None:
    """Writes a result to an .npz, whole or not at all. Raises SNC-C004."""
    arrays = {name: value for name, value in result.items() if name != "final"}
    arrays.update({f"final/{name}": value for name, value in result.get("final", {}).items()})
    partial = path.with_name(f".{path.name}.partial")
    try:
        with partial.open("wb") as file:
            np.savez_compressed(file, **arrays)
        partial.replace(path)
    except OSError as fault:
        partial.unlink(missing_ok=True)
        raise error("SNC-C004", f"{path}: {fault.strerror or fault}") from None
