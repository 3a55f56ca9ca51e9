"""What a folder's README says of ReckOn's files."""

ABOUT = {
    "program.txt": "command file: registers and memories over SPI, EN_CONF = 0 last",
    "sample.txt": "command file: pins, events and ticks of the sample in golden.npz",
    "expected.json": "after each tick: membranes `u` and outputs `o` by slot, and `z`, the neurons "
    "that the next tick finds to spike; `counts` of ticks by winner, and the `label`",
    "neuron.hex": "memory of neuron pairs, a word of 128 bits a line, from word 0 on",
    "weights_input.hex": "a line has the weights of one input to four neurons; 64 lines an input",
    "weights_recurrent.hex": "the same of neurons to neurons",
    "weights_output.hex": "the same of neurons to outputs, 4 lines a neuron",
}

REPLAY = """
After a reset with all pins at 0 `program.txt` and then `sample.txt` go to the chip, a command a
line, numbers in hexadecimal:

| command | what it is |
|---|---|
| `write ADDR DATA...` | over SPI: ADDR and each word, 32 bits, most significant bit first |
| `event ADDR` | an event over the input's address bus, AERIN, with AERIN_TAR_EN = 0 |
| `target ADDR` | the same with AERIN_TAR_EN = 1; only where the chip learns |
| `pins SAMPLE TARGET_VALID INFER_ACC` | levels of three pins, until the next line of this kind |
| `tick` | a rising edge of TIME_TICK |

The next command waits until the chip is idle or between two ticks. Its output bus is acknowledged
at once.

- Step k of the network, from 0, is tick k + 1: what is sent before a tick is added in it. Row k of
  `trace/POPULATION.u` and `.o` in `golden.npz` are the registers after it, by the slots of
  `address_map.csv`. Row k of `trace/POPULATION` are the spikes of step k, which the chip finds at
  the beginning of tick k + 2; they are on no bus.
- N steps are N + 1 ticks. SAMPLE falls before the last one, which finds the last spikes, adds
  nothing, and sends the `label` over the output bus: the output that was largest in most ticks.
- Row k of `trace/OUTPUT`, for each output of the network, are the o of its population after tick
  k + 1.
- Another sample: the commands of `sample.txt` with its own events, which are the slots of the
  inputs that spike. Between samples the chip clears u and o, and keeps what it was written.
"""
