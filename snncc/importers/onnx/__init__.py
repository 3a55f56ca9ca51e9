"""Reads ONNX files into a graph of whole-tensor operations (see `importers/graph`)."""
