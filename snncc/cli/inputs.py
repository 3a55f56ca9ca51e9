"""Inputs from files; what is wrong with one says which file it is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from snncc.errors import SnnccError
from snncc.inputs import Streams, read_npz, to_streams
from snncc.network import Network


@dataclass(frozen=True)
class Given:
    """
    The inputs of a file as `Network.run(x, steps=steps)` takes them, and as the streams that
    they are: [T, B, *shape].
    """

    x: dict[str, Any]
    steps: int | None
    streams: Streams


def read_inputs(path: Path, network: Network, steps: int | None) -> Given:
    """Raises SNC-R001 where the file cannot be read or does not fit the network."""
    with problems_of(path):
        x, held = read_npz(path, network.op, steps=steps)
        return Given(x, held, to_streams(network.op, x, steps=held))


@contextmanager
def problems_of(path: Path) -> Iterator[None]:
    """Problems that are raised here start with the file that they are of."""
    try:
        yield
    except SnnccError as fault:
        raise SnnccError(
            [
                p if str(path) in p.message else replace(p, message=f"{path}: {p.message}")
                for p in fault.problems
            ]
        ) from None
