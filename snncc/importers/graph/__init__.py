"""The graph that exported models become before they are networks: see `graph.py`."""
