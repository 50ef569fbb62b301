r"""A low-rank matrix under noise that is a mixture of Gaussians (Meng, De la Torre, ICCV 2013).

The model is :math:`x_{ij} = u_i^\top v_j + e_{ij}` with
:math:`e_{ij} \sim \sum_k \pi_k N(0, \sigma_k^2)`, which comes as close as one likes to any
symmetric noise. Expectation maximisation turns it into weighted least squares: every entry gets
the weight :math:`w_{ij} = \sum_k \gamma_{ijk} / \sigma_k^2`.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vdn.errors import InputError

__all__ = ["LowRankFit", "Mixture", "fit_low_rank", "fit_mixture"]

_ROBUST_ROUNDS = 10  # of least absolute residuals, a start that outliers cannot have captured
_GAUSSIAN_MAD = 0.6744897501960817  # median of |N(0, 1)|
_LEAST_SHARE = 1e-12  # keeps the logarithm of a component that has died out finite


@dataclass(frozen=True, eq=False)
class Mixture:
    """A mixture of Gaussians with mean zero, the narrowest first.

    Attributes
    ----------
    shares
        (K,) probabilities of the components.
    sigmas
        (K,) standard deviations, ascending.
    """

    shares: NDArray[np.float64]
    sigmas: NDArray[np.float64]

    @property
    def sigma(self) -> float:
        """Standard deviation of the whole mixture."""
        return float(np.sqrt(self.shares @ np.square(self.sigmas)))

    def log_density(self, noise: ArrayLike) -> NDArray[np.float64]:
        """Logarithm of the density at each value.

        Examples
        --------
        >>> unit = Mixture(np.array([1.0]), np.array([1.0]))
        >>> round(float(unit.log_density(0.0)), 4)
        -0.9189
        """
        return self._joint(np.asarray(noise, dtype=np.float64))[1]

    def responsibilities(self, noise: ArrayLike) -> NDArray[np.float64]:
        """Probability of each component given a value, (K, ...) for noise of shape (...)."""
        joint, density = self._joint(np.asarray(noise, dtype=np.float64))
        return np.exp(joint - density)

    def weights(self, noise: ArrayLike) -> NDArray[np.float64]:
        """Expected inverse variance given a value: what weighted least squares needs."""
        posterior = self.responsibilities(noise)
        return np.tensordot(1 / np.square(self.sigmas), posterior, axes=1)

    def _joint(self, noise: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Log of share times density a component (K, ...), and of their sum (...)."""
        column = (-1, *[1] * noise.ndim)
        sigmas = self.sigmas.reshape(column)
        shares = np.maximum(self.shares, _LEAST_SHARE).reshape(column)
        joint = np.log(shares / (np.sqrt(2 * np.pi) * sigmas)) - np.square(noise / sigmas) / 2
        return joint, np.logaddexp.reduce(joint, axis=0)


@dataclass(frozen=True, eq=False)
class LowRankFit:
    """What `fit_low_rank` found.

    Attributes
    ----------
    left, right
        (m, r) and (n, r): the factors.
    noise
        The mixture.
    log_likelihood
        Mean over the observed entries after each iteration.
    """

    left: NDArray[np.float64]
    right: NDArray[np.float64]
    noise: Mixture
    log_likelihood: NDArray[np.float64]

    @property
    def matrix(self) -> NDArray[np.float64]:
        """The low-rank part, (m, n)."""
        return self.left @ self.right.T


def fit_mixture(
    noise: ArrayLike, components: int = 3, iterations: int = 200, tolerance: float = 1e-7
) -> Mixture:
    """Fit a mixture of Gaussians with mean zero to samples of noise, by EM.

    Parameters
    ----------
    noise
        Samples of any shape.
    components
        K.
    iterations, tolerance
        Stop after so many, or when the mean log-likelihood gains less.

    Raises
    ------
    InputError
        If there are no samples, or `components` is not positive.

    Examples
    --------
    >>> generator = np.random.default_rng(0)
    >>> narrow, wide = generator.normal(0, 1, 80000), generator.normal(0, 10, 20000)
    >>> fit_mixture(np.concatenate([narrow, wide]), components=2).sigmas.round(1).tolist()
    [1.0, 10.0]
    """
    samples = np.asarray(noise, dtype=np.float64).ravel()
    mixture = _initial_mixture(samples, components)
    before = -np.inf
    for _ in range(iterations):
        after = float(mixture.log_density(samples).mean())
        if after - before < tolerance:
            break
        before = after
        mixture = _update_mixture(mixture, samples)
    return _sorted(mixture)


