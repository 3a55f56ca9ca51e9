"""Online learning: eligibility traces and learning signals, derived from the bodies (e-prop)."""
