"""Allotted ranks: greedy is the best choice, the arrangement is plain truncation of each plane, and what it gains."""

import dataclasses
import subprocess
import sys
from functools import cache
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import pictures

from lowrank import metrics, spectrum, storage
from lowrank.allot import allotted, allotted_ranks, picture_svd
from lowrank.color import displayed, from_planes, mixing, to_planes
from lowrank.curves import error_curve
from lowrank.decompose import truncated_svd
from lowrank.errors import RankError
from lowrank.image import read_image, to_png
from lowrank.ranks import choose_rank
from lowrank.svd import SVD

SAMPLES = Path(__file__).parents[1] / "sample_images"

colored = pictures(longest=16, channels=(3,))


@st.composite
def gains(draw, most=6):
    """Gains of the layers of three planes, largest first, with ties and zeros."""
    r = draw(st.integers(1, most))
    plane = st.lists(st.sampled_from([0, 1, 2, 3, 5, 8, 13, 21, 34, 55]), min_size=r, max_size=r)
    return np.sort(draw(st.lists(plane, min_size=3, max_size=3)), axis=1)[:, ::-1].astype(float)


@cache
def sample(name):
    (file,) = SAMPLES.glob(f"{name}.[jp]*g")
    return read_image(file)


def noise(*shape, seed=0):
    return np.random.default_rng(seed).random(shape)


# --- which layers


@given(gains())
def test_a_plane_has_the_layers_that_gain_no_less_than_lumas_last_one_more_at_a_time(own):
    ranks, had = allotted_ranks(own), [0, 0]
    for k in range(own.shape[1]):
        for p in (1, 2):  # word by word
            due = sum(gain >= own[0, k] and gain > 0 for gain in own[p])
            had[p - 1] = min(due, had[p - 1] + 1)
        assert ranks[:, k].tolist() == [k + 1, *had]


@given(gains())
def test_ranks_grow_by_at_most_one_and_never_shrink(own):
    steps = np.diff(allotted_ranks(own), axis=1, prepend=0)
    assert (steps[0] == 1).all()
    assert set(steps.ravel().tolist()) <= {0, 1}


@given(gains())
def test_no_other_choice_of_as_many_layers_gains_more(own):
    """By trying them all, wherever a plane may have as many layers as are worth it."""
    gained = np.pad(own.cumsum(1), ((0, 0), (1, 0)))
    for k, ranks in enumerate(allotted_ranks(own).T):
        due = ((own >= own[0, k]) & (own > 0)).sum(1)
        if (ranks[1:] < due[1:]).any() or own[0, k] == 0:
            continue
        best = max(
            sum(gained[p, i] for p, i in enumerate(rival))
            for rival in product(range(own.shape[1] + 1), repeat=3)
            if sum(rival) == ranks.sum()
        )
        assert sum(gained[p, i] for p, i in enumerate(ranks)) == best


def test_where_more_is_due_than_one_at_a_time_greedy_is_not_the_best():
    # The limit of the property above: of four layers 100 + 1 + 50 + 40 would be better than what rank 3 has.
    own = np.array([[100.0, 1, 1, 1], [50, 40, 30, 20], [0, 0, 0, 0]])
    assert allotted_ranks(own).T.tolist() == [[1, 0, 0], [2, 1, 0], [3, 2, 0], [4, 3, 0]]


def test_the_weights_are_those_of_jfif():
    # squared norms of the columns of the matrix in JFIF 1.02, section "Conversion to and from RGB"
    expected = [3, 0.34414**2 + 1.772**2, 1.402**2 + 0.71414**2]
    np.testing.assert_allclose(np.square(mixing("ycbcr")).sum(0), expected, rtol=1e-5)


@pytest.mark.slow
def test_layers_are_taken_by_the_squared_error_that_they_take_away_in_rgb():
    picture = sample("coffee")[::2, ::2].astype(np.float64)
    plain, svd = truncated_svd(to_planes(picture, "ycbcr")), picture_svd(picture, "ycbcr")

    def gain(p, i):  # of layer i of plane p, as RGB
        alone = np.zeros(plain.shape)
        alone[p] = plain.layer(i)[p]
        return np.square(from_planes(alone, "ycbcr")).sum()

    for k in (1, 10, 40, 80):
        _, *chroma = svd.ranks[:, k - 1].tolist()
        for p, rank in enumerate(chroma, 1):
            assert rank == 0 or gain(p, rank) >= gain(0, k) * (1 - 1e-9)
            assert gain(p, rank + 1) < gain(0, k)


# --- the arrangement


