"""
Backends: each prints the scheduled level for one kind of target.

None imports a pass or another backend.
"""
