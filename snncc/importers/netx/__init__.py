"""Network files of Lava-DL (netx): HDF5, one group for each layer."""
