"""Rewrites a network to the arithmetic of a chip, step by step, each with what it costs."""