def fit_low_rank(
    data: ArrayLike,
    rank: int,
    components: int = 3,
    *,
    observed: ArrayLike | None = None,
    iterations: int = 100,
    tolerance: float = 1e-6,
) -> LowRankFit:
    """Fit a matrix of low rank and the mixture of its noise together, by EM.

    Columns are frames of a still scene, or similar patches. Each iteration re-estimates the
    responsibilities, the mixture, and both factors by weighted least squares; none of the steps
    lowers the likelihood.

    Parameters
    ----------
    data
        (m, n).
    rank
        r, at most min(m, n).
    components
        Gaussians in the mixture.
    observed
        (m, n) of booleans; False where an entry is missing (its value is not looked at).
    iterations, tolerance
        Stop after so many, or when the mean log-likelihood gains less.

    Raises
    ------
    InputError
        For data that are not a finite matrix, or a rank that does not fit it.

    References
    ----------
    https://doi.org/10.1109/ICCV.2013.169

    Examples
    --------
    >>> generator = np.random.default_rng(0)
    >>> truth = generator.normal(size=(60, 2)) @ generator.normal(size=(2, 40))
    >>> spikes = generator.normal(0, 10, truth.shape) * (generator.random(truth.shape) < 0.1)
    >>> fit = fit_low_rank(truth + generator.normal(0, 0.1, truth.shape) + spikes, 2, 2)
    >>> bool(abs(fit.matrix - truth).mean() < 0.05)
    True
    """
    matrix = np.array(data, dtype=np.float64)
    if matrix.ndim != 2 or not 1 <= rank <= min(matrix.shape):
        raise InputError(
            f"data has shape {matrix.shape} and rank is {rank}; give a matrix (m, n) and a rank "
            "from 1 to min(m, n)"
        )
    seen = np.ones(matrix.shape, bool) if observed is None else np.asarray(observed, dtype=bool)
    if seen.shape != matrix.shape or not seen.any():
        raise InputError(
            f"observed has shape {seen.shape}, data {matrix.shape}, or nothing is seen"
        )
    matrix[~seen] = matrix[seen].mean()
    if not np.isfinite(matrix).all():
        raise InputError("data has observed values that are NaN or infinite")
    left, right = _truncated(matrix, rank)
    residual = matrix - left @ right.T
    for _ in range(_ROBUST_ROUNDS if components > 1 else 0):
        floor = 1e-2 * np.median(np.abs(residual[seen])) + np.finfo(float).tiny
        weights = seen / np.maximum(np.abs(residual), floor)
        left = _weighted_factor(matrix, weights, right, left)
        right = _weighted_factor(matrix.T, weights.T, left, right)
        residual = matrix - left @ right.T
    mixture = _initial_mixture(residual[seen], components)
    history: list[float] = []
    for _ in range(iterations):
        mixture = _update_mixture(mixture, residual[seen])
        weights = mixture.weights(residual) * seen
        left = _weighted_factor(matrix, weights, right, left)
        right = _weighted_factor(matrix.T, weights.T, left, right)
        residual = matrix - left @ right.T
        history.append(float(mixture.log_density(residual[seen]).mean()))
        if len(history) > 1 and history[-1] - history[-2] < tolerance:
            break
    return LowRankFit(left, right, _sorted(mixture), np.array(history))


def _initial_mixture(samples: NDArray[np.float64], components: int) -> Mixture:
    """All components alike in share, their widths from that of the middle to that of the tails."""
    if components < 1 or samples.size == 0:
        raise InputError(f"components is {components} for {samples.size} samples; both need 1")
    middle, tail = np.quantile(np.abs(samples), [0.5, 0.99])
    spread = max(float(samples.std()), np.finfo(float).tiny)
    narrow = max(middle / _GAUSSIAN_MAD, 1e-3 * spread)
    sigmas = np.geomspace(narrow, max(tail / 2, 1.5 * narrow), components)
    return Mixture(np.full(components, 1 / components), sigmas)


def _update_mixture(mixture: Mixture, samples: NDArray[np.float64]) -> Mixture:
    posterior = mixture.responsibilities(samples)
    counts = np.maximum(posterior.sum(axis=1), _LEAST_SHARE)
    variances = posterior @ np.square(samples) / counts
    floor = 1e-6 * float(np.mean(np.square(samples))) + np.finfo(float).tiny
    return Mixture(counts / counts.sum(), np.sqrt(np.maximum(variances, floor)))


def _truncated(
    matrix: NDArray[np.float64], rank: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    left, values, right = np.linalg.svd(matrix, full_matrices=False)
    root = np.sqrt(values[:rank])
    return left[:, :rank] * root, right[:rank].T * root


def _weighted_factor(
    matrix: NDArray[np.float64],
    weights: NDArray[np.float64],
    other: NDArray[np.float64],
    current: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Rows u of a factor that minimise sum_j w_j (x_j - u.v_j)^2: one r × r system a row.

    A vanishing pull towards the current rows decides the directions no entry speaks of.
    """
    rank = other.shape[1]
    products = (other[:, :, None] * other[:, None, :]).reshape(len(other), -1)
    systems = (weights @ products).reshape(-1, rank, rank)
    trace = np.trace(systems, axis1=1, axis2=2) + np.finfo(float).tiny
    pull = 1e-9 * trace[:, None, None] * np.eye(rank)
    right_sides = (weights * matrix) @ other + (pull @ current[..., None])[..., 0]
    return np.linalg.solve(systems + pull, right_sides[..., None])[..., 0]


def _sorted(mixture: Mixture) -> Mixture:
    order = np.argsort(mixture.sigmas)
    return Mixture(mixture.shares[order], mixture.sigmas[order])
