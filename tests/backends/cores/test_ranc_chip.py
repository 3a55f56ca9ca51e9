"""The player of RANC on corner cases whose numbers were worked out by hand from RANC.md."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from tests.backends.cores.ranc_chip import Merged, Run, play
from tests.backends.cores.ranc_files import RancError

Json = dict[str, Any]
LAST_SLOT = 3
"""The rings have four slots, 0 to 3; the longest delay is 2."""


def configuration(**other: int) -> Json:
    sizes = {
        "num_neurons": 4,
        "num_axons": 4,
        "num_cores_x": 3,
        "num_cores_y": 3,
        "num_weights": 3,
        "max_tick_offset": 4,
        "neuron_block_trace_verbosity": 0,
        "core_controller_trace_verbosity": 0,
        "scheduler_trace_verbosity": 0,
        "neuron_reset_type": 0,
    }
    return sizes | other


def neuron(to: tuple[int, int] = (0, 1), axon: int = 0, delay: int = 0, **other: Any) -> Json:
    """A neuron of the core at (1, 1) that sends to the bus, at (1, 2)."""
    values = {
        "weights": [1, 5, -2],
        "leak": 0,
        "positive_threshold": 100,
        "negative_threshold": -100,
        "reset_potential": 0,
        "reset_mode": 0,
        "current_potential": 0,
        "destination_core_offset": list(to),
        "destination_axon": axon,
        "destination_tick": delay,
    }
    return values | other


def core(
    *neurons: Json,
    at: tuple[int, int] = (1, 1),
    axons: tuple[int, ...] = (0, 1, 2, 0),
    connections: list[list[int]] | None = None,
) -> Json:
    """By default axon n is all that reaches neuron n."""
    own = [[int(a == n) for a in range(4)] for n in range(len(neurons))]
    return {
        "axons": list(axons),
        "neurons": list(neurons),
        "connections": own if connections is None else connections,
        "coordinates": list(at),
    }


def packet(axon: int, delay: int = 0, to: tuple[int, int] = (1, 1)) -> Json:
    return {"destination_core": list(to), "destination_axon": axon, "destination_tick": delay}


def files(packets: list[list[Json]], *cores: Json) -> Json:
    bus = {"coordinates": [1, 2], "num_outputs": 6}
    return {"packets": packets, "output_bus": bus, "cores": list(cores)}


def run(
    packets: list[list[Json]], *cores: Json, ticks: int = 5, width: int = 32, **sizes: int
) -> Run:
    texts = json.dumps(files(packets, *cores)), json.dumps(configuration(**sizes))
    return play(*texts, ticks, width)


def potentials(packets: list[list[Json]], one: Json, ticks: int, **sizes: int) -> list[int]:
    """Of one neuron that all axons reach; types 0, 1, 2, 0: weights 1, 5, -2, 1."""
    result = run(packets, core(one, connections=[[1, 1, 1, 1]]), ticks=ticks, **sizes)
    return result.potentials[1, 1][:, 0].tolist()


def ticks_of(spikes: Any) -> list[int]:
    """The ticks, from 1, in which there is a spike."""
    return (np.flatnonzero(spikes) + 1).tolist()


def test_sum_then_leak_then_threshold() -> None:
    # tick 1: 1 + 5 - 2 = 4, + leak 3 = 7 >= 7. Leak after the test would leave 4 and fire later
    result = run(
        [[packet(0), packet(1), packet(2)]],
        core(neuron(leak=3, positive_threshold=7), connections=[[1, 1, 1, 1]]),
        ticks=4,
    )
    assert ticks_of(result.spikes[1, 1][:, 0]) == [1, 4]
    assert result.potentials[1, 1][:, 0].tolist() == [0, 3, 6, 0]


def test_only_the_end_of_the_sum_is_tested() -> None:
    # 5 first and then -2: 5 is over the threshold on the way, 3 at the end is not
    assert potentials([[packet(1), packet(2)]], neuron(positive_threshold=4), 2) == [3, 3]


@pytest.mark.parametrize(("threshold", "fires"), [(5, [1]), (6, [])])
def test_fires_at_the_threshold(threshold: int, fires: list[int]) -> None:
    one = neuron(positive_threshold=threshold)
    result = run([[packet(1)]], core(one, connections=[[1, 1, 1, 1]]))
    assert ticks_of(result.spikes[1, 1][:, 0]) == fires


def test_reset_to_a_value_or_by_the_threshold() -> None:
    # 5 >= 3: to -7
    to_value = neuron(positive_threshold=3, reset_potential=-7)
    subtract = neuron(positive_threshold=2, reset_potential=-7, reset_mode=1)
    assert potentials([[packet(1)]], to_value, 2) == [-7, -7]
    # 5 - 2 = 3 is over the threshold, but fires again in tick 2 only: 1
    assert potentials([[packet(1)]], subtract, 3) == [3, 1, 1]


@pytest.mark.parametrize(("kind", "after"), [(0, [-2, 9, 9]), (1, [9, 9, 9])])
def test_negative_threshold_strict_or_not(kind: int, after: list[int]) -> None:
    # tick 1: v = -2 = the threshold, below it in the symmetric type only. Type 0: -4 in tick 2
    one = neuron(negative_threshold=-2, reset_potential=-9)
    sent = [[packet(2)], [packet(2)] if kind == 0 else []]
    assert potentials(sent, one, 3, neuron_reset_type=kind) == after


@pytest.mark.parametrize(("kind", "after"), [(0, [-1, -3, -2]), (1, [-1, 0, -2])])
def test_negative_threshold_is_subtracted(kind: int, after: list[int]) -> None:
    # axons 2 and 3 give -2 + 1 = -1, then -2 alone: -3 = threshold. Symmetric: -3 - -3 = 0.
    # then -2: asymmetric -5 - -3 = -2, symmetric 0 - 2 = -2
    one = neuron(negative_threshold=-3, reset_mode=1)
    sent = [[packet(2), packet(3)], [packet(2)], [packet(2)]]
    assert potentials(sent, one, 3, neuron_reset_type=kind) == after


def test_a_spike_comes_before_the_negative_threshold() -> None:
    # both thresholds are met: the positive one counts, and what it leaves is not tested again
    one = neuron(positive_threshold=-5, negative_threshold=10, reset_potential=3)
    assert potentials([], one, 2) == [3, 3]


def test_rest_on_the_negative_threshold_moves_by_itself() -> None:
    # symmetric, threshold 0: 0 <= 0 gives -4; and -4 <= 0 again
    one = neuron(negative_threshold=0, reset_potential=4)
    assert potentials([], one, 2, neuron_reset_type=1) == [-4, -4]
    assert potentials([], one, 2, neuron_reset_type=0) == [0, 0]


def test_potential_before_the_first_tick() -> None:
    assert potentials([], neuron(current_potential=42, leak=-1), 2) == [41, 40]


def test_shorter_lists_are_zeros() -> None:
    # weights [1] -> type 1 weighs 0; axons () -> all of type 0; connections [1] -> axon 0 only
    short = neuron(weights=[1])
    sent = [[packet(0), packet(1)]]
    typed = run(sent, core(short, connections=[[1, 1]]))
    untyped = run(sent, core(neuron(), axons=(), connections=[[1]]))
    assert typed.potentials[1, 1][0, 0] == 1
    assert untyped.potentials[1, 1][0, 0] == 1


@pytest.mark.parametrize("delay", range(LAST_SLOT))
@pytest.mark.parametrize("t", range(6))
def test_packets_arrive_after_their_delay(t: int, delay: int) -> None:
    # packets[t] is integrated in tick t + 1 + delay, whichever slot of the ring that is
    sent: list[list[Json]] = [[] for _ in range(t)] + [[packet(0, delay)]]
    result = run(sent, core(neuron(positive_threshold=1)), ticks=10)
    assert ticks_of(result.spikes[1, 1][:, 0]) == [t + 1 + delay]


@pytest.mark.parametrize("delay", range(LAST_SLOT))
def test_neurons_arrive_after_their_delay(delay: int) -> None:
    # neuron 0 sends to axon 1 of its own core, four times: all slots, all wraps of the ring
    first = neuron(to=(0, 0), axon=1, delay=delay, positive_threshold=1)
    second = neuron(positive_threshold=1)
    result = run([[packet(0)] for _ in range(4)], core(first, second), ticks=10)
    assert ticks_of(result.spikes[1, 1][:, 0]) == [1, 2, 3, 4]
    assert ticks_of(result.spikes[1, 1][:, 1]) == [2 + delay + k for k in range(4)]


def test_two_delays_meet_in_one_tick() -> None:
    # sent before ticks 1, 2, 3 with delays 2, 1, 0: all three are integrated in tick 3
    sent = [[packet(0, 2)], [packet(1, 1)], [packet(2, 0)]]
    assert potentials(sent, neuron(), 5) == [0, 0, 4, 4, 4]


def test_outputs_come_one_tick_later_without_delay() -> None:
    # fires in tick 1: row 1, though it says delay 2; two rows for two spikes
    one = neuron(axon=4, delay=2, positive_threshold=1)
    result = run([[packet(0)], [], [packet(0)]], core(one), ticks=5)
    assert ticks_of(result.spikes[1, 1][:, 0]) == [1, 3]
    assert np.argwhere(result.outputs).tolist() == [[1, 4], [3, 4]]


def test_outputs_of_the_last_tick_are_not_seen() -> None:
    one = neuron(positive_threshold=1)
    result = run([[], [packet(0)]], core(one), ticks=2)
    assert ticks_of(result.spikes[1, 1][:, 0]) == [2]
    assert not result.outputs.any()


def test_two_spikes_on_one_output() -> None:
    one = neuron(axon=5, positive_threshold=1)
    result = run([[packet(0), packet(1)]], core(one, one), ticks=3)
    assert np.argwhere(result.outputs).tolist() == [[1, 5]]
    assert result.merged == (Merged(1, (1, 2), 5),)


def test_two_spikes_on_one_axon() -> None:
    # two packets before tick 1; then two neurons in tick 1: the axon's weight counts once
    sender = neuron(to=(0, 0), axon=2, positive_threshold=1)
    result = run(
        [[packet(0), packet(0), packet(1)]],
        core(sender, sender, neuron()),
        ticks=3,
    )
    assert result.potentials[1, 1][:, 2].tolist() == [0, -2, -2]
    assert result.merged == (Merged(0, (1, 1), 0), Merged(1, (1, 1), 2))


def test_packets_for_the_bus() -> None:
    # before tick 1: row 0; row 2 though delayed
    to = (1, 2)
    result = run([[packet(3, to=to)], [], [packet(1, 2, to=to)]], ticks=4)
    assert np.argwhere(result.outputs).tolist() == [[0, 3], [2, 1]]


@pytest.mark.parametrize("dx", [-1, 0, 1])
@pytest.mark.parametrize("dy", [-1, 0])
def test_offsets_in_all_directions(dx: int, dy: int) -> None:
    # from the middle to a neighbour, and from there back to axon 3 of the middle
    there = neuron(to=(dx, dy), axon=1, positive_threshold=1)
    unused = neuron()
    listener = neuron(axon=2, positive_threshold=1)
    back = neuron(to=(-dx, -dy), axon=3, positive_threshold=1)
    cores = [core(there, unused, unused, listener)]
    if (dx, dy) == (0, 0):
        cores = [core(there, back, unused, listener)]
    else:
        cores.append(core(unused, back, at=(1 + dx, 1 + dy)))
    result = run([[packet(0)]], *cores, ticks=6)
    place = (1 + dx, 1 + dy)
    assert ticks_of(result.spikes[1, 1][:, 0]) == [1]
    assert ticks_of(result.spikes[place][:, 1]) == [2]
    assert ticks_of(result.spikes[1, 1][:, 3]) == [3]
    assert np.argwhere(result.outputs).tolist() == [[3, 2]]


def test_distance_costs_no_time() -> None:
    # (0, 0) to (2, 2), four hops, is one tick as well
    far = core(neuron(to=(2, 2), axon=0, positive_threshold=1), at=(0, 0))
    end = core(neuron(to=(-1, 0), positive_threshold=1), at=(2, 2))
    result = run([[packet(0, to=(0, 0))]], far, end, ticks=4)
    assert ticks_of(result.spikes[2, 2][:, 0]) == [2]
    assert np.argwhere(result.outputs).tolist() == [[2, 0]]


def test_spikes_for_places_without_a_core_are_lost() -> None:
    lost = core(neuron(to=(1, 0), positive_threshold=1), at=(1, 1))
    result = run([[packet(0)]], lost, ticks=8)
    assert ticks_of(result.spikes[1, 1][:, 0]) == [1]
    assert not result.outputs.any()
    assert not result.merged


def test_output_file() -> None:
    # and a core without neurons
    result = run([[packet(0, to=(1, 2)), packet(0)]], core(), ticks=2)
    assert result.output_file() == b"\xef\xbb\xbf1 0 0 0 0 0 \n0 0 0 0 0 0 \n"


def test_potentials_of_a_width() -> None:
    # 9 bits: up to 255. Sums may leave it on the way (250 + 5 + 5 - 2), the potential may not
    one = neuron(current_potential=250, positive_threshold=1000)
    wide = core(one, axons=(1, 1, 2, 2), connections=[[1, 1, 1, 1]])
    on_the_way = [[packet(a) for a in range(4)]]
    assert run(on_the_way, wide, ticks=1, width=10).potentials[1, 1][0, 0] == 256
    with pytest.raises(OverflowError, match=r"core at \[1, 1\].*leaves 9 bits"):
        run(on_the_way, wide, ticks=1, width=9)
    assert run([[packet(0)]], wide, ticks=1, width=9).potentials[1, 1][0, 0] == 255


def test_potentials_that_wrap() -> None:
    # the FPGA's: 258 is -254 in 9 bits, which does not fire; 258 - 5 = 253 never left them
    one = neuron(current_potential=250, weights=[4], positive_threshold=255, leak=0)
    one["negative_threshold"] = -256
    both = core(one, one | {"leak": -5}, axons=(), connections=[[1, 1]] * 2)
    texts = [json.dumps(file) for file in (files([[packet(0), packet(1)]], both), configuration())]
    result = play(texts[0], texts[1], 2, potential_width=9, wrap=True)
    assert result.potentials[1, 1].tolist() == [[-254, 253], [-254, 248]]
    assert not result.spikes[1, 1].any()


def test_potentials_beyond_32_bits() -> None:
    one = neuron(current_potential=2**31 - 1, weights=[1, -1], positive_threshold=2**31 - 1)
    up_and_down = core(one, axons=(0, 1), connections=[[1, 1]])
    with pytest.raises(OverflowError, match="leaves 32 bits"):
        run([[packet(0), packet(1)]], up_and_down)


def broken(path: list[str | int], value: Any, *, delete: bool = False) -> tuple[Json, Json]:
    """Valid files but for one entry, at a path of "input" or "config"."""
    both = {
        "input": files([[packet(0)]], core(neuron(), neuron())),
        "config": configuration(),
    }
    at: Any = both
    for key in path[:-1]:
        at = at[key]
    if delete:
        del at[path[-1]]
    else:
        at[path[-1]] = value
    return both["input"], both["config"]


NEURON = ["input", "cores", 0, "neurons", 1]
BROKEN: list[tuple[list[str | int], Any, str]] = [
    (["config", "max_tick_offset"], 1, r"max_tick_offset: expected an integer of 2"),
    (["config", "neuron_reset_type"], 2, r"neuron_reset_type: expected an integer of 0 to 1"),
    (["config", "num_axons"], 0, r"num_axons: expected an integer of 1"),
    (["config", "num_axons"], True, r"num_axons: expected an integer"),
    (["config", "leak_width"], 9, r"expected the keys"),
    (["input", "comment"], "", r"expected the keys"),
    (["input", "packets", 0, 0, "destination_tick"], 3, r"packets\[0\]\[0\].*0 to 2, got 3"),
    (["input", "packets", 0, 0, "destination_axon"], 4, r"0 to 3, got 4"),
    (["input", "packets", 0, 0, "destination_core"], [-1, 0], r"grid of 3 by 3"),
    (["input", "packets", 0, 0, "destination_core"], [0], r"two integers"),
    # the parser tests packets for the bus against the axons of a core: output 4 is out of reach
    (["input", "packets", 0, 0], packet(4, to=(1, 2)), r"0 to 3, got 4"),
    (["input", "output_bus", "coordinates"], [3, 0], r"grid of 3 by 3"),
    (["input", "output_bus", "num_outputs"], 0, r"integer of 1"),
    (["input", "cores", 0, "coordinates"], [1, 2], r"another place than the bus"),
    (["input", "cores", 0, "axons"], [3], r"axons\[0\]: expected an integer of 0 to 2"),
    (["input", "cores", 0, "axons"], [0] * 5, r"at most 4"),
    (["input", "cores", 0, "connections"], [[1]], r"expected 2 rows, got 1"),
    (["input", "cores", 0, "connections"], [[2], []], r"connections\[0\]\[0\].*0 to 1"),
    ([*NEURON, "destination_core"], [0, 0], r"neurons\[1\]: expected the keys"),
    ([*NEURON, "destination_core_offset"], [0, -2], r"neurons\[1\].*grid of 3 by 3"),
    ([*NEURON, "destination_axon"], 6, r"0 to 5, got 6"),
    ([*NEURON, "destination_axon"], -1, r"0 to 5, got -1"),
    ([*NEURON, "destination_tick"], -1, r"0 to 2, got -1"),
    ([*NEURON, "weights"], [0] * 4, r"at most 3"),
    ([*NEURON, "leak"], 0.0, r"leak: expected an integer"),
    ([*NEURON, "leak"], 2**31, r"leak: expected an integer"),
    ([*NEURON, "reset_mode"], 2, r"reset_mode: expected an integer of 0 to 1"),
]


@pytest.mark.parametrize(("path", "value", "message"), BROKEN)
def test_files_are_read_strictly(path: list[str | int], value: Any, message: str) -> None:
    texts = [json.dumps(file) for file in broken(path, value)]
    with pytest.raises(RancError, match=message):
        play(texts[0], texts[1], 2)


def test_each_key_is_needed() -> None:
    """Every key of the two files, one after the other."""
    paths: list[list[str | int]] = [["config", key] for key in configuration()]
    paths += [["input", key] for key in files([])]
    paths += [["input", "output_bus", key] for key in ("coordinates", "num_outputs")]
    paths += [["input", "packets", 0, 0, key] for key in packet(0)]
    paths += [["input", "cores", 0, key] for key in core()]
    paths += [[*NEURON, key] for key in neuron()]
    for path in paths:
        texts = [json.dumps(file) for file in broken(path, None, delete=True)]
        with pytest.raises(RancError, match=rf"expected the keys .*'{path[-1]}'"):
            play(texts[0], texts[1], 2)


def test_texts_that_the_simulator_cannot_read() -> None:
    network, sizes = json.dumps(files([])), json.dumps(configuration())
    with pytest.raises(RancError, match="byte order mark"):
        play("\ufeff" + network, sizes, 1)
    with pytest.raises(RancError, match="each key once"):
        play(network, sizes.replace("{", '{"num_axons": 1, ', 1), 1)
    with pytest.raises(RancError, match="each place once"):
        play(json.dumps(files([], core(), core())), sizes, 1)
    with pytest.raises(ValueError, match="0 ticks"):
        play(network, sizes, 0)
