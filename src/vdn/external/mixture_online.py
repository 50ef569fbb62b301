"""The mixture-of-Gaussians factorisation frame by frame (Yong, Meng, Zuo, Zhang, TPAMI 2018).

A long sequence does not fit in memory, and its noise and background drift. What has been learned
from the past becomes the prior of the next frame: pseudo-counts for the mixture, normal equations
with forgetting for the subspace.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vdn.errors import InputError
from vdn.external.mixture import Mixture, fit_low_rank

__all__ = ["OnlineLowRank"]

_ITERATIONS, _TOLERANCE = 30, 1e-6
_RIDGE = 1e-9  # of the trace; keeps the equations of a pixel never seen solvable


class OnlineLowRank:
    r"""A subspace and a noise mixture that follow a sequence of frames.

    For each frame, EM alternates the responsibilities, the coefficients of the frame, and the
    mixture with the past as its prior,
    :math:`\sigma_k^2 = (N_k \sigma_{k,\mathrm{past}}^2 + \sum_i \gamma_{ik} e_i^2) /
    (N_k + \sum_i \gamma_{ik})`. Then each pixel's row of the subspace is solved anew from its
    normal equations, the past weighted down by :math:`1 - 1/\mathrm{memory}`.

    Parameters
    ----------
    frames
        (d, n): the first frames as columns; `fit_low_rank` of them is where it starts.
    rank, components
        Of the subspace and of the mixture.
    memory
        How many frames back it remembers, at least 1.

    Attributes
    ----------
    noise : Mixture
        The mixture now.
    basis : numpy.ndarray
        (d, rank), the subspace now.

    Raises
    ------
    InputError
        As `fit_low_rank`, and for a `memory` below 1.

    References
    ----------
    https://doi.org/10.1109/TPAMI.2017.2732350

    Examples
    --------
    >>> generator = np.random.default_rng(0)
    >>> scene = generator.random((500, 1))
    >>> light = generator.uniform(0.5, 1, (1, 30))
    >>> frames = scene @ light + generator.normal(0, 0.01, (500, 30))
    >>> model = OnlineLowRank(frames[:, :10], rank=1, components=1)
    >>> last = [model.update(frames[:, t]) for t in range(10, 30)][-1]
    >>> bool(abs(last - scene @ light[:, -1]).mean() < 0.005)
    True
    """

    def __init__(self, frames: ArrayLike, rank: int, components: int = 3, *, memory: float = 50.0):
        if memory < 1:
            raise InputError(f"memory is {memory} frames; it needs at least 1")
        data = np.asarray(frames, dtype=np.float64)
        fit = fit_low_rank(data, rank, components)
        self.noise, self.basis, self.memory = fit.noise, fit.left, memory
        weights = self.noise.weights(data - fit.matrix)
        products = (fit.right[:, :, None] * fit.right[:, None, :]).reshape(-1, rank * rank)
        self._systems = (weights @ products).reshape(-1, rank, rank)
        self._right_sides = (weights * data) @ fit.right

    def update(self, frame: ArrayLike) -> NDArray[np.float64]:
        """Take the next frame in and return its low-rank part.

        Parameters
        ----------
        frame
            (d,).

        Raises
        ------
        InputError
            If it has another size, or values that are not finite.
        """
        values = np.asarray(frame, dtype=np.float64)
        if values.shape != (len(self.basis),) or not np.isfinite(values).all():
            raise InputError(
                f"frame has shape {values.shape} or values that are not finite; "
                f"give {len(self.basis)} finite pixels"
            )
        past = self.noise
        counts = self.memory * len(values) * past.shares
        coefficients = np.linalg.lstsq(self.basis, values, rcond=None)[0]
        for _ in range(_ITERATIONS):
            residual = values - self.basis @ coefficients
            posterior = self.noise.responsibilities(residual)
            total = counts + posterior.sum(axis=1)
            energy = counts * np.square(past.sigmas) + posterior @ np.square(residual)
            self.noise = Mixture(total / total.sum(), np.sqrt(energy / total))
            weights = self.noise.weights(residual)
            before, coefficients = coefficients, self._solve(weights, values)
            change = np.linalg.norm(coefficients - before)
            if change <= _TOLERANCE * np.linalg.norm(coefficients):
                break
        kept = 1 - 1 / self.memory
        outer = np.outer(coefficients, coefficients)
        self._systems = kept * self._systems + weights[:, None, None] * outer
        self._right_sides = kept * self._right_sides + (weights * values)[:, None] * coefficients
        self.basis = _rows(self._systems, self._right_sides)
        return self.basis @ coefficients

    def _solve(
        self, weights: NDArray[np.float64], values: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        weighted = self.basis * weights[:, None]
        return _rows((weighted.T @ self.basis)[None], (weighted.T @ values)[None])[0]


def _rows(systems: NDArray[np.float64], right_sides: NDArray[np.float64]) -> NDArray[np.float64]:
    """Solve one small system for each row."""
    trace = np.trace(systems, axis1=1, axis2=2) + np.finfo(float).tiny
    ridge = _RIDGE * trace[:, None, None] * np.eye(systems.shape[1])
    return np.linalg.solve(systems + ridge, right_sides[..., None])[..., 0]
