"""Writes networks as ONNX models of one step, or of a sequence, that any runtime runs."""
