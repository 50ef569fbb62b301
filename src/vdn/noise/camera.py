"""A camera: what happens between the light and the file, with random cameras to train on.

The picture is taken back to the linear light of the sensor, gets shot and read noise there, and
is developed again. Everything linear (demosaicing, white balance, colour matrix, smoothing) acts
on the noise alone, so the clean picture passes unchanged and is itself the target: what a
network learns to remove is noise, never the blur of a demosaicing filter.
"""

from dataclasses import dataclass, field, fields, replace

import numpy as np

from vdn.errors import InputError
from vdn.noise.bayer import Bayer
from vdn.noise.jpeg import BLOCK, Jpeg
from vdn.noise.smoothing import smooth
from vdn.noise.tone import ToneCurve

__all__ = ["Camera", "CameraRanges", "sample_camera"]

LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)
MID_GREY = 0.5
CUTOFF = 2.5  # standard deviations at which smoothing kernels end


@dataclass(frozen=True)
class Camera:
    r"""One camera at one setting.

    The noise of a raw value r has the variance :math:`\text{shot}\cdot r + \text{read}^2`.

    Parameters
    ----------
    shot : float
        Variance per unit of raw light, where white is about 1.
    read : float
        Standard deviation of the read-out, in the same units.
    tone : ToneCurve
        Linear light to picture values.
    white_balance : tuple of float
        The factors of raw red, green and blue.
    saturation : float
        Strength s of the colour matrix :math:`(1+s)\,I - s\,1w^T`, w the weights of luma. It
        mixes the noise of the channels, as the matrix of a real camera does.
    bayer : Bayer or None
        The colour filter array; None for a sensor (or a reduced picture) with all colours at
        every pixel, whose noise is white.
    luma_smoothing, chroma_smoothing : float
        In-camera noise reduction: standard deviation, in pixels, of the smoothing of the
        brightness and of the colour of the noise; 0 for none.
    jpeg : Jpeg or None
        The compression of the file.

    Examples
    --------
    >>> import numpy as np
    >>> clean = np.full((32, 32, 3), 128 / 255, dtype=np.float32)
    >>> noiseless = Camera(shot=0, read=0)
    >>> bool(np.allclose(noiseless.apply(clean, np.random.default_rng(0)), clean))
    True
    """

    shot: float
    read: float
    tone: ToneCurve = field(default_factory=ToneCurve)
    white_balance: tuple[float, float, float] = (2.0, 1.0, 1.6)
    saturation: float = 0.4
    bayer: Bayer | None = field(default_factory=Bayer)
    luma_smoothing: float = 0.0
    chroma_smoothing: float = 0.0
    jpeg: Jpeg | None = None

    def apply(
        self,
        image: np.ndarray,
        generator: np.random.Generator,
        origin: tuple[int, int] | None = None,
    ) -> np.ndarray:
        """Photograph a clean picture.

        Parameters
        ----------
        image : numpy.ndarray
            The clean picture in [0, 1]: (H, W, 3), or (H, W) or (H, W, 1) for the luma of a
            grey scene.
        generator : numpy.random.Generator
            The source of the noise.
        origin : tuple of int, optional
            Row and column, 0 to 15, at which `image` begins in its JPEG block; random by default,
            as a crop of a photograph begins anywhere.

        Returns
        -------
        numpy.ndarray
            float32, the shape of `image`, in [0, 1], multiples of 1/255.

        Raises
        ------
        InputError
            If `image` has another shape.
        """
        if image.ndim == 2 or (image.ndim == 3 and image.shape[2] == 1):
            scene = np.repeat(image.reshape(*image.shape[:2], 1), 3, axis=2)
            luma = self.apply(scene, generator, origin) @ LUMA
            return (np.rint(luma * 255) / np.float32(255)).reshape(image.shape)
        if image.ndim != 3 or image.shape[2] != 3:
            raise InputError(
                f"the image has shape {image.shape}; a camera takes (H, W, 3) or grey (H, W)"
            )
        light = self.tone.decode(image.astype(np.float32, copy=False))
        picture = self.tone.encode(light + self._noise(light, generator))
        bits = np.rint(picture * 255).astype(np.uint8)
        if self.jpeg is not None:
            origin = tuple(generator.integers(0, BLOCK, size=2)) if origin is None else origin
            bits = self.jpeg.apply(bits, origin)
        return bits / np.float32(255)

    def grey_sigma(self) -> float:
        """Return the standard deviation, in [0, 1] units, of the noise in mid grey.

        To first order, over the three channels, before rounding and JPEG.
        """
        light = float(self.tone.decode(np.array(MID_GREY)))
        variance = self.linear_variance(np.full((1, 1, 3), light, dtype=np.float32))
        return self.tone.slope(light) * float(variance.mean()) ** 0.5

    def linear_variance(self, light: np.ndarray) -> np.ndarray:
        """Return the variance of the developed noise where linear `light` changes slowly.

        Parameters
        ----------
        light : numpy.ndarray
            (H, W, 3), white at 1.

        Returns
        -------
        numpy.ndarray
            (H, W, 3), in linear light: averaged over the sites of the colour filter array,
            before the tone curve.
        """
        return np.square(self._raw_sigma(light)) @ self._variance_gains()

    def _variance_gains(self) -> np.ndarray:
        """Return how much variance each raw colour (row) brings to each channel (column).

        The response to one impulse of every colour at every site of the 2 x 2 pattern, each alone
        in its cell: its squares add up to the variance that white noise leaves.
        """
        reach = self._reach()
        cell = 2 * reach + 2
        impulses = np.zeros((4 * cell, 3 * cell, 3), dtype=np.float32)
        for site in range(4):
            for colour in range(3):
                row, column = site * cell + reach + site // 2, colour * cell + reach + site % 2
                impulses[row, column, colour] = 1
        power = np.square(self._develop(impulses)).reshape(4 * cell, 3, cell, 3)
        return power.sum(axis=(0, 2), dtype=np.float64).astype(np.float32) / 4

    def _noise(self, light: np.ndarray, generator: np.random.Generator) -> np.ndarray:
        """Draw the noise of linear `light`, developed.

        The sensor goes on beyond the picture, so that its borders are as noisy as the rest.
        """
        reach = self._reach()
        sigma = np.pad(self._raw_sigma(light), ((reach, reach), (reach, reach), (0, 0)), "edge")
        noise = self._develop(sigma * generator.standard_normal(sigma.shape, dtype=np.float32))
        return noise[reach:-reach, reach:-reach]

    def _reach(self) -> int:
        """Return how far, in pixels, noise spreads when developed; even, as the pattern is."""
        widest = max(self.luma_smoothing, self.chroma_smoothing)
        return 2 * int(np.ceil((3 + CUTOFF * widest) / 2))

    def _colour_matrix(self) -> np.ndarray:
        """Return the matrix from raw to linear light, acting on column vectors."""
        mix = (1 + self.saturation) * np.eye(3) - self.saturation * np.outer(np.ones(3), LUMA)
        return mix * np.array(self.white_balance)

    def _raw_sigma(self, light: np.ndarray) -> np.ndarray:
        """Return the standard deviation of the sensor's noise under linear `light`."""
        raw = light @ np.linalg.inv(self._colour_matrix()).T.astype(np.float32)
        return np.sqrt(self.shot * np.maximum(raw, 0) + self.read**2)

    def _develop(self, noise: np.ndarray) -> np.ndarray:
        """Take noise (H, W, 3) from the sensor's pixels to linear light, all of it linear."""
        if self.bayer is not None:
            noise = self.bayer.demosaic(self.bayer.sample(noise))
        noise = noise @ self._colour_matrix().T.astype(np.float32)
        if self.luma_smoothing == 0 and self.chroma_smoothing == 0:
            return noise
        luma = noise @ LUMA
        chroma = noise - luma[:, :, None]
        smooth_luma = smooth(luma, self.luma_smoothing, CUTOFF)
        return smooth_luma[:, :, None] + smooth(chroma, self.chroma_smoothing, CUTOFF)


