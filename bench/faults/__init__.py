"""Faults: chaos, fuzzing, soaking and upgrades, and the evidence that nothing was lost."""
