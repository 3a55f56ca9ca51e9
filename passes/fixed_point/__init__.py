"""Networks of floats as networks of fixed-point numbers, whose units follow from what was seen."""
