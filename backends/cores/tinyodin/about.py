"""What a folder's README says of tinyODIN's files."""

ABOUT = {
    "program.txt": "command file: registers and memories over SPI, GATE = 0 last",
    "sample.txt": "command file: events of the sample in golden.npz; 1ff ends a step",
    "expected.json": "`spikes` in order, [number of the command in sample.txt from 0, slot], and "
    "membranes `v` by slot at the end of each step",
    "neuron.hex": "memory of neurons, a word a line, from word 0 on",
    "synapse.hex": "a line has the weights of one source to eight neurons; 32 lines a source",
}

REPLAY = """
After a reset `program.txt` and then `sample.txt` go to the chip, a command a line, numbers in
hexadecimal:

| command | what it is |
|---|---|
| `write ADDR DATA` | over SPI: ADDR, 20 bits, then DATA, 20 bits, most significant bit first |
| `event ADDR` | an event over the input's address bus, AERIN, 10 bits |

The next command waits until the chip works on nothing and no spike waits in it. Its output bus,
AEROUT, is acknowledged at once: it has the slot of each neuron that fires, when it fires.

- Step k of the network, from 0, is what follows from the events between the k-th 1ff and the next
  one, which is a part of it: it lets the membranes leak.
- Row k of `trace/POPULATION` in `golden.npz` counts the spikes of each neuron in step k, row k of
  `trace/POPULATION.v` are the membranes at its end; `order` has (step, number of the event, slot)
  of each spike. `address_map.csv` tells the slots.
- Row k of `trace/OUTPUT`, for each output of the network, is that of its population.
- Another sample: `program.txt` again, for membranes stay as they are behind a sample; then the
  events of each step, which are the slots of the inputs that spike, and `event 1ff`.
"""
