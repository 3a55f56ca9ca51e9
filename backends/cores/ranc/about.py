"""What a folder's README says of RANC's files."""

ABOUT = {
    "input.json": "of the simulator: packets of the sample in golden.npz, output bus, cores",
    "config.json": "of the simulator: sizes of the machine",
    "ticks": "how many ticks the sample takes",
    "expected.txt": "what the simulator prints for them, byte for byte",
}

REPLAY = """
In `config/`, with RANC's simulator:

    ranc_sim input.json output.txt config.json $(cat ticks)

- Step k of the network, from 0, is tick k + 1: `packets[k]` are the inputs of step k. Row k of
  `trace/POPULATION` and `trace/POPULATION.v` in `golden.npz` are spikes and potentials of that
  tick; the trace file has the potentials, where config.json asks for it
  (`neuron_block_trace_verbosity` 1, and `-t FILE`). `address_map.csv` tells core, place and slot of
  each neuron and of its copies, which do the same.
- Line k + 1 of the output file has the spikes of step k; in line 0 there are none. The column
  `line` of `address_map.csv` tells which digit of a line is which neuron's. Lines of the bus that
  are not named there are of neurons that nobody reads.
- Row k of `trace/OUTPUT`, for each output of the network, is that of its population.
- Another sample: for each spike of an input element in step k a packet in `packets[k]` for each of
  its rows in `address_map.csv`: `destination_core` [x, y], `destination_axon` slot,
  `destination_tick` delay. It takes one tick more than it has steps.
"""
