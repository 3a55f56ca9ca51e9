"""
What each framework's NIR importer makes of a node: one profile a file.

A profile gives the equations of a neuron class in the operation order of the framework,
its parameters as that importer computes them, and the place of the delay in a cycle. It
covers what a node computes; faults of an importer's graph executor (layers it drops,
orders that change from run to run) are not reproduced.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from snncc.importers.nir.profiles.base import Profile


def get_all_profiles() -> dict[str, Callable[[], "Profile"]]:
    """Profile name -> factory."""

    def get_lava() -> "Profile":
        from snncc.importers.nir.profiles.lava import Lava

        return Lava()

    def get_nir_ode() -> "Profile":
        from snncc.importers.nir.profiles.nir_ode import NirOde

        return NirOde()

    def get_norse() -> "Profile":
        from snncc.importers.nir.profiles.norse import Norse

        return Norse()

    def get_rockpool() -> "Profile":
        from snncc.importers.nir.profiles.rockpool import Rockpool

        return Rockpool()

    def get_sinabs() -> "Profile":
        from snncc.importers.nir.profiles.sinabs import Sinabs

        return Sinabs()

    def get_snntorch() -> "Profile":
        from snncc.importers.nir.profiles.snntorch import SnnTorch

        return SnnTorch()

    def get_spikingjelly() -> "Profile":
        from snncc.importers.nir.profiles.spikingjelly import SpikingJelly

        return SpikingJelly()

    def get_spyx() -> "Profile":
        from snncc.importers.nir.profiles.spyx import Spyx

        return Spyx()

    return {
        "nir-ode": get_nir_ode,
        "snntorch": get_snntorch,
        "norse": get_norse,
        "sinabs": get_sinabs,
        "rockpool": get_rockpool,
        "spyx": get_spyx,
        "lava": get_lava,
        "spikingjelly": get_spikingjelly,
    }
