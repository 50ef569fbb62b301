"""Noise models that synthesise, and the profile fitted to a noise map. NumPy and SciPy only."""
