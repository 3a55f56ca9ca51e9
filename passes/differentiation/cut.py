"""
What of a body is saved for the way back: the fewest bits from which the rest is computed again.

The scalars that an adjoint body recomputes form a graph from what it is given (inputs and
states, each of which would have to be saved) to what the derivatives read. Any set of scalars
that parts the two will do; the one of the fewest bits is a minimum vertex cut of the graph
(Ford and Fulkerson 1956). A leaky neuron with a surrogate of its membrane saves the distance
to the threshold, and neither its input nor its state.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from xdsl.ir import Operation, SSAValue

FEWER = 256
"""Bits count so many times as much as how many scalars they are."""
PROGRAM, DERIVATIVES = "program", "derivatives"
KNOWN, READ = "known", "read"


def fewest_bits(
    given: Sequence[SSAValue],
    computed: Collection[Operation],
    bits: Callable[[SSAValue], int],
) -> list[SSAValue]:
    """
    The scalars to save, of those that are `given` or results of `computed` (in their order):
    what other operations read of these follows from them. Of cuts as small the last one, for
    which the least is computed again.
    """
    if not given:
        return []
    values = list(given)
    for op in computed:
        if set(op.operands).intersection(values):
            values += op.results
    import networkx as nx  # slow to import, and only training needs it

    graph = nx.DiGraph()
    for value in values:  # an edge from where it is known to where it is read
        price = bits(value)
        graph.add_edge((value, KNOWN), (value, READ), capacity=price * FEWER + bool(price))
        readers = {use.operation for use in value.uses}
        for reader in readers.intersection(computed):
            graph.add_edges_from(((value, READ), (made, KNOWN)) for made in reader.results)
        if readers.difference(computed):
            graph.add_edge((value, READ), DERIVATIVES)
    graph.add_edges_from((PROGRAM, (value, KNOWN)) for value in given)
    if DERIVATIVES not in graph:
        return []
    _, (_, behind) = nx.minimum_cut(graph, PROGRAM, DERIVATIVES)  # behind: what reaches the end
    return [v for v in values if (v, READ) in behind and (v, KNOWN) not in behind]
