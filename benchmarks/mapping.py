"""
Packets x hops of mapped networks: ours, the sequential fill, a graph-cut partition.

    python -m benchmarks.mapping [docs/mapping.svg] [--only NAME] [--json FILE]

The sequential fill takes neurons in their order and cores row by row, as PACMAN does. "placed" is
the same fill with our placement. `benchmarks/graph_cut.py` is the graph's partition. Seconds
are CPU time of one process; run it with OPENBLAS_NUM_THREADS=1 for one thread.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.graph_cut import graph_cut
from benchmarks.mapping_networks import Case, cases
from snncc.passes.mapping import Problem, map_network, measure, sequential_mapping
from snncc.passes.mapping.placement import place


def placed(problem: Problem) -> float:
    """Packets x hops of the sequential fill with our placement."""
    plain = sequential_mapping(problem)
    at = place(problem, plain.traffic, np.random.default_rng(0))
    return measure(problem, plain.core, problem.places()[at]).packets_hops


def row(case: Case) -> dict[str, Any]:
    given = case.problem
    begin = time.process_time()
    ours = map_network(given)
    seconds = time.process_time() - begin
    cut = graph_cut(given)
    plain = sequential_mapping(given)
    limit = given.limits.neurons
    for mapping in (ours, cut, plain):
        assert limit is None or mapping.utilisation["neurons"].max() <= limit
    return {
        "network": case.name,
        "neurons": given.neurons,
        "synapses": given.source.size,
        "ours": ours.packets_hops,
        "sequential": plain.packets_hops,
        "placed": placed(given),
        "graph cut": cut.packets_hops,
        "packets": [ours.packets, plain.packets, cut.packets],
        "optimum": case.optimum,
        "seconds": seconds,
    }


def line(found: dict[str, Any]) -> str:
    ours = found["ours"]
    packets = " / ".join(f"{count:.5g}" for count in found["packets"])
    bound = "" if found["optimum"] is None else f"{ours / found['optimum']:.3f}"
    return (
        f"| {found['network']} | {found['neurons']} | {found['synapses']} | {ours:.5g} "
        f"| {found['sequential']:.5g} | {found['placed']:.5g} | {found['graph cut']:.5g} "
        f"| {ours / found['sequential']:.3f} | {ours / found['graph cut']:.3f} | {packets} "
        f"| {bound} | {found['seconds']:.1f} |"
    )


HEAD = (
    "| network | neurons | synapses | ours | sequential | placed | graph cut | ours / sequential "
    "| ours / graph cut | packets of the three | ours / optimum | s |\n"
    "|---|---|---|---|---|---|---|---|---|---|---|---|"
)


def draw(rows: list[dict[str, Any]], path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    matplotlib.rcParams["svg.hashsalt"] = "snncc"  # the same bytes each time
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(9.0, 0.45 * len(rows) + 1.2), layout="constrained")
    at = np.arange(len(rows))
    for shift, name in enumerate(("ours", "graph cut", "sequential")):
        values = [found[name] / found["sequential"] for found in rows]
        axes.barh(at + 0.27 * (shift - 1), values, 0.25, label=name)
    axes.set(
        xscale="log",
        xlabel="packets x hops, the sequential fill = 1",
        yticks=at,
        yticklabels=[found["network"] for found in rows],
    )
    axes.invert_yaxis()
    axes.legend(fontsize=8, loc="lower left")
    figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)
    print(f"wrote {path}")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("plot", nargs="?", type=Path, default=Path("docs/mapping.svg"))
    parser.add_argument("--only", default="", help="networks whose name has this; draws nothing")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    print(HEAD)
    rows = []
    for case in cases():
        if arguments.only in case.name:
            rows.append(row(case))
            print(line(rows[-1]), flush=True)
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=1))
    if not arguments.only:
        draw(rows, arguments.plot)


if __name__ == "__main__":
    main()
