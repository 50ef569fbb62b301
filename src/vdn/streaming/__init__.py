"""Pictures from file to file in bounded memory: reading, the network and writing overlap."""

from vdn.streaming.denoise import Report, Settings, Targets, denoise_picture
from vdn.streaming.files import denoise_one_file
from vdn.streaming.io_threads import IOThreads, run_jobs
from vdn.streaming.known import white_of
from vdn.streaming.noise import FrameNoise, MiddleNoise, estimate_picture_noise

__all__ = [
    "FrameNoise",
    "IOThreads",
    "MiddleNoise",
    "Report",
    "Settings",
    "Targets",
    "denoise_one_file",
    "denoise_picture",
    "estimate_picture_noise",
    "run_jobs",
    "white_of",
]
