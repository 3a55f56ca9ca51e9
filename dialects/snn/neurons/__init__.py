"""
The neurons of chips, as integer bodies: bit for bit what the chip computes.

`arithmetic` has what descriptions of chips are made of; a file for each family of chips
writes its equations with it.
"""
