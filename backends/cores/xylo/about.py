"""What a folder's README says of Xylo's files."""

ABOUT = {
    "basic_config.json": "numbers of inputs (IN), hidden neurons (RSN) and outputs (ON), shifts of "
    "weights, whether there are second synapses and biases",
    "iwtram.ini": "weights of each input to all hidden neurons; iwt2ram.ini of the second synapse",
    "rforam.ini": "targets of each hidden neuron; rwtram.ini, rwt2ram.ini: the weights to them; "
    "refocram.ini: how many they are",
    "owtram.ini": "weights of each hidden neuron to all outputs",
    "nthram.ini": "thresholds, of the hidden neurons and then of the outputs; ndmram.ini: membrane "
    "decays, ndsram.ini: decays of synapses (rds2ram.ini: of the second), nbram.ini: biases",
    "raram.ini": "aliases, and rcram.ini: none",
    "spk_in/inp_spks.txt": "spikes of the sample in golden.npz; what it leaves in the memories "
    "of neurons stands in `spk_res` (hidden spikes), `spk_out`, `isyn`, `isyn2` and `vmem`, a file "
    "for each step in which the simulator does not hibernate",
}

REPLAY = """
`config/` is what `xylosim.tools.save_to_RAM_files_V2` (xylosim 0.1.3) writes of this network and
sample, byte for byte: a word a line in hexadecimal, two's complement. `snncc run DIR --engine
xylosim` runs it on xylosim.

- Step k of the network, from 0, is time step k. Row k of `trace/POPULATION` in `golden.npz` are
  spikes (of hidden neurons up to 31), `.i0` and `.i1` currents and `.v` membranes at its end.
- `address_map.csv` tells slots: of hidden neurons the number of the neuron, of readouts that of
  the output, of inputs that of the channel.
- Row k of `trace/OUTPUT`, for each output of the network, is that of its population.
- Another sample starts with all currents and membranes at 0.
"""
