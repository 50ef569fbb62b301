"""Weighted nuclear norm minimisation against its definition."""

import numpy as np
import pytest

from vdn.external.block_matching import key_positions, match_blocks, patch_rows
from vdn.external.wnnm import WNNMSettings, denoise, settings_for, shrink_groups


@pytest.mark.parametrize("sigma", [0.05, 0.3])
def test_singular_values_shrink_to_the_fixed_point_of_the_weights(sigma):
    """A kept value solves s' = s - C / s'; a dropped one lies below 2 sqrt(C)."""
    groups = np.random.default_rng(0).normal(size=(5, 20, 9))
    shrunk = shrink_groups(groups, np.full(5, sigma), constant=2.0)
    strength = 2.0 * np.sqrt(20) * sigma**2
    for before, after in zip(groups, shrunk, strict=True):
        mean = before.mean(axis=0)
        left, values, right = np.linalg.svd(before - mean, full_matrices=False)
        seen = np.diag(left.T @ (after - mean) @ right.T)
        kept = values**2 > 4 * strength
        np.testing.assert_allclose(seen[~kept], 0, atol=1e-10)
        np.testing.assert_allclose(seen[kept], (values - strength / seen)[kept], rtol=1e-8)


def test_shrinking_minimises_the_weighted_norm_at_its_own_weights():
    group = np.random.default_rng(1).normal(size=(1, 12, 4)) * [5, 3, 1, 0.1]
    centred = group[0] - group[0].mean(axis=0)
    found = shrink_groups(group, np.array([0.2]))[0] - group[0].mean(axis=0)
    strength = 2 * np.sqrt(2) * np.sqrt(12) * 0.04
    weights = strength / (np.linalg.svd(found, compute_uv=False) + 1e-9)

    def objective(matrix):
        values = np.linalg.svd(matrix, compute_uv=False)
        return np.sum((centred - matrix) ** 2) / 2 + weights @ values

    generator = np.random.default_rng(2)
    for scale in (1e-3, 1e-2, 1e-1):
        moved = found + generator.normal(0, scale, found.shape)
        assert objective(moved) > objective(found)


def test_block_matching_finds_what_an_exhaustive_search_finds():
    image = np.random.default_rng(0).normal(size=(17, 14)).astype(np.float32)
    patch, stride, radius, count = 4, 3, 5, 6
    groups, keys = match_blocks(image, patch, stride, radius, count)
    patches, across = patch_rows(image, patch), image.shape[1] - patch + 1
    expected = [
        row * across + column
        for column in key_positions(14, patch, stride)
        for row in key_positions(17, patch, stride)
    ]
    assert sorted(keys) == sorted(expected)
    for key, group in zip(keys, groups, strict=True):
        rows, columns = np.divmod(np.arange(len(patches)), across)
        near = (abs(rows - key // across) <= radius) & (abs(columns - key % across) <= radius)
        distances = np.square(patches - patches[key]).sum(axis=1)
        nearest = np.sort(distances[near])[:count]
        np.testing.assert_allclose(np.sort(distances[group]), nearest, rtol=1e-4, atol=1e-4)
        assert near[group].all()
        assert key in group


def test_every_pixel_belongs_to_a_key_patch():
    for length in range(6, 40):
        covered = np.zeros(length, bool)
        for start in key_positions(length, 6, 5):
            covered[start : start + 6] = True
        assert covered.all(), length


def test_the_parameters_follow_the_noise_level():
    levels = [settings_for(sigma / 255) for sigma in (15, 25, 50, 75)]
    assert [s.patch for s in levels] == [6, 7, 8, 9]
    assert [s.similar for s in levels] == [70, 90, 120, 140]
    assert [s.iterations for s in levels] == [8, 12, 14, 14]
    assert [s.stride for s in levels] == [2, 2, 3, 3]


@pytest.mark.parametrize("shape", [(5, 9), (8, 8, 3), (23, 7)])
def test_small_and_odd_images_work(shape):
    noisy = np.random.default_rng(0).normal(0.5, 0.1, shape)
    restored = denoise(noisy, 0.1, settings=WNNMSettings(6, 30, 2, 0.54))
    assert restored.shape == shape
    assert restored.std() < 0.8 * noisy.std()
