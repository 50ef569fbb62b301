import numpy as np
import pytest
from scipy import stats

from vdn.errors import InputError
from vdn.evaluation import calibration as cal


def test_coverage_of_honest_and_of_narrow_intervals():
    rng = np.random.default_rng(0)
    scale = rng.uniform(0.01, 0.3, 200_000)
    error = scale * rng.standard_normal(scale.shape)
    for level in cal.LEVELS:
        reach = cal.half_width(level / 100) * scale
        assert 100 * cal.coverage(error, -reach, reach) == pytest.approx(level, abs=0.4)
    reach = cal.half_width(0.9) * scale / 2
    half = 2 * stats.norm.cdf(cal.half_width(0.9) / 2) - 1
    assert cal.coverage(error, -reach, reach) == pytest.approx(half, abs=0.005)


def test_sparsification_is_that_of_the_definition():
    rng = np.random.default_rng(0)
    error, uncertainty = rng.standard_normal(2000), rng.random(2000)
    found, best = cal.sparsification(error.reshape(40, 50), uncertainty.reshape(40, 50))
    whole = np.sqrt(np.mean(error**2))
    for fraction, value in zip(cal.FRACTIONS, found, strict=True):
        kept = error[np.argsort(uncertainty)][: round(2000 * (1 - fraction))]
        assert value == pytest.approx(np.sqrt(np.mean(kept**2)) / whole)
    assert found[0] == best[0] == 1
    assert all(b <= f + 1e-12 for b, f in zip(best, found, strict=True))


def test_ause_ranks_good_uncertainty_before_chance_before_bad():
    rng = np.random.default_rng(0)
    scale = rng.uniform(0.01, 1, 50_000)
    error = scale * rng.standard_normal(scale.shape)
    good, chance, bad = (cal.ause(error, u) for u in (scale, rng.random(scale.shape), -scale))
    assert 0 < good < chance < bad
    assert cal.ause(error, np.abs(error)) == 0
    assert cal.ause(np.zeros(10), np.ones(10)) == 0
    with pytest.raises(InputError, match="shape"):
        cal.ause(error, scale[1:])


def test_bootstrap_interval_is_that_of_scipy():
    values = np.random.default_rng(3).normal(0.9, 0.02, 40)
    low, high = cal.bootstrap_interval(values.tolist())
    theirs = stats.bootstrap(
        (values,), np.mean, method="percentile", n_resamples=4000, rng=np.random.default_rng(1)
    ).confidence_interval
    assert (low, high) == pytest.approx((theirs.low, theirs.high), abs=6e-4)
    assert cal.bootstrap_interval(values.tolist()) == (low, high)


def test_coverage_by_bin_counts_every_value_once():
    rng = np.random.default_rng(0)
    inside = rng.random((30, 40)) < 0.9
    numbers = cal.quantile_bins(rng.random((30, 40)))
    counted = cal.coverage_by_bin(inside, {"edge": numbers}, {"edge": 4})["edge"]
    assert [total for total, _ in counted] == [300] * 4
    assert sum(hits for _, hits in counted) == inside.sum()