@dataclass(frozen=True)
class CameraRanges:
    """What `sample_camera` draws from: (lowest, highest) of a value, or the share of cameras.

    Parameters
    ----------
    level : tuple of float
        Noise of mid grey in the finished picture, [0, 1] units; log-uniform.
    faint_share, faint_level
        The share of cameras with nearly no noise, and their levels; log-uniform.
    read_share : tuple of float
        The part of the variance of mid grey that is read-out noise; log-uniform.
    gamma, toe, contrast : tuple of float
        The tone curve; see `ToneCurve`.
    red, blue : tuple of float
        The factors of the white balance; green has 1.
    saturation : tuple of float
        The strength of the colour matrix.
    bayer_share, sharpness
        The share of cameras with a colour filter array, and its demosaicing; see `Bayer`.
    luma_share, luma_smoothing, chroma_share, chroma_smoothing
        The share of cameras that smooth brightness or colour, and by how many pixels.
    jpeg_share, quality, halved_colour_share
        The share of cameras that write JPEG, its quality, and how many of them halve the
        resolution of the colours.
    """

    level: tuple[float, float] = (1 / 255, 40 / 255)
    faint_share: float = 0.08
    faint_level: tuple[float, float] = (0.05 / 255, 1 / 255)
    read_share: tuple[float, float] = (0.02, 0.6)
    gamma: tuple[float, float] = (1.8, 2.6)
    toe: tuple[float, float] = (0.001, 0.008)
    contrast: tuple[float, float] = (1.0, 1.5)
    red: tuple[float, float] = (1.2, 2.4)
    blue: tuple[float, float] = (1.2, 2.4)
    saturation: tuple[float, float] = (0.0, 0.8)
    bayer_share: float = 0.8
    sharpness: tuple[float, float] = (0.0, 1.0)
    luma_share: float = 0.4
    luma_smoothing: tuple[float, float] = (0.3, 1.0)
    chroma_share: float = 0.5
    chroma_smoothing: tuple[float, float] = (0.5, 2.5)
    jpeg_share: float = 0.6
    quality: tuple[int, int] = (85, 100)
    halved_colour_share: float = 0.4

    def __post_init__(self) -> None:
        for name in (entry.name for entry in fields(self)):
            value = getattr(self, name)
            if name.endswith("_share") and not isinstance(value, tuple):
                if not 0 <= value <= 1:
                    raise InputError(f"{name} is {value}; a share is between 0 and 1")
            elif len(value) != 2 or not value[0] <= value[1]:
                raise InputError(f"{name} is {value}; give (lowest, highest)")


