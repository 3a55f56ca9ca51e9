"""The smoothed twin of a network: each step replaced by the integral of its surrogate."""
