"""NIR (Neuromorphic Intermediate Representation, Pedersen et al. 2024) from HDF5 to `snn`."""
