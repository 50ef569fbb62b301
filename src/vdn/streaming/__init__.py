"""Pictures from file to file in bounded memory: reading, the network and writing overlap."""

from vdn.streaming.denoise import Report, Settings, Targets, denoise_picture
from vdn.streaming.lanes import Lanes, run_jobs
from vdn.streaming.noise import FrameNoise, survey_picture

__all__ = [
    "FrameNoise",
    "Lanes",
    "Report",
    "Settings",
    "Targets",
    "denoise_picture",
    "run_jobs",
    "survey_picture",
]
