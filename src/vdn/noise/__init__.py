"""Noise models that synthesise, on arrays or tensors, and the profile fitted to a noise map."""
