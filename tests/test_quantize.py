"""Levels: near enough, fewer where they are not worth it, and put back where they belong."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lowrank.quantize import BIT, best_shifts, dequantize, quantize, quantize_by_cost


@given(st.integers(0, 2**32 - 1), st.sampled_from([0.01, 0.3, 7.0]))
def test_no_number_moves_by_more_than_half_a_step(seed, step):
    values = np.random.default_rng(seed).normal(0, 5, 200).astype(np.float32)
    back = dequantize(quantize(values, step), step)
    assert np.abs(back - values).max() <= step * 0.5001 + 1e-5


@given(st.integers(0, 2**32 - 1), st.floats(0.01, 20))
def test_cost_only_takes_away(seed, expected):
    values = np.random.default_rng(seed).laplace(0, 2, 500).astype(np.float32)
    plain, cheap = quantize(values, 1.0), quantize_by_cost(values, 1.0, np.full(500, expected, np.float32))
    assert (np.abs(cheap) <= np.abs(plain)).all()
    assert (cheap * plain >= 0).all()
    assert np.abs(cheap - plain).max() <= 1


def test_the_choice_is_the_one_of_least_squared_error_and_bits():
    values, expected = np.linspace(0, 4, 4001, dtype=np.float32), 0.4
    bits = np.log2(1 + 1 / expected)
    cost = [(values - level) ** 2 + BIT * ((level > 0) + level * bits) for level in range(6)]
    best = np.argmin(cost, axis=0)
    found = quantize_by_cost(values, 1.0, np.full(4001, expected, np.float32))
    assert (found != best).mean() < 0.002  # ties, and rounding of float32


def test_the_dead_zone_is_wider_where_nothing_is_expected():
    values = np.full(2, 0.75, np.float32)
    assert quantize_by_cost(values, 1.0, np.array([0.01, 3.0], np.float32)).tolist() == [0, 1]


def test_shifts_put_levels_at_the_mean():
    values = np.random.default_rng(0).laplace(0, 1.5, 20_000).astype(np.float32)
    levels = quantize_by_cost(values, 1.0, np.full(20_000, 1.0, np.float32))
    shifts = best_shifts(values, levels, 1.0)
    errors = [np.square(dequantize(levels, 1.0, s) - values).mean() for s in (shifts, (0, 0), (60, 60), (-60, -60))]
    assert min(errors) == errors[0]
    for size in (1, 2):
        part = np.abs(levels) == 1 if size == 1 else np.abs(levels) > 1
        moved = np.abs(dequantize(levels, 1.0, shifts)[part]).mean()
        assert abs(moved - np.abs(values[part]).mean()) < 1 / 256
    assert best_shifts(values, np.zeros_like(levels), 1.0) == (0, 0)