@given(colored, st.data())
def test_rank_k_is_each_planes_own_truncation(picture, data):
    plain, svd = truncated_svd(to_planes(picture, "ycbcr")), picture_svd(picture, "ycbcr")
    assert (svd.shape, svd.rank) == (plain.shape, plain.rank)
    k = data.draw(st.integers(1, svd.rank))
    by_hand = [
        SVD(plain.U[p], plain.s[p], plain.Vt[p], plain.total[p]).reconstruct(rank)
        for p, rank in enumerate(svd.ranks[:, k - 1].tolist())
    ]
    np.testing.assert_allclose(svd.reconstruct(k), by_hand, rtol=0, atol=1e-5 if picture.dtype == np.float32 else 1e-12)


@given(colored, st.data())
def test_truncation_takes_the_end_off(picture, data):
    svd = picture_svd(picture, "ycbcr")
    k = data.draw(st.integers(0, svd.rank))
    kept = svd.truncate(k)
    np.testing.assert_array_equal(kept.ranks, svd.ranks[:, :k])
    np.testing.assert_array_equal(kept.layers, svd.layers[: k + 1])
    np.testing.assert_array_equal(spectrum.squared_error(kept), spectrum.squared_error(svd)[: k + 1])
    np.testing.assert_array_equal(kept.reconstruct(), svd.reconstruct(k))
    np.testing.assert_allclose(kept.rest + np.square(kept.s, dtype=float).sum(-1), svd.total, rtol=1e-4, atol=1e-12)


@given(colored, st.data())
def test_allotting_first_or_truncating_first_is_the_same(picture, data):
    planes = to_planes(picture, "ycbcr")
    plain = truncated_svd(planes)
    k = data.draw(st.integers(1, plain.rank))
    first = allotted(plain, planes, mixing("ycbcr")).truncate(k)
    later = allotted(plain.truncate(k), planes, mixing("ycbcr"))
    for name in ("U", "s", "Vt", "ranks", "total"):
        np.testing.assert_array_equal(getattr(first, name), getattr(later, name))
    np.testing.assert_allclose(first.rest, later.rest, rtol=1e-9, atol=1e-12 * first.total.sum())


@given(colored)
def test_layers_that_are_not_there_are_zeros_and_add_nothing(picture):
    svd = picture_svd(picture, "ycbcr")
    there = np.diff(svd.ranks, axis=1, prepend=0) > 0
    assert there[0].all()
    assert not svd.s[~there].any()
    assert not np.swapaxes(svd.U, -1, -2)[~there].any()
    assert not svd.Vt[~there].any()
    assert svd.layers.tolist() == [0, *there.sum(0).cumsum()]
    for k in range(1, svd.rank + 1):
        assert not svd.layer(k)[~there[:, k - 1]].any()


@given(colored, st.data())
def test_the_layer_at_k_is_what_rank_k_adds(picture, data):
    svd = picture_svd(picture.astype(np.float64), "ycbcr")
    k = data.draw(st.integers(1, svd.rank))
    np.testing.assert_allclose(svd.layer(k), svd.reconstruct(k) - svd.reconstruct(k - 1), rtol=0, atol=1e-12)


def test_without_more_to_say_every_matrix_has_rank_k():
    svd = truncated_svd(noise(2, 5, 4))
    assert svd.ranks.tolist() == [[1, 2, 3, 4]] * 2
    assert svd.layers.tolist() == [0, 2, 4, 6, 8]
    assert svd.error is None
    assert svd.complete
    assert not svd.truncate(3).complete
    assert truncated_svd(noise(5, 4), 0).layers.tolist() == [0]


def test_ranks_and_errors_that_do_not_fit_are_a_programmers_mistake():
    svd = truncated_svd(noise(2, 5, 4))
    with pytest.raises(ValueError, match="broadcast"):
        dataclasses.replace(svd, ranks=[1, 2, 3])
    with pytest.raises(ValueError, match="broadcast"):
        dataclasses.replace(svd, error=np.ones(4))


# --- the error of the picture


@given(colored)
def test_the_error_at_every_rank_is_the_pictures_own(picture):
    svd = picture_svd(picture, "ycbcr")
    exact = picture.astype(np.float64)
    slack = (1e-5 if picture.dtype == np.float32 else 1e-12) * np.linalg.norm(exact)
    for k, told in enumerate(np.sqrt(spectrum.squared_error(svd))):
        shown = from_planes(svd.reconstruct(k).astype(np.float64), "ycbcr")
        assert told == pytest.approx(np.linalg.norm(exact - shown), rel=0, abs=slack)


