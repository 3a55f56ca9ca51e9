"""
Puts a program on the cores of a mesh: axons, copies of neurons, routes.

    from snncc.passes.core_route import place_on_mesh

    place_on_mesh(module, description, rates)       # in place; raises Unfit
"""

from snncc.passes.core_route.place import place_on_mesh

__all__ = ["place_on_mesh"]
