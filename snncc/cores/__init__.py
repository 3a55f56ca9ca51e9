"""Networks on neuromorphic chips: legalized, measured, placed, written, run on the chip's model."""
