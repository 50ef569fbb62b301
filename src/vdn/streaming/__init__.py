"""Pictures from file to file in bounded memory: reading, the network and writing overlap."""

from vdn.streaming.files import restore_one_file
from vdn.streaming.io_threads import IOThreads, run_jobs
from vdn.streaming.known import white_of
from vdn.streaming.noise import FrameNoise, MiddleNoise, estimate_picture_noise
from vdn.streaming.restore import Report, Settings, Targets, restore_picture

__all__ = [
    "FrameNoise",
    "IOThreads",
    "MiddleNoise",
    "Report",
    "Settings",
    "Targets",
    "estimate_picture_noise",
    "restore_one_file",
    "restore_picture",
    "run_jobs",
    "white_of",
]
