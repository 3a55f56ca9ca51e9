"""The dialects of snncc, loaded lazily: name -> factory (xDSL's registry form)."""

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from xdsl.ir import Dialect


def get_all_dialects() -> dict[str, Callable[[], "Dialect"]]:
    """Every dialect that snncc adds to xDSL's own, by name."""

    def get_snn() -> "Dialect":
        from snncc.dialects.snn import SNN

        return SNN

    def get_kernel() -> "Dialect":
        from snncc.dialects.kernel import KERNEL

        return KERNEL

    def get_core() -> "Dialect":
        from snncc.dialects.core import CORE

        return CORE

    return {
        "core": get_core,
        "kernel": get_kernel,
        "snn": get_snn,
    }
