"""Configurations of neuromorphic cores: one folder a chip, with its description and its emitter."""
