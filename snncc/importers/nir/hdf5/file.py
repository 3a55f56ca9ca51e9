"""A file's groups and datasets by their addresses."""

from __future__ import annotations

from typing import BinaryIO

from snncc.importers.nir.hdf5.datasets import Dataset
from snncc.importers.nir.hdf5.groups import Link, read_links
from snncc.importers.nir.hdf5.objects import SYMBOL_TABLE, messages, one, root_header
from snncc.importers.nir.hdf5.source import Source
from snncc.importers.nir.hdf5.texts import Heaps

Group = dict[str, Link]


class File:
    """An HDF5 file in the form that h5py writes by default."""

    def __init__(self, file: BinaryIO):
        self._source = Source(file)
        self._heaps = Heaps(self._source)
        self._objects: dict[int, Group | Dataset] = {}
        self.root = self.open(root_header(self._source))

    def open(self, address: int) -> Group | Dataset:
        """The object with its header at an address; each is read once."""
        if address not in self._objects:
            found = messages(self._source, address)
            table = one(found, SYMBOL_TABLE)
            self._objects[address] = (
                read_links(self._source, table)
                if table is not None
                else Dataset(self._source, self._heaps, found)
            )
        return self._objects[address]
