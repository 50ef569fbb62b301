"""Noise models that synthesise, and the profile fitted to a noise map. NumPy and SciPy only."""

from vdn.noise.bayer import Bayer
from vdn.noise.camera import Camera, CameraRanges, sample_camera
from vdn.noise.fields import (
    TEST_MAPS,
    CompoundedResize,
    bump,
    gaussian_mixture,
    peaks,
    resize,
    sincos,
)
from vdn.noise.gaussian import add_gaussian, add_poisson_gaussian, poisson_gaussian_sigma
from vdn.noise.jpeg import Jpeg
from vdn.noise.level_map import measured_sigma, predicted_sigma
from vdn.noise.profile import ChannelProfile, NoiseProfile, fit_profile
from vdn.noise.simulate import SPECIFICATIONS, simulate
from vdn.noise.tone import ToneCurve

__all__ = [
    "SPECIFICATIONS",
    "TEST_MAPS",
    "Bayer",
    "Camera",
    "CameraRanges",
    "ChannelProfile",
    "CompoundedResize",
    "Jpeg",
    "NoiseProfile",
    "ToneCurve",
    "add_gaussian",
    "add_poisson_gaussian",
    "bump",
    "fit_profile",
    "gaussian_mixture",
    "measured_sigma",
    "peaks",
    "poisson_gaussian_sigma",
    "predicted_sigma",
    "resize",
    "sample_camera",
    "simulate",
    "sincos",
]
