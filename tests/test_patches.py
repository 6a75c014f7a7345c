"""Patches and the lapped filter: both are undone exactly, and the filter is worth its name."""

import numpy as np
import pytest
import scipy.fft
from hypothesis import given
from hypothesis import strategies as st

from lowrank.patches import LAP, SIDE, UNLAP, from_patches, grid, lap, to_patches, unlap


@given(st.integers(1, 3), st.integers(1, 30), st.integers(1, 30), st.integers(1, 9))
def test_patches_come_back(c, h, w, side):
    planes = np.random.default_rng(h * w).random((c, h, w))
    patches = to_patches(planes, side)
    rows, columns = grid((h, w), side)
    assert patches.shape == (c, rows * columns, side * side)
    assert np.array_equal(from_patches(patches, (h, w), side), planes)


def test_a_patch_is_a_block():
    planes = np.arange(2 * 16 * 24.0).reshape(2, 16, 24)
    assert np.array_equal(to_patches(planes)[1, 4].reshape(8, 8), planes[1, 8:, 8:16])


def test_patches_of_another_picture_do_not_fit():
    with pytest.raises(ValueError, match="do not make"):
        from_patches(np.zeros((1, 3, 64)), (16, 16))


@given(st.integers(1, 5), st.integers(1, 5), st.sampled_from([np.float32, np.float64]))
def test_the_filter_is_undone(rows, columns, dtype):
    planes = np.random.default_rng(rows).random((1, rows * SIDE, columns * SIDE)).astype(dtype)
    before = planes.copy()
    assert np.allclose(unlap(lap(planes)), planes, atol=1e-5 if dtype == np.float32 else 1e-12)
    assert np.array_equal(planes, before)
    assert lap(planes).dtype == dtype


def test_the_filter_leaves_a_flat_picture_and_a_single_block_alone():
    assert np.allclose(lap(np.full((1, 24, 32), 0.7)), 0.7)
    one = np.random.default_rng(0).random((1, 8, 8))
    assert np.array_equal(lap(one), one)


def gain(filtered):
    """Coding gain, in dB, of the DCT on a Markov source of correlation 0.95, with the filter or without."""
    size, middle = 6 * SIDE, slice(3 * SIDE, 4 * SIDE)
    forward = np.eye(size)
    if filtered:
        for joint in range(SIDE, size, SIDE):
            forward[joint - 4 : joint + 4, joint - 4 : joint + 4] = LAP
    forward = np.kron(np.eye(6), scipy.fft.dct(np.eye(SIDE), axis=0, norm="ortho")) @ forward
    source = 0.95 ** np.abs(np.subtract.outer(np.arange(size), np.arange(size)))
    variance = (forward @ source @ forward.T).diagonal()[middle]
    noise = np.square(np.linalg.inv(forward)).sum(0)[middle]
    return -10 * np.log10(variance * noise).mean()


def test_the_filter_gains_what_the_literature_says():
    assert gain(False) == pytest.approx(8.83, abs=0.01)  # the DCT's, as in every textbook
    assert gain(True) == pytest.approx(9.61, abs=0.01)  # Tran, Liang and Tu 2003 reach 9.61 with their best
    assert np.allclose(LAP @ UNLAP, np.eye(8))
