"""The tables that can be asked for: which sets, which noise, what is measured."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from vdn.errors import InputError
from vdn.evaluation import measures
from vdn.evaluation.cases import NAMED, check_case

__all__ = ["SUITES", "Suite", "find_suite"]

_UPSCALE = tuple(name for name in NAMED if name.startswith("x") and "kernels" not in name)
_AWGN = ("awgn15", "awgn25", "awgn50")
_MAPS = ("case1", "case2", "case3")
PAIRED = "real"
"""The case of pictures whose noise is in the file."""


@dataclass(frozen=True)
class Suite:
    """A protocol: what is done to the pictures of which sets, and what is measured.

    Attributes
    ----------
    name, version
        Rows of another version do not count: it changes with anything that changes a figure.
    summary
        In words.
    sets
        Known sets it is meant for; `pairs` adds every set of noisy and clean photographs.
    cases
        Noise, by the names of `vdn.noise.registry`.
    measure
        Gives the figures of a row.
    multiple
        Pictures are cut at the right and below to a multiple of this.
    sides
        Take the middle square of these sides instead, from pictures that are large enough.
    restores
        The cases are degradations with noise, to be undone; else they are noise alone.
    luma
        Pictures in colour are made gray, as MATLAB's ``rgb2ycbcr`` does, before all else.
    draws
        How often each picture is taken, with other random numbers.
    example
        The case pictures are shown in.
    methods
        What is run if nothing is asked for.
    """

    name: str
    version: int
    summary: str
    sets: tuple[str, ...]
    cases: tuple[str, ...]
    measure: measures.Measure
    multiple: int = 1
    sides: tuple[int, ...] = ()
    pairs: bool = False
    restores: bool = False
    luma: bool = False
    draws: int = 1
    example: str = ""
    methods: tuple[str, ...] = ("noisy", "gaussian")

    @property
    def protocol(self) -> str:
        """Name and version, the part of a row's key that says how it was measured."""
        return f"{self.name}/{self.version}"

    def with_noise(self, cases: Sequence[str]) -> "Suite":
        """Return the suite with other noise.

        Raises
        ------
        InputError
            When a noise is not known.

        Examples
        --------
        >>> find_suite("awgn").with_noise(["gaussian:10"]).cases
        ('gaussian:10',)
        """
        for case in cases:
            check_case(case, degraded=self.restores)
        example = self.example if self.example in (PAIRED, *cases) else cases[0]
        return replace(self, cases=tuple(cases), example=example)


SUITES = {
    suite.name: suite
    for suite in (
        Suite(
            "paper",
            1,
            "the paper's tables: cut to multiples of 16, noise not clipped, PSNR of 8 bits",
            ("Set5", "LIVE1", "CBSD68"),
            (*_AWGN, *_MAPS),
            measures.restoration,
            multiple=16,
            example="case2",
        ),
        Suite(
            "awgn",
            1,
            "Gaussian noise as the field reports it: whole pictures, noise not clipped",
            (
                *("CBSD68", "Kodak24", "McMaster", "Urban100", "Set5", "Set14", "LIVE1"),
                *("BSD68_gray", "Set12"),
            ),
            _AWGN,
            measures.restoration,
            example="awgn50",
        ),
        Suite(
            "real",
            1,
            "photographs with their own noise, and clean pictures that should stay as they are",
            ("Set14",),
            ("clean",),
            measures.restoration,
            pairs=True,
            example=PAIRED,
            methods=("noisy", "photo"),
        ),
        Suite(
            "noise",
            1,
            "how near the estimate of the noise is, also where it is clipped",
            ("CBSD68",),
            (
                *("awgn5", "awgn10", "awgn15", "awgn25", "awgn50", "awgn75"),
                *(*_MAPS, "gradient", "poisson30", "poisson100"),
                *("awgn5-8bit", "awgn15-8bit", "awgn25-8bit", "awgn50-8bit", "awgn75-8bit"),
            ),
            measures.noise,
            multiple=16,
            methods=("gaussian",),
        ),
        Suite(
            "calibration",
            1,
            "whether the intervals hold what they promise, also on noise of another kind",
            ("CBSD68",),
            (
                *(*_AWGN, *_MAPS, "awgn100"),
                *("poisson30", "correlated25", "awgn25-8bit", "awgn50-8bit"),
            ),
            measures.calibration,
            multiple=16,
            methods=("gaussian",),
        ),
        Suite(
            "upscale",
            1,
            "blind super-resolution: blurred, reduced by cubic convolution, 8 bits",
            ("Set5", "Set14"),
            _UPSCALE,
            measures.degraded,
            restores=True,
            example="x2-1.2",
            methods=("bicubic",),
        ),
        Suite(
            "deblur",
            1,
            "Gaussian blur and straight movements with noise, 8 bits, and a picture that is sharp",
            ("CBSD68",),
            (
                *("sharp", "gaussian1.6-n2.55", "gaussian1.6-n7.65"),
                *("motion9-n2.55", "motion9-n7.65"),
            ),
            measures.degraded,
            restores=True,
            example="gaussian1.6-n2.55",
            methods=("noisy", "wiener@true"),
        ),
        Suite(
            "deblock",
            1,
            "luma as JPEG, also on a shifted grid, twice, and not at all",
            ("LIVE1",),
            (
                *("q10", "q20", "q30", "q40", "q10-shifted", "q30-shifted"),
                *("q30-q10", "q10-q30", "uncompressed"),
            ),
            measures.degraded,
            restores=True,
            luma=True,
            example="q10",
            methods=("noisy",),
        ),
        Suite(
            "kernels",
            1,
            "how near the inferred blur is: random Gaussians of two widths, with noise",
            ("CBSD68",),
            ("x1-kernels", "x2-kernels", "x4-kernels"),
            measures.blur_kernel,
            restores=True,
            draws=8,
            methods=(),
        ),
        Suite(
            "speed",
            1,
            "seconds of a call on squares of 256 and 512, with the quality on them",
            ("LIVE1", "Kodak24", "Set14"),
            ("awgn25",),
            measures.speed,
            sides=(256, 512),
        ),
    )
}


def find_suite(name: str) -> Suite:
    """Return a suite by name.

    Raises
    ------
    InputError
        When there is none.

    Examples
    --------
    >>> find_suite("paper").cases
    ('awgn15', 'awgn25', 'awgn50', 'case1', 'case2', 'case3')
    """
    if name not in SUITES:
        raise InputError(f"suite {name!r} is not known; there are {', '.join(SUITES)}")
    return SUITES[name]
