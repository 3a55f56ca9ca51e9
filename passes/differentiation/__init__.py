"""The backward program: adjoints of scalar bodies, and the transposed network around them."""
