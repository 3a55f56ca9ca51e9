"""
HDF5 for untrusted files.

The HDF5 library believes what a file says of itself: of 2000 mutants of a small NIR file,
two keep HDF5 2.0 in an endless loop, and a few KiB can claim gigabytes. Files as h5py
writes them by default are therefore read here, in Python and with every reference
checked; any other form of HDF5 goes once through the library in a process of its own,
with limits on its time and memory, which writes it again in that default form.
"""
