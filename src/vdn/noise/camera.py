"""A camera: what happens between the light and the file, with random cameras to train on.

The picture is taken back to the linear light of the sensor, gets shot and read noise there, and
is developed again. Everything linear (demosaicing, white balance, colour matrix, smoothing) acts
on the noise alone, so the clean picture passes unchanged and is itself the target: what a
network learns to remove is noise, never the blur of a demosaicing filter.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cache, lru_cache
from typing import Any

import numpy as np

from vdn.errors import InputError
from vdn.noise.arrays import Generator, like, namespace, per_image, take
from vdn.noise.bayer import Bayer, demosaic, mosaic
from vdn.noise.jpeg import BLOCK, Jpeg, compress
from vdn.noise.smoothing import convolve, gaussian_kernel, stack_kernels
from vdn.noise.tone import ToneCurve

__all__ = [
    "Camera",
    "CameraRanges",
    "Exposure",
    "photograph",
    "random_origin",
    "sample_camera",
    "to_luma",
]

LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)
MID_GREY = 0.5
CUTOFF = 2.5  # standard deviations at which smoothing kernels end
_LAGS = 4  # pixels between which demosaicing makes noise alike, at most


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

    @property
    def smooths(self) -> bool:
        """Whether the noise is smoothed in the camera."""
        return self.luma_smoothing > 0 or self.chroma_smoothing > 0

    @property
    def parts(self) -> tuple[bool, ...]:
        """What the camera has; cameras that have the same parts are computed together."""
        halved = self.jpeg is not None and self.jpeg.halved_colour
        return self.bayer is not None, self.smooths, self.jpeg is not None, halved

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
        if image.ndim not in (2, 3):
            raise InputError(
                f"the image has shape {image.shape}; a camera takes (H, W, 3) or grey (H, W)"
            )
        batch = image.reshape(1, *image.shape[:2], -1).astype(np.float32, copy=False)
        found = photograph([self], batch.transpose(0, 3, 1, 2), generator, origin)
        return found[0].transpose(1, 2, 0).reshape(image.shape)

    def grey_sigma(self) -> float:
        """Return the standard deviation, in [0, 1] units, of the noise in mid grey.

        To first order, over the three channels, before rounding and JPEG.
        """
        light = float(self.tone.decode(np.array(MID_GREY)))
        grey = self.raw_variance(np.full(3, light)) @ self.variance_gains()
        return self.tone.slope(light) * float(grey.mean()) ** 0.5

    def raw_variance(self, light: np.ndarray) -> np.ndarray:
        """Return the variance of the raw values (3,) under linear light (3,)."""
        raw = np.linalg.solve(self.colour_matrix(), light)
        return self.shot * np.maximum(raw, 0) + self.read**2

    def colour_matrix(self) -> np.ndarray:
        """Return the matrix (3, 3) from raw to linear light, acting on column vectors."""
        mix = (1 + self.saturation) * np.eye(3) - self.saturation * np.outer(np.ones(3), LUMA)
        return mix * np.array(self.white_balance)

    def variance_gains(self) -> np.ndarray:
        """Return how much variance each raw colour (row) brings to each channel (column)."""
        sharpness = None if self.bayer is None else self.bayer.sharpness
        matrix = tuple(map(tuple, self.colour_matrix()))
        return _variance_gains(sharpness, matrix, self.luma_smoothing, self.chroma_smoothing)


@dataclass(frozen=True, eq=False)
class Exposure:
    """Clean pictures before cameras, and what their sensors see of them; arrays or tensors.

    Attributes
    ----------
    cameras : sequence of Camera
        One a picture, all with the same parts: see `Camera.parts`.
    images
        float32 (N, 3, H, W) in [0, 1].
    tone : ToneCurve
        That of each picture.
    light
        Linear light, (N, 3, H, W).
    raw_variance
        Variance of the noise of a raw value of every colour at every pixel, (N, 3, H, W).
    """

    cameras: Sequence[Camera]
    images: Any
    tone: ToneCurve
    light: Any
    raw_variance: Any

    @classmethod
    def of(cls, cameras: Sequence[Camera], images: Any) -> "Exposure":
        """Expose pictures, float32 (N, 3, H, W), or (N, 1, H, W) of gray scenes."""
        if images.shape[1] == 1:
            images = namespace(images).concatenate((images,) * 3, 1)
        if images.shape[1] != 3:
            shape = *images.shape[2:], images.shape[1]
            raise InputError(
                f"the image has shape {shape}; a camera takes (H, W, 3) or grey (H, W)"
            )
        tone = ToneCurve.stack([camera.tone for camera in cameras], images)
        light = tone.decode(images)
        to_raw = [camera.shot * np.linalg.inv(camera.colour_matrix()) for camera in cameras]
        variance = namespace(light).clip(_times(np.stack(to_raw), light), 0, None)
        variance += per_image([camera.read**2 for camera in cameras], light)
        return cls(cameras, images, tone, light, variance)

    def part(self, rows: slice, columns: slice) -> "Exposure":
        """Return a part of the pictures."""
        images, light, variance = (
            planes[:, :, rows, columns] for planes in (self.images, self.light, self.raw_variance)
        )
        return Exposure(self.cameras, images, self.tone, light, variance)

    def linear_variance(self) -> Any:
        """Return the variance of the developed noise in linear light, (N, 3, H, W).

        Averaged over the sites of the colour filter array, where the light changes slowly.
        """
        gains = np.stack([camera.variance_gains().T for camera in self.cameras])
        return _times(gains, self.raw_variance)

    def photograph(self, generator: Generator, origin: tuple[int, int] | None = None) -> Any:
        """Return photographs, (N, 3, H, W), multiples of 1/255; `origin` as in `Camera.apply`."""
        xp = namespace(self.images)
        values = xp.round(self.tone.encode(self.light + self._noise(generator)) * 255)
        settings = [camera.jpeg for camera in self.cameras if camera.jpeg is not None]
        if settings:
            values = compress(settings, values, origin or random_origin(generator))
        return values / 255

    def _noise(self, generator: Generator) -> Any:
        """Draw the noise, developed, (N, 3, H, W).

        The sensor goes on beyond the picture, so that its borders are as noisy as the rest.
        """
        xp, cameras, variance = namespace(self.images), self.cameras, self.raw_variance
        widths = np.array([(c.luma_smoothing, c.chroma_smoothing) for c in cameras])
        smoothing = np.split(stack_kernels(widths.T.ravel().tolist(), CUTOFF), 2)
        reach = smoothing[0].shape[1] // 2
        patterns = [camera.bayer for camera in cameras if camera.bayer is not None]
        if patterns:  # behind a filter a pixel has one colour
            variance, reach = mosaic(patterns, variance), reach + 2
        sigma = xp.sqrt(variance)
        for axis in (-2, -1):
            places = _beyond(sigma.shape[axis], reach, 2 if patterns else 1)
            sigma = take(sigma, places, axis)
        noise = generator.standard_normal(tuple(sigma.shape), dtype=np.float32)
        noise *= sigma
        if patterns:
            noise = demosaic([_moved(p, reach) for p in patterns], noise)
        noise = _times(np.stack([camera.colour_matrix() for camera in cameras]), noise)
        return _smoothed(noise, *smoothing)


def photograph(
    cameras: Sequence[Camera],
    images: Any,
    generator: Generator,
    origin: tuple[int, int] | None = None,
) -> Any:
    """Photograph clean pictures (N, 3, H, W) or (N, 1, H, W), arrays or tensors, a camera each.

    As `Camera.apply` does it; the cameras must have the same parts, see `Camera.parts`.
    """
    photographs = Exposure.of(cameras, images).photograph(generator, origin)
    return to_luma(photographs) if images.shape[1] == 1 else photographs


def random_origin(generator: Generator) -> tuple[int, int]:
    """Draw the row and the column at which a crop of a photograph begins in its JPEG block."""
    row, column = generator.integers(0, BLOCK, size=2)
    return int(row), int(column)


def to_luma(photographs: Any) -> Any:
    """Return the luma (N, 1, H, W) of photographs (N, 3, H, W), multiples of 1/255 like them."""
    luma = _times(LUMA[None, None], photographs)
    return namespace(luma).round(luma * 255) / 255


def _smoothed(noise: Any, luma_kernels: np.ndarray, chroma_kernels: np.ndarray) -> Any:
    """Smooth the brightness and the colour of noise (N, 3, H, W), where kernels lie within it.

    Colour is what is left of the three channels without brightness, so that two say it all.
    """
    if luma_kernels.shape[1] == 1:
        return noise
    luma = _times(LUMA[None, None], noise)
    chroma = noise[:, :2] - luma
    for axis in (2, 3):
        luma = convolve(luma, luma_kernels, axis)
        chroma = convolve(chroma, chroma_kernels, axis)
    blue = _times(-LUMA[None, None, :2] / LUMA[2], chroma)
    return namespace(noise).concatenate((chroma + luma, blue + luma), 1)


def _moved(pattern: Bayer, reach: int) -> Bayer:
    """Return a pattern as it lies in a demosaiced sensor that begins `reach` - 2 pixels before."""
    row, column = ((phase + reach - 2) % 2 for phase in pattern.phase)
    return Bayer((row, column), pattern.sharpness)


def _beyond(size: int, reach: int, period: int) -> np.ndarray:
    """Return places from `-reach` on to `size + reach`, the edge repeated with a period."""
    places = np.arange(-reach, size + reach)
    period = min(period, size)
    after = size - period + (places - size) % period
    return np.where(places < 0, places % period, np.where(places < size, places, after))


def _times(matrices: np.ndarray, images: Any) -> Any:
    """Return images (N, C, H, W) whose colours, as columns, are multiplied by matrices."""
    count, channels, height, width = images.shape
    product = like(matrices, images) @ images.reshape(count, channels, -1)
    return product.reshape(count, -1, height, width)


@lru_cache(1024)  # the gains of a camera are asked for several times
def _variance_gains(
    sharpness: float | None, colour_matrix: Any, luma_smoothing: float, chroma_smoothing: float
) -> np.ndarray:
    """Return the variance that each raw colour (row) brings to each channel (column).

    The sum of the squares of the response to an impulse, averaged over the sites of the pattern.
    The response is a sum over the demosaiced colours, with smoothed brightness and smoothed
    colour; of both, all that is needed are correlations at the lags of a demosaicing filter.
    """
    matrix = np.array(colour_matrix)
    brightness = np.broadcast_to(LUMA @ matrix, (3, 3))  # channel, demosaiced colour
    parts = brightness, matrix - brightness
    kernels = [gaussian_kernel(sigma, CUTOFF) for sigma in (luma_smoothing, chroma_smoothing)]
    responses = _responses(sharpness)
    gains = np.zeros((3, 3))
    for first, second in np.ndindex(2, 2):
        line = np.correlate(np.pad(kernels[first], 2 * _LAGS), kernels[second], "full")
        middle = len(kernels[first]) // 2 + 2 * _LAGS + len(kernels[second]) // 2
        line = line[middle - _LAGS : middle + _LAGS + 1]
        energy = responses @ line @ line  # raw colour, demosaiced, demosaiced
        gains += ((energy @ parts[second].T) * parts[first].T).sum(1)
    return gains


@cache
def _response_terms() -> np.ndarray:
    """Return `_responses` of a colour filter array as a polynomial of the sharpness.

    (3, 3, 3, 3, 9, 9): power, then as there. Demosaicing is linear in the sharpness, so that its
    correlations are of degree two.
    """
    side = 4 * _LAGS + 1
    found = []
    for sharpness in (0.0, 0.5, 1.0):
        bayer = Bayer((0, 0), sharpness)
        total = np.zeros((3, 3, 3, 2 * _LAGS + 1, 2 * _LAGS + 1))
        for site, colour in np.ndindex(4, 3):
            impulse = np.zeros((side, side, 3))
            impulse[2 * _LAGS + site // 2, 2 * _LAGS + site % 2, colour] = 1
            response = bayer.demosaic(bayer.sample(impulse))
            for down, right in np.ndindex(total.shape[3:]):
                moved = np.roll(response, (_LAGS - down, _LAGS - right), (0, 1))
                total[colour, :, :, down, right] += np.einsum("hwi,hwj->ij", response, moved) / 4
        found.append(total)
    powers = np.vander([0.0, 0.5, 1.0], increasing=True)
    return np.tensordot(np.linalg.inv(powers), np.stack(found), 1)


def _responses(sharpness: float | None) -> np.ndarray:
    """Return the correlations of what demosaicing makes of an impulse.

    (3, 3, 3, 9, 9): colour of the impulse, two colours of the result, and the lag between them
    down and right from -4 to 4; averaged over the sites. None is a sensor of all colours.
    """
    if sharpness is None:
        alone = np.zeros((3, 3, 3, 2 * _LAGS + 1, 2 * _LAGS + 1))
        for colour in range(3):
            alone[colour, colour, colour, _LAGS, _LAGS] = 1
        return alone
    return np.tensordot(sharpness ** np.arange(3), _response_terms(), 1)


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
