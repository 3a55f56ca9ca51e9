"""What does not fit is refused with the resource, the excess and a remedy."""

import numpy as np
import pytest

from snncc.passes.mapping import Infeasible, Limits, Problem, map_network


def problem(neurons, source, target, cores=4, limits=None, **others):
    rate = np.ones(max([neurons, *(s + 1 for s in source)]))
    return Problem(neurons, source, target, rate, cores, (2, 2), limits or Limits(), **others)


def test_too_many_neurons():
    with pytest.raises(Infeasible) as refused:
        map_network(problem(900, [], [], limits=Limits(neurons=200)))
    (found,) = refused.value.shortages
    assert (found.resource, found.needed, found.available) == ("neurons", 900, 800)
    assert found.excess == 100
    assert found.proved
    assert str(refused.value) == (
        "neurons: the network on 4 cores x 200 needs 900 > 800: 100 too many; "
        "at least 5 cores, or a smaller network"
    )


def test_all_that_is_proved_is_told():
    everyone = [(s, t) for s in range(10) for t in range(4)]
    source, target = zip(*everyone, strict=True)
    with pytest.raises(Infeasible) as refused:
        map_network(problem(10, source, target, limits=Limits(neurons=2, axons=8, synapses=9)))
    found = [(one.resource, one.needed, one.available) for one in refused.value.shortages]
    assert found == [
        ("neurons", 10, 8),
        ("axons", 10, 8),
        ("synapses", 40, 36),
        ("synapses", 10, 9),
    ]
    assert "neuron 0, the worst of 4 that do not fit," in str(refused.value)


def test_a_group_that_is_too_large():
    with pytest.raises(Infeasible, match=r"group of neuron 1 \(3 neurons .* 3 > 2.*split") as info:
        map_network(problem(6, [], [], limits=Limits(neurons=2), groups=[[5, 1, 3]]))
    assert info.value.shortages[0].resource == "neurons"


def test_own_axons_count_where_the_core_says_so():
    """Two neurons that drive each other and themselves: 2 axons, or none from within."""
    source, target = [0, 0, 1, 1], [0, 1, 0, 1]
    one = {"cores": 1, "groups": [[0, 1]]}
    tight = Limits(axons=1)
    with pytest.raises(Infeasible, match="axons"):
        map_network(problem(2, source, target, limits=tight, **one))
    found = map_network(problem(2, source, target, limits=Limits(axons=1, own_axons=False), **one))
    assert found.utilisation["axons"].tolist() == [0]


def test_sources_that_may_share_the_core_are_not_counted_against_it():
    """Neuron 0 listens to three neurons and two inputs: with room for all, two axons do."""
    ends = [1, 2, 3, 4, 5], [0] * 5

    def mapped(axons, neurons):
        limits = Limits(axons=axons, neurons=neurons, own_axons=False)
        return map_network(Problem(4, *ends, np.ones(6), 2, (2, 1), limits))

    assert mapped(2, None).utilisation["axons"].max() == 2
    with pytest.raises(Infeasible, match="axons: neuron 0 needs 3 > 2") as refused:
        mapped(2, 3)
    assert refused.value.shortages[0].proved
    assert mapped(3, 3).packets == 3


def test_a_limit_of_what_there_is_none_of():
    assert map_network(problem(3, [], [], limits=Limits(synapses=8))).packets == 0


def test_what_the_search_cannot_pack_is_not_called_a_proof():
    """Five pairs do not fit four cores of three neurons, although ten neurons would."""
    pairs = [[2 * i, 2 * i + 1] for i in range(5)]
    with pytest.raises(Infeasible) as refused:
        map_network(problem(10, [], [], limits=Limits(neurons=3), groups=pairs))
    (found,) = refused.value.shortages
    assert not found.proved
    assert (found.resource, found.available) == ("neurons", 3)
    assert "smaller groups, or more cores" in str(refused.value)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"target": [9]}, r"target: expected 0 .. 3, got 9"),
        ({"source": [-1]}, r"source: expected 0 .. 3"),
        ({"rate": [1, 1, 1, np.nan]}, "finite"),
        ({"rate": [1, 1]}, r"rate: expected \[neurons \+ inputs\]"),
        ({"cores": 5}, "1 .. 4 cores"),
        ({"groups": [[0, 1], [1, 2]]}, "stands twice"),
        ({"port": [0]}, r"port: expected \[0\]"),
        ({"source": [0.5]}, "expected integers"),
    ],
)
def test_problems_that_make_no_sense_are_refused(change, says):
    given = {"source": [0], "target": [1], "rate": [1, 1, 1, 1], "cores": 4}
    with pytest.raises(ValueError, match=says):
        Problem(4, mesh=(2, 2), **{**given, **change})
