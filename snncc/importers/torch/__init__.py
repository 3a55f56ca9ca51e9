"""Reads what torch.export writes, without torch: see `pt2.py`."""