@pytest.mark.parametrize("rank", [100, None])
def test_the_error_of_a_photograph_is_told_to_a_thousandth_of_a_decibel(rank):
    picture = sample("rocket")[:, :300]  # more rows than are worked on at once
    svd = picture_svd(picture, "ycbcr", rank)
    told = spectrum.psnr(svd)
    for k in (1, 20, 100):
        shown = from_planes(svd.reconstruct(k).astype(np.float64), "ycbcr")
        assert told[k] == pytest.approx(metrics.psnr(picture.astype(np.float64), shown), abs=1e-3)


def test_threads_change_no_bit():
    picture = sample("rocket")[:, :300]
    one, four = (picture_svd(picture, "ycbcr", 100, threads=threads) for threads in (1, 4))
    for name in ("U", "s", "Vt", "ranks", "error", "rest"):
        np.testing.assert_array_equal(getattr(one, name), getattr(four, name))


def test_weights_alone_do_not_tell_the_error():
    # Why the planes are looked at: their errors are alike, and what they have in common counts once more.
    picture = sample("coffee")
    svd = picture_svd(picture, "ycbcr", 100)
    tails = svd.rest[:, None] + np.square(svd.s, dtype=np.float64)[:, ::-1].cumsum(1)[:, ::-1]
    by_weights = -10 * np.log10(np.square(mixing("ycbcr")).sum(0) @ tails / picture.size)
    assert abs(by_weights - spectrum.psnr(svd)[:-1]).max() > 0.2


@pytest.mark.parametrize(
    "picture", [np.zeros((6, 5, 3)), np.ones((6, 5, 3)), np.full((1, 7, 3), 0.5), np.zeros((1, 1, 3)), noise(1, 9, 3)]
)
def test_black_plain_and_tiny_pictures(picture):
    svd = picture_svd(picture, "ycbcr")
    assert np.isfinite(spectrum.squared_error(svd)).all()
    assert np.isfinite(error_curve(picture, svd, color="ycbcr").relative_error).all()


# --- where chroma is all or nothing


def test_a_grey_picture_gets_no_chroma():
    grey = noise(30, 40)
    svd = picture_svd(np.repeat(grey[..., None], 3, 2), "ycbcr")
    assert not svd.ranks[1:, :-1].any()
    np.testing.assert_allclose(spectrum.psnr(svd)[1:-1], spectrum.psnr(picture_svd(grey))[1:-1], rtol=1e-9)


def test_a_picture_of_one_brightness_has_equal_ranks():
    planes = np.stack([np.full((20, 20), 0.5), *0.2 * (noise(2, 20, 20) - 0.5)])
    svd = picture_svd(from_planes(planes, "ycbcr"), "ycbcr")
    assert svd.ranks.tolist() == [[*range(1, 21)], [*range(20)], [*range(20)]]  # the first layer of luma is most of it


def test_a_single_row_shows_no_colour_that_gains_less_than_its_brightness():
    svd = picture_svd(noise(1, 9, 3), "ycbcr")
    assert svd.ranks.tolist() == [[1], [0], [0]]


def test_even_at_full_rank_chroma_that_gains_less_than_lumas_last_layer_is_left_out():
    picture = sample("coffee")[:60, :50]
    svd = picture_svd(picture, "ycbcr")
    assert svd.rank == svd.full_rank == 50
    assert (svd.ranks[1:, -1] < 50).all()
    assert not svd.complete
    assert 40 < spectrum.psnr(svd)[-1] < 80


# --- other arrangements, and ranks that are cut


@given(pictures(longest=12, channels=(None, 3)), st.sampled_from(["gray", "rgb"]), st.data())
def test_other_planes_have_equal_ranks(picture, color, data):
    plain = truncated_svd(to_planes(picture, color))
    k = data.draw(st.integers(0, plain.rank))
    svd = picture_svd(picture, color, k)
    for name in ("U", "s", "Vt", "ranks"):
        np.testing.assert_allclose(getattr(svd, name), getattr(plain.truncate(k), name), atol=1e-6)
    assert svd.error is None


def test_a_rank_that_is_not_there_is_refused():
    with pytest.raises(RankError, match="0 to 20"):
        picture_svd(noise(30, 20, 3), "ycbcr", 21)


def test_rank_zero_is_black():
    svd = picture_svd(noise(6, 5, 3), "ycbcr", 0)
    assert not svd.reconstruct().any()
    assert svd.error == pytest.approx(np.square(noise(6, 5, 3)).sum())


# --- rules


