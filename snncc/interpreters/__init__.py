"""Reference interpreters: what every level of the IR means, in NumPy."""
