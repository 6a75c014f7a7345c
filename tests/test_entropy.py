"""Levels as bits: they come back, in about the bits that they hold, by whole numbers alone."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lowrank.codec.coders import Decoder, Encoder
from lowrank.codec.entropy import FLOORS, LARGEST, MOST, ONE, SQUASH, STRETCH, UNIT, WIDTHS
from lowrank.codec.rows import code_factors
from lowrank.codec.waves import code_basis, code_patches, patch_model


def patches_there_and_back(levels, reference=None):
    coder = Encoder()
    code_patches(coder, patch_model(), levels, levels.shape, reference)
    data = coder.to_bytes()
    back = code_patches(Decoder(data), patch_model(), None, levels.shape, reference)
    assert np.array_equal(back, levels)
    return data


@given(st.integers(0, 6), st.integers(1, 7), st.integers(1, 7), st.sampled_from([0.3, 3.0, 3000.0]))
def test_planes_of_patches_come_back(k, h, w, scale):
    rng = np.random.default_rng(k * h * w)
    levels = rng.laplace(0, scale, (k, h, w)).astype(np.int32)
    patches_there_and_back(levels)
    patches_there_and_back(levels, rng.laplace(0, scale, (2, h, w)).astype(np.int32))


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 40)), min_size=1, max_size=4))
def test_factors_come_back(shapes):
    rng = np.random.default_rng(len(shapes))
    factors = [rng.laplace(0, 2, shape).astype(np.int32) for shape in shapes]
    coder = Encoder()
    code_factors(coder, factors, shapes)
    back = code_factors(Decoder(coder.to_bytes()), None, shapes)
    assert all(np.array_equal(a, b) for a, b in zip(factors, back, strict=True))


def test_a_basis_comes_back():
    levels = np.round(10 * np.linalg.qr(np.random.default_rng(0).normal(size=(64, 64)))[0][:9]).astype(np.int32)
    coder = Encoder()
    code_basis(coder, levels, levels.shape)
    assert np.array_equal(code_basis(Decoder(coder.to_bytes()), None, levels.shape), levels)


@pytest.mark.parametrize("level", [LARGEST, -LARGEST, 3, 4, 7, 11, 130, 4098])
def test_every_size_of_level(level):
    patches_there_and_back(np.full((1, 2, 3), level, np.int32))


def test_nothing_takes_nothing():
    assert len(patches_there_and_back(np.zeros((64, 40, 40), np.int32))) < 0.002 * 64 * 40 * 40 / 8


@pytest.mark.parametrize("scale", [0.2, 1.0, 8.0])
def test_noise_takes_hardly_more_than_its_entropy(scale):
    levels = np.rint(np.random.default_rng(1).laplace(0, scale, (16, 48, 48))).astype(np.int32)
    _, counts = np.unique(levels, return_counts=True)
    entropy = -(counts * np.log2(counts / levels.size)).sum() / 8
    assert entropy * 0.98 < len(patches_there_and_back(levels)) < entropy * 1.05


def test_what_neighbours_share_is_made_use_of():
    rng = np.random.default_rng(2)
    scale = np.exp(2 * np.sin(np.arange(48) / 6))[:, None] * np.exp(np.sin(np.arange(48) / 4))
    levels = np.rint(rng.laplace(0, scale, (8, 48, 48))).astype(np.int32)
    _, counts = np.unique(levels, return_counts=True)
    entropy = -(counts * np.log2(counts / levels.size)).sum() / 8
    assert len(patches_there_and_back(levels)) < 0.9 * entropy  # 0.82 for who knows the scales


def test_the_classes_cover_every_level_once():
    assert FLOORS[0] == 0
    assert np.array_equal(FLOORS[1:], (FLOORS + (1 << WIDTHS))[:-1])


def test_the_tables_are_the_same_whatever_the_mathematical_library():
    """No entry is so near to a rounding boundary that a last digit of exp or log could decide it."""
    for x in range(-MOST, MOST + 1):
        exact = ONE / (1 + math.exp(-x / UNIT))
        if 4 < exact < ONE - 4:
            assert abs(exact % 1 - 0.5) > 1e-7
            assert SQUASH[x + MOST] == round(exact)
    for p in range(1, ONE):
        exact = UNIT * math.log(p / (ONE - p))
        assert abs(exact % 1 - 0.5) > 1e-7
        assert STRETCH[p] == round(exact)


def test_mixing_does_not_overflow():
    rng = np.random.default_rng(3)
    for scale in (1, 10_000):  # long stretches of certainty, then surprises
        levels = np.zeros((4, 60, 60), np.int32)
        levels[:, ::7, ::11] = scale * rng.integers(-3, 4, levels[:, ::7, ::11].shape)
        patches_there_and_back(levels)
