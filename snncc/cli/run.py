"""`snncc run`: a model on an input, with accuracy and speed."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np

from snncc.cli.console import out, print_warnings, progress, shape_text, table
from snncc.dialects.arrays import Array
from snncc.errors import error
from snncc.inputs import read_npz, to_streams
from snncc.network import Network, load_with
from snncc.options import LoadOptions


def run_run(
    model: Path,
    options: LoadOptions,
    *,
    input_file: Path,
    steps: int | None,
    labels: str | None,
    output: Path | None,
    engine: str,
    time_block: int,
    trace: bool,
) -> None:
    network = load_with(model, options)
    print_warnings(network.warnings)
    x = read_npz(input_file, network.op, steps=steps)
    if steps is not None and any(key_has_time(input_file, name) for name in x):
        steps = None
    streams = to_streams(network.op, x, steps=steps)
    expected = None if labels is None else _labels(input_file, labels, streams.batch)
    runner: Any = network
    speed = ""
    if engine == "c":
        from snncc.compiled import compile

        runner = compile(network, time_block=time_block)
    with progress(f"{engine}: {network.name}") as update:
        start = time.perf_counter()
        result = runner.run(x, steps=steps, trace=trace, progress=update)
        seconds = time.perf_counter() - start
    if engine == "c":
        best = min(runner.time(x, steps=steps, repeats=5)) / streams.steps
        speed = f"{best * 1e6:.2f} us a step"
    else:
        speed = f"{seconds / (streams.steps * streams.batch) * 1e6:.0f} us a step and sample"
    rows = [
        (name, shape_text(result[name].shape), str(result[name].dtype), _activity(result[name]))
        for name in network.outputs
    ]
    out.print(table(network.name, ["output", "shape", "type", "activity"], rows))
    out.print(f"{streams.batch} samples, {streams.steps} steps, {engine}: {speed}", markup=False)
    if expected is not None:
        accuracy = _accuracy(network, result, expected, batched=streams.batched)
        out.print(f"accuracy {accuracy:.3f} on {len(expected)} samples", markup=False)
    if output is not None:
        _write(output, result)
        out.print(f"wrote {output}", markup=False)


def key_has_time(input_file: Path, name: str) -> bool:
    """Events carry their time; dense arrays with --steps do not."""
    with np.load(input_file, allow_pickle=False) as file:
        return name not in file.files and "x" not in file.files


def _activity(values: Array) -> str:
    if values.dtype.kind == "u":
        return f"{100 * float((values > 0).mean()):.1f} % of steps"
    return f"{values.min():.3g} to {values.max():.3g}"


def _labels(input_file: Path, labels: str, samples: int) -> Array:
    path = Path(labels)
    try:
        if path.suffix == ".npy":
            found = np.load(path, allow_pickle=False)
        else:
            with np.load(input_file, allow_pickle=False) as file:
                found = file[labels]
    except (OSError, KeyError, ValueError) as fault:
        reason = str(fault).splitlines()[0][:160]
        raise error("SNC-R003", f"labels {labels!r}: {reason}") from None
    found = np.atleast_1d(found)
    if found.shape != (samples,) or found.dtype.kind not in "iu":
        raise error(
            "SNC-R003",
            f"labels {labels!r}: expected {samples} whole numbers, one for each sample, "
            f"got {found.dtype} of shape {list(found.shape)}",
            remedy="an input without a time axis is held constant with --steps T",
        )
    return found


def _accuracy(network: Network, result: dict[str, Any], expected: Array, *, batched: bool) -> float:
    """The share of samples whose most active output is the label."""
    name = next(iter(network.outputs))
    total = result[name].astype(np.float64).sum(axis=0)
    total = total.reshape(len(expected), -1) if batched else total.reshape(1, -1)
    return float((total.argmax(axis=1) == expected).mean())


def _write(path: Path, result: dict[str, Any]) -> None:
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