def sample_camera(generator: np.random.Generator, ranges: CameraRanges | None = None) -> Camera:
    """Draw a random camera.

    Parameters
    ----------
    generator : numpy.random.Generator
        The source of every value.
    ranges : CameraRanges, optional
        What to draw from.

    Returns
    -------
    Camera
        Its noise is scaled so that `Camera.grey_sigma` is the level drawn.

    Examples
    --------
    >>> import numpy as np
    >>> sample_camera(np.random.default_rng(0)) == sample_camera(np.random.default_rng(0))
    True
    """
    ranges = ranges or CameraRanges()

    def often(share: float) -> bool:
        return bool(generator.random() < share)

    def between(ends: tuple[float, float]) -> float:
        return float(generator.uniform(*ends))

    def between_in_ratio(ends: tuple[float, float]) -> float:
        return float(np.exp(generator.uniform(*np.log(ends))))

    faint = often(ranges.faint_share)
    level = between_in_ratio(ranges.faint_level if faint else ranges.level)
    read_share = between_in_ratio(ranges.read_share)
    tone = ToneCurve(between(ranges.gamma), between(ranges.toe), between(ranges.contrast))
    bayer = None
    if often(ranges.bayer_share):
        row, column = generator.integers(0, 2, size=2)
        bayer = Bayer((int(row), int(column)), between(ranges.sharpness))
    jpeg = None
    if often(ranges.jpeg_share):
        low, high = ranges.quality
        jpeg = Jpeg(int(generator.integers(low, high + 1)), often(ranges.halved_colour_share))
    light = float(tone.decode(np.array(MID_GREY)))
    camera = Camera(
        shot=(1 - read_share) / light,
        read=read_share**0.5,
        tone=tone,
        white_balance=(between(ranges.red), 1.0, between(ranges.blue)),
        saturation=between(ranges.saturation),
        bayer=bayer,
        luma_smoothing=between(ranges.luma_smoothing) if often(ranges.luma_share) else 0.0,
        chroma_smoothing=between(ranges.chroma_smoothing) if often(ranges.chroma_share) else 0.0,
        jpeg=jpeg,
    )
    scale = level / camera.grey_sigma()
    return replace(camera, shot=camera.shot * scale**2, read=camera.read * scale)
