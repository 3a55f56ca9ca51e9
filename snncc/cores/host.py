"""What a configuration's folder has for the host: the encoder of values, in C and by its text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from snncc.backends.c.names import prefix_of
from snncc.cores.encoders import InputEncoder, input_encoder
from snncc.dialects.arrays import Array
from snncc.dialects.core.description import Description
from snncc.dialects.core.program import ProgramOp
from snncc.errors import SnnccError, error

if TYPE_CHECKING:
    from snncc.cores.configuration import Configuration

HOST = "host"


def host_files(configuration: Configuration) -> dict[str, bytes]:
    """The encoder as a package of C, by path; nothing where inputs are spikes."""
    from snncc.compiled import compile

    encoder = configuration.encoder
    if encoder is None:
        return {}
    package = compile(encoder.network, prefix=f"{prefix_of(configuration.name)}_encode").package
    return {f"{HOST}/{path}": data for path, data in package.files.items()}


def host_manifest(configuration: Configuration) -> dict[str, Any]:
    """What the manifest says of the encoder."""
    encoder = configuration.encoder
    if encoder is None:
        return {"encoder": None}
    shapes = {name: list(shape) for name, shape in encoder.network.inputs.items()}
    return {"encoder": str(encoder.encoder), "values": shapes}


def read_encoder(
    manifest: Mapping[str, Any], program: ProgramOp, description: Description
) -> InputEncoder | None:
    """The encoder that a manifest names. Raises SNC-N008."""
    text = manifest.get("encoder")
    if text is None:
        return None
    shapes = {name: tuple(op.shape.get_values()) for name, op in program.given.items()}
    try:
        return input_encoder(str(text), shapes, description)
    except SnnccError as fault:
        raise error("SNC-N008", f"manifest: {fault.problems[0].message}") from None


def real_arrays(real: Mapping[str, Array]) -> dict[str, Array]:
    """The sample's values as `golden.npz` has them."""
    return {f"real/{name}": array for name, array in real.items()}


def told(configuration: Configuration) -> list[str]:
    """Of the README: what makes spikes of values."""
    encoder = configuration.encoder
    if encoder is None:
        return []
    return [
        f"`{encoder.encoder}` makes them of values: `host/` is its C, with the same bits, and",
        "`golden.npz` has the sample's values as `real/NAME`. `snncc run` takes values.",
        "",
        *(f"- values `{name}`: {list(shape)}" for name, shape in encoder.network.inputs.items()),
    ]
