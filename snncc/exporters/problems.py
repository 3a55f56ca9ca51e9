"""What a format cannot say: always an error that names the node, never a silent loss."""

from __future__ import annotations

from xdsl.ir import Operation

from snncc.dialects.snn.types import node_name
from snncc.errors import SnnccError, error


def cannot_say(op: Operation | None, what: str, remedy: str | None = None) -> SnnccError:
    """SNC-E001: `what` is what the format has no words for."""
    if op is None:
        return error("SNC-E001", what, remedy=remedy)
    return error("SNC-E001", f"{op.name}: {what}", node=node_name(op), remedy=remedy)
