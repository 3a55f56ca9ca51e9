"""What snncc adds to xDSL's tools through the `xdsl.universe` entry point."""

from xdsl.universe import Universe

from snncc.dialects import get_all_dialects
from snncc.passes import get_all_passes

SNNCC_UNIVERSE = Universe(all_dialects=get_all_dialects(), all_passes=get_all_passes())
