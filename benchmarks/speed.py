"""
Times snncc's C beside a dense C loop and onnxruntime, on one core, in one run.

    python -m benchmarks.speed --rounds 15 --json speed.json --plot speed.png

Exits with 1 where a contender's spikes are not those of the interpreter.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path

# as a script, Python looks in this folder and not in the one that holds it
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from rich.console import Console

from benchmarks import networks, report
from benchmarks.compiled import Compiled
from benchmarks.dense_c import DenseC
from benchmarks.networks import Case, MissingModel
from benchmarks.results import environment, run_case
from benchmarks.timing import Contender, pin
from snncc.network import Network


def contenders(network: Network, console: Console, time_block: int) -> list[Contender]:
    """All that can run here; says so where onnxruntime cannot."""
    found: list[Contender] = [
        Compiled(network, time_block),
        DenseC(network, "dot"),
        DenseC(network, "plane"),
    ]
    try:
        from benchmarks.ort_scan import OrtScan

        found.append(OrtScan(network))
    except ImportError:
        console.print("onnxruntime is not installed (extra `benchmark`): it is left out")
    return found


def parse_arguments(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks.speed", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--rounds", type=int, default=15, help="how often each is timed (15)")
    parser.add_argument("--network", choices=("all", "cnn", "cuba"), default="all")
    parser.add_argument("--nets", type=Path, default=networks.NETS, help="folder of the models")
    parser.add_argument("--time-block", type=int, default=16, help="of snncc.compile (16)")
    parser.add_argument("--cpu", type=int, help="the core to run on (else the last one)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the numbers")
    parser.add_argument("--plot", type=Path, metavar="FILE.png", help="draw a bar chart")
    chosen = parser.parse_args(arguments)
    if chosen.rounds < 1:
        parser.error(f"--rounds: expected at least 1, got {chosen.rounds}")
    return chosen


def main(arguments: list[str] | None = None) -> int:
    chosen = parse_arguments(arguments)
    console = Console()
    console.width = max(console.width, report.WIDTH)
    pin(chosen.cpu)
    makers: dict[str, Callable[[], Case]] = {
        "cnn": lambda: networks.nmnist_cnn(chosen.nets),
        "cuba": networks.cuba,
    }
    results = []
    for key, make in makers.items():
        if chosen.network not in ("all", key):
            continue
        with console.status(f"{key}: building"):
            try:
                case = make()
            except MissingModel as missing:
                console.print(f"error: {missing}", soft_wrap=True)
                return 2
            built = contenders(case.network, console, chosen.time_block)
        with console.status(f"{case.name}: checking and timing"):
            results.append(run_case(case, built, chosen.rounds))
    console.print(report.table(results))
    if chosen.json is not None:
        numbers = {
            "environment": environment(),
            "rounds": chosen.rounds,
            "results": [result.as_json() for result in results],
        }
        chosen.json.write_text(json.dumps(numbers, indent=2) + "\n")
    if chosen.plot is not None:
        try:
            report.plot(results, chosen.plot)
        except ImportError:
            console.print("no chart: matplotlib is not installed (extra `plot`)")
    if not all(result.accepted for result in results):
        console.print("the spikes differ")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
