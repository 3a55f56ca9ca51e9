"""Front doors: one package a file format, each from a file to an `snn` module."""
