"""When a range is looked at and when it is given up, by the energy of its blocks: it is time that depends on it."""

import numpy as np
import pytest
from sound import of_spectrum

from lowrank.pace import BLOCK, Pace
from lowrank.products import InMemory
from lowrank.rangefinder import RangeTooLargeError, column_bands, find_range
from lowrank.sketch import sketched_svd

RANKS = np.arange(1, 601.0)
NOISE = np.random.default_rng(0).random((600, 800), dtype=np.float32)

#: Flat ones whose range is not that of noise, and steep ones that end in noise.
WORTH_IT = {
    "all equal": np.ones(600),
    "a slow power": RANKS**-0.5,
    "steep": RANKS**-1.2,
}


@pytest.fixture
def blocks(monkeypatch):
    """Counts the blocks that were multiplied."""
    widths = []
    across = InMemory.across

    def counted(self, Y):
        widths.append(Y.shape[1])
        return across(self, Y)

    monkeypatch.setattr(InMemory, "across", counted)
    return widths


@pytest.mark.parametrize("name", WORTH_IT)
def test_what_is_flat_or_steep_is_sketched(name, blocks):
    svd = sketched_svd(of_spectrum(WORTH_IT[name], 600, 800), 150)
    assert svd.excess <= 1e-3
    assert sum(blocks) <= 0.7 * 600


def test_noise_is_given_up_before_much_is_multiplied(blocks):
    with pytest.raises(RangeTooLargeError) as given_up:
        sketched_svd(NOISE, 150)
    assert given_up.value.flat
    assert sum(blocks) <= 3 * BLOCK


def test_a_picture_in_noise_is_sketched_where_there_is_room():
    picture = 50 * of_spectrum(RANKS**-1.5, 600, 800) + 0.1 * NOISE
    assert sketched_svd(picture, 100).excess <= 1e-3
    with pytest.raises(RangeTooLargeError):
        sketched_svd(picture, 250)


def noise_of(pace, *, width=BLOCK, blocks=9):
    """Blocks of noise, twice the mean of what is left each."""
    left = 1.0
    for i in range(blocks):
        energy = 2 * left / (pace.m - i * width) * width
        left -= energy
        pace.add(i * width, (i + 1) * width, energy, left)


def test_noise_is_looked_at_when_it_is_likely_to_be_good():
    pace = Pace(2000, 3000, 300, BLOCK, 1e-3, krylov=True)
    noise_of(pace)
    assert pace.noisy
    assert not pace.worth_a_look(9 * BLOCK)
    assert pace.due == pytest.approx(2000 * (1 - np.exp(-0.6)) + BLOCK)
    assert pace.worth_a_look(int(pace.due) + 1)


def test_a_plan_stands_until_the_next():
    pace = Pace(1000, 1500, 100, BLOCK, 1e-3, krylov=True)
    for i, energy in enumerate((1e3, 1e2, 1e1, 1e-3, 1e-4)):
        pace.add(i * BLOCK, (i + 1) * BLOCK, energy, energy)
    assert pace.worth_a_look(5 * BLOCK)
    pace.plan(7 * BLOCK)
    assert [pace.worth_a_look(i * BLOCK) for i in (5, 6, 7)] == [False, False, True]


def test_subspace_iteration_is_looked_at_every_time():
    pace = Pace(1000, 1500, 100, 164, 1e-3, krylov=False)
    pace.add(0, 164, 1.0, 1.0)
    assert pace.worth_a_look(164)


@pytest.mark.parametrize(("falls", "noisy"), [(1.0, True), (0.97, True), (0.85, False)])
def test_noise_is_what_stays_as_flat_as_it_is(falls, noisy):
    pace, left, above = Pace(2000, 3000, 300, BLOCK, 1e-3, krylov=True), 1.0, 2.5
    for i in range(4):
        energy = above * left / (2000 - i * BLOCK) * BLOCK
        left -= energy
        above *= falls
        pace.add(i * BLOCK, (i + 1) * BLOCK, energy, left)
    assert pace.noisy is noisy


def test_the_smaller_the_tolerance_the_later_the_look():
    looks = []
    for tol in (1e-2, 1e-3, 1e-4):
        pace = Pace(3000, 4000, 300, BLOCK, tol, krylov=True)
        for i in range(20):
            pace.add(i * BLOCK, (i + 1) * BLOCK, 0.75**i, 0.75**i * 9)
            if pace.worth_a_look((i + 1) * BLOCK):
                break
        looks.append(i)
        assert (i + 1) * BLOCK < pace.due  # by what the blocks hold
    assert looks == sorted(set(looks))


def test_a_range_that_is_complete_is_looked_at_as_soon_as_may_be(blocks):
    sketched_svd(of_spectrum(np.r_[np.ones(30), np.zeros(570)], 600, 800), 200)
    assert sum(blocks) <= 200 + 3 * BLOCK + 8


def test_where_there_is_no_exact_method_all_the_room_is_used():
    a, total = NOISE[:400, :700] - 0.5, float(np.square(NOISE[:400, :700] - 0.5, dtype=np.float64).sum())

    def found(exact):
        rng = np.random.default_rng(0)
        start = column_bands(a, BLOCK, rng)
        return find_range(InMemory(a), start, 100, total, 1e-3, rng, lambda share: None, room=384, exact=exact)

    assert found(exact=False).excess <= 1e-3
    with pytest.raises(RangeTooLargeError):
        found(exact=True)


def test_where_there_is_no_exact_method_noise_does_not_put_off_a_look():
    pace = Pace(1000, 1700, 260, BLOCK, 1e-5, krylov=True, exact=False)
    due = pace.due
    noise_of(pace)
    assert pace.noisy
    assert pace.due == due