def test_budgets_count_the_layers_that_are_there():
    picture = sample("portrait")[::4, ::4]
    svd = picture_svd(picture, "ycbcr")
    curve = error_curve(picture, svd, color="ycbcr", ranks=())
    for target in (5_000, 40_000, 100_000):
        k = choose_rank(svd, "bytes", target)
        assert curve.bytes[k - 1] <= target < curve.bytes[k]
    k = choose_rank(svd, "break_even")
    assert curve.ratio[k - 1] >= 1 > curve.ratio[k]
    assert k > storage.break_even_rank(128, 128)


def test_quality_rules_are_about_the_picture():
    picture = sample("portrait")[::2, ::2]
    svd = picture_svd(picture, "ycbcr")
    k = choose_rank(svd, "psnr", 30, color="ycbcr")
    reached, missed = (metrics.psnr(picture, from_planes(svd.reconstruct(i), "ycbcr")) for i in (k, k - 1))
    assert reached >= 30 > missed
    k = choose_rank(svd, "relative_error", 0.1, color="ycbcr")
    reached, missed = (metrics.relative_error(picture, from_planes(svd.reconstruct(i), "ycbcr")) for i in (k, k - 1))
    assert reached <= 0.1 < missed


def test_gavish_and_donoho_want_every_plane_to_have_its_rank():
    rng = np.random.default_rng(2)
    planes = np.stack([noise(80, r, seed=r) @ noise(r, 80, seed=r + 1) / r for r in (9, 3, 5)])
    picture = from_planes(planes + 0.01 * rng.standard_normal(planes.shape), "ycbcr")
    svd = picture_svd(picture, "ycbcr")
    with pytest.raises(RankError, match="Give the picture"):
        choose_rank(svd, "gavish_donoho", color="ycbcr")
    k = choose_rank(svd, "gavish_donoho", image=picture, color="ycbcr")
    assert svd.ranks[:, k - 1].tolist() == [k, 3, 5]
    assert k == 9
    with pytest.raises(RankError, match="No rank available"):
        choose_rank(svd.truncate(8), "gavish_donoho", image=picture, color="ycbcr")


def test_gavish_and_donoho_want_no_chroma_of_a_grey_picture():
    grey = (noise(60, 4, seed=1) @ noise(4, 60, seed=2) / 4).astype(np.float32)
    picture = np.repeat(grey[..., None], 3, 2)
    svd = picture_svd(picture, "ycbcr", 30)
    assert choose_rank(svd, "gavish_donoho", image=picture, color="ycbcr") == 4


def test_ssim_needs_the_picture_unless_all_layers_are_there():
    picture = sample("coffee")[:60, :50]
    svd = picture_svd(picture, "ycbcr")
    with pytest.raises(RankError, match="Give the picture"):
        choose_rank(svd, "ssim", 0.8, color="ycbcr")
    k = choose_rank(svd, "ssim", 0.8, image=picture, color="ycbcr")
    reached, missed = (metrics.ssim(picture, displayed(from_planes(svd.reconstruct(i), "ycbcr"))) for i in (k, k - 1))
    assert reached >= 0.8 > missed


# --- what it is for


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "share", "at_least"),
    [("portrait", 0.06, 2), ("portrait", 0.25, 2), ("coffee", 0.06, 1), ("coffee", 0.25, 2)],
)
def test_it_gains_decibels_at_equal_numbers(name, share, at_least):
    """Against equal ranks of red, green and blue, at a share of the picture's numbers, on the pictures as shown."""
    picture = sample(name)
    m, n, _ = picture.shape
    k = int(share * storage.break_even_rank(m, n))
    equal = picture_svd(picture, "rgb", k)
    svd = picture_svd(picture, "ycbcr", min(3 * k, m, n))
    k = int(np.count_nonzero(svd.layers[1:] <= equal.layers[-1]))
    assert svd.layers[k] <= equal.layers[-1]
    gained = metrics.psnr(picture, displayed(from_planes(svd.reconstruct(k), "ycbcr"))) - metrics.psnr(
        picture, displayed(from_planes(equal.reconstruct(), "rgb"))
    )
    assert gained >= at_least


@pytest.mark.slow
def test_the_benchmark_prints_the_gain(tmp_path):
    picture = tmp_path / "small.png"
    picture.write_bytes(to_png(sample("portrait")[::4, ::4]))
    command = [sys.executable, SAMPLES.parent / "benchmarks" / "color.py", picture]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    _, *rows = done.stdout.splitlines()
    assert [row.split()[:2] for row in rows] == [["small", share] for share in ("6%", "12%", "25%")]
    assert all(0 < float(row.split()[-1]) < 10 for row in rows)
