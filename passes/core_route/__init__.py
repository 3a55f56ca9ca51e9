"""
Puts a program on the cores of a mesh: axons, copies of neurons, routes.

    from snncc.passes.core_route import place_on_mesh

    placed = place_on_mesh(module, description, rates)      # raises Unfit
    placed.module, placed.relayed, placed.later
"""

from snncc.passes.core_route.place import Placed, place_on_mesh
from snncc.passes.core_route.route import CoreRoute

__all__ = ["CoreRoute", "Placed", "place_on_mesh"]
