"""Reading HDF5 files of others: nodes with fields, in a process of its own, within limits."""
