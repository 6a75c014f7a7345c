"""Rules that choose a rank: each meets its target, and one rank less would not."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from strategies import matrices, orthonormal, pictures

from lowrank import metrics, spectrum, storage
from lowrank.color import COLORS, displayed, from_planes, to_planes
from lowrank.decompose import truncated_svd
from lowrank.errors import RankError
from lowrank.ranks import RULES, choose_rank, known_noise_factor, known_noise_rank, omega
from lowrank.svd import SVD

colors = st.sampled_from(COLORS)
doubles = matrices(
    st.just(np.float64), kinds=["gaussian", "decaying", "flat", "integer", "constant"], stacks=[(), (3,)]
)


def measured(a, svd):
    """Outside reference: squared error over squared norm of ranks 0 to r, from the entries and not the spectrum."""
    errors = [np.square(a - svd.reconstruct(k)).sum() for k in range(svd.rank + 1)]
    return np.array(errors) / np.square(a).sum()


def smallest(meets, r):
    """By brute force: the first of 1..r that meets."""
    return next(k for k in range(1, r + 1) if meets(k))


# --- targets of quality


@given(doubles, st.floats(0.01, 0.999))
def test_energy_is_met_and_missed_by_one_rank_less(a, target):
    assume(a.any())
    svd = truncated_svd(a)
    kept = 1 - measured(a, svd)
    assume(abs(kept - target).min() > 1e-9)  # else rounding decides
    k = choose_rank(svd, "energy", target)
    assert kept[k] >= target
    assert k == 1 or kept[k - 1] < target
    assert k == smallest(lambda i: kept[i] >= target, svd.rank)


@given(doubles, st.floats(0.01, 0.999))
def test_relative_error_is_met_and_missed_by_one_rank_less(a, target):
    assume(a.any())
    svd = truncated_svd(a)
    error = np.sqrt(measured(a, svd))
    assume(abs(error - target).min() > 1e-9)
    k = choose_rank(svd, "relative_error", target)
    assert error[k] <= target
    assert k == 1 or error[k - 1] > target
    assert k == smallest(lambda i: error[i] <= target, svd.rank)


@given(pictures(dtypes=st.just(np.float64)), st.floats(5, 60), st.sampled_from(["gray", "rgb"]))
def test_psnr_is_met_and_missed_by_one_rank_less(picture, target, color):
    planes = to_planes(picture, color)
    svd = truncated_svd(planes)
    psnr = np.array([metrics.psnr(planes, svd.reconstruct(k)) for k in range(svd.rank + 1)])
    assume(abs(psnr - target).min() > 1e-6)
    k = choose_rank(svd, "psnr", target)
    assert psnr[k] >= target
    assert k == 1 or psnr[k - 1] < target
    assert k == smallest(lambda i: psnr[i] >= target, svd.rank)


@given(pictures(shortest=2, longest=24, dtypes=st.just(np.float64)), st.floats(0.05, 0.999), colors)
def test_ssim_is_met_and_missed_by_one_rank_less(picture, target, color):
    planes = to_planes(picture, color)
    svd = truncated_svd(planes)
    reference = from_planes(planes, color)
    shown = [displayed(from_planes(svd.reconstruct(k), color)) for k in range(svd.rank + 1)]
    ssim = np.array([metrics.ssim(reference, image) for image in shown])
    assume(abs(ssim - target).min() > 1e-9)
    if ssim[-1] < target:  # 8 bits cannot show it
        with pytest.raises(RankError, match="No rank"):
            choose_rank(svd, "ssim", target, image=picture, color=color)
        return
    k = choose_rank(svd, "ssim", target, image=picture, color=color)
    assert ssim[k] >= target
    assert k == 1 or ssim[k - 1] < target
    assert k == choose_rank(svd, "ssim", target, color=color)  # full factors are the picture


def test_a_choice_by_ssim_says_how_far_it_is_and_can_be_ended():
    svd, shares = truncated_svd(np.random.default_rng(0).random((1, 40, 40))), []
    assert choose_rank(svd, "ssim", 0.9, progress=shares.append) == choose_rank(svd, "ssim", 0.9)
    assert shares == sorted(shares)
    assert 0 <= shares[0] < 0.9 < shares[-1] < 1

    def enough(share):
        raise InterruptedError

    with pytest.raises(InterruptedError):
        choose_rank(svd, "ssim", 0.9, progress=enough)


def test_where_ssim_dips_a_lower_rank_may_meet_the_target_as_well():
    # The limit of bisection, as the rule's advice says. Of this disc, SSIM is 0.71, 0.67, 0.79 at ranks 2 to 4.
    y, x = np.mgrid[0:1:24j, 0:1:24j]
    disc = np.where((x - 0.5) ** 2 + (y - 0.5) ** 2 < 0.18, 0.9, 0.1)
    svd = truncated_svd(to_planes(disc))
    ssim = [metrics.ssim(disc, displayed(svd.reconstruct(k)[0])) for k in (2, 3, 4)]
    assert ssim[1] < 0.69 < ssim[0] < ssim[2]
    assert choose_rank(svd, "ssim", 0.69) == 4


@given(doubles, st.sampled_from(["psnr", "energy", "relative_error"]), st.data())
def test_truncated_factors_give_the_same_rank_while_it_is_within_them(a, rule, data):
    svd = truncated_svd(a)
    target = data.draw(st.floats(*{"psnr": (5.0, 60.0)}.get(rule, (0.05, 0.95))))
    k = choose_rank(svd, rule, target)
    assert choose_rank(svd.truncate(k), rule, target) == k
    if k > 1:
        with pytest.raises(RankError, match="No rank"):
            choose_rank(svd.truncate(k - 1), rule, target)


def test_the_ends_of_the_scale():
    svd = truncated_svd(np.diag([4.0, 2.0, 1.0, 0.5]))
    assert choose_rank(svd, "energy", 0) == choose_rank(svd, "relative_error", 1) == 1
    assert choose_rank(svd, "energy", 1) == choose_rank(svd, "relative_error", 0) == 4
    assert choose_rank(svd, "psnr", 100) == 4


def test_exactly_met_is_met():
    svd = truncated_svd(np.diag([0.8, 0.4, 0.2, 0.1]))
    for rule, curve in (
        ("energy", spectrum.energy),
        ("relative_error", spectrum.relative_error),
        ("psnr", spectrum.psnr),
    ):
        assert [choose_rank(svd, rule, curve(svd)[k]) for k in (1, 2, 3)] == [1, 2, 3]


def test_a_black_picture_needs_one_rank_for_every_quality():
    svd = truncated_svd(np.zeros((1, 8, 9)))
    for rule in ("psnr", "energy", "relative_error", "ssim", "gavish_donoho"):
        assert choose_rank(svd, rule) == 1


# --- budgets


@given(st.integers(1, 40), st.integers(1, 40), st.sampled_from([1, 3]), st.integers(1, 100_000))
def test_bytes_fit_and_one_rank_more_does_not(m, n, planes, target):
    svd = truncated_svd(np.ones((planes, m, n), np.float32))

    def size(k):  # of the factors themselves
        return sum(x[..., :k].nbytes for x in (svd.U, svd.s, svd.Vt.swapaxes(-1, -2)))

    if target < size(1):
        with pytest.raises(RankError, match="Even rank 1"):
            choose_rank(svd, "bytes", target)
        return
    k = choose_rank(svd, "bytes", target)
    assert size(k) <= target
    assert k == svd.rank or 4 * planes * (k + 1) * (m + n + 1) > target


@given(st.integers(1, 30), st.integers(1, 30), st.sampled_from([1, 3]))
def test_break_even_fits_and_one_rank_more_does_not(m, n, planes):
    svd = truncated_svd(np.ones((planes, m, n), np.float32))
    if m * n < m + n + 1:
        with pytest.raises(RankError, match="Even rank 1"):
            choose_rank(svd, "break_even")
        return
    k = choose_rank(svd, "break_even")
    assert storage.compression_ratio(m, n, k) >= 1 > storage.compression_ratio(m, n, k + 1)


@pytest.mark.parametrize(("rule", "target"), [("bytes", 1e9), ("bytes", 1e300), ("break_even", None)])
def test_a_budget_larger_than_the_factors_takes_all_of_them(rule, target):
    svd = truncated_svd(np.ones((20, 20)), 3)
    assert choose_rank(svd, rule, target) == 3


def test_a_budget_without_end_takes_all_factors():
    assert choose_rank(truncated_svd(np.eye(4)), "bytes", float("inf")) == 4


# --- Gavish and Donoho


@pytest.mark.parametrize(
    ("beta", "expected"),
    # from the Marchenko-Pastur integral, by numerical integration outside of this project; omega(1) and omega(0.5) are
    # also in Gavish and Donoho 2014, table IV: 2.8582 and 2.1711 by their approximation
    [(0.05, 1.5193), (0.1, 1.6088), (0.25, 1.8369), (0.5, 2.1712), (0.75, 2.5014), (1.0, 2.8584)],
)
def test_the_threshold_factor_has_its_known_values(beta, expected):
    assert omega(beta) == pytest.approx(expected, abs=5e-5)


@given(st.floats(0.01, 1))
def test_the_threshold_factor_is_near_the_cubic_of_the_paper(beta):
    cubic = 0.56 * beta**3 - 0.95 * beta**2 + 1.82 * beta + 1.43  # Gavish and Donoho 2014, equation 5
    assert omega(beta) == pytest.approx(cubic, abs=0.02)


def test_the_threshold_factor_uses_the_median_of_noise():
    # The definition, by simulation: lambda(beta) = omega(beta) * median(s) / (sqrt(n) sigma), lambda(1) = 4 / sqrt(3).
    for m, known in ((400, 4 / 3**0.5), (200, None)):
        beta = m / 400
        lam = np.sqrt(2 * (beta + 1) + 8 * beta / (beta + 1 + np.sqrt(beta**2 + 14 * beta + 1)))
        assert known is None or lam == pytest.approx(known)
        s = np.linalg.svd(np.random.default_rng(0).standard_normal((m, 400)), compute_uv=False)
        assert omega(beta) == pytest.approx(lam * 400**0.5 / np.median(s), rel=0.02)


@pytest.mark.parametrize("shape", [(120, 120), (60, 120), (200, 50)])
@pytest.mark.parametrize("rank", [1, 3, 8])
def test_a_planted_rank_is_found_under_noise(shape, rank):
    rng = np.random.default_rng(7)
    m, n = shape
    noise = rng.standard_normal(shape)
    signal = (orthonormal(rng, m, rank) * (8 * max(m, n) ** 0.5)) @ orthonormal(rng, n, rank).T
    assert choose_rank(truncated_svd(signal + noise), "gavish_donoho") == rank
    assert choose_rank(truncated_svd(1e-6 * (signal + noise)), "gavish_donoho") == rank  # whatever the scale


def test_a_signal_below_the_threshold_is_not_found():
    # The limit: under the detection edge, sqrt(n) sigma, nothing tells it from noise.
    rng = np.random.default_rng(7)
    signal = (orthonormal(rng, 120, 5) * (0.5 * 120**0.5)) @ orthonormal(rng, 120, 5).T
    assert choose_rank(truncated_svd(signal + rng.standard_normal((120, 120))), "gavish_donoho") == 1


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("rank", [1, 2, 9])
def test_of_an_exactly_low_rank_matrix_the_numerical_rank_is_found(dtype, rank):
    rng = np.random.default_rng(1)
    a = (rng.standard_normal((40, rank)) @ rng.standard_normal((rank, 30))).astype(dtype)
    assert np.linalg.matrix_rank(a) == rank  # the reference: NumPy's
    assert choose_rank(truncated_svd(a), "gavish_donoho") == rank


def test_where_most_singular_values_are_zero_to_rounding_none_of_them_is_counted():
    # Their median is rounding too, and no multiple of it tells anything: 2e-15 is 200 times the median, and still zero.
    s = np.array([5.0, 4.0, 3.0, 2e-15, 1e-15, *[1e-17] * 6])
    svd = SVD(np.eye(11), s, np.eye(11), np.square(s).sum())
    assert np.linalg.matrix_rank(svd.reconstruct()) == 3  # the reference: NumPy's
    assert choose_rank(svd, "gavish_donoho") == 3


@pytest.mark.parametrize(("shape", "rank"), [((40, 40), 2), ((20, 40), 3), ((40, 10), 4), ((4, 40), 1)])
def test_the_threshold_follows_the_aspect_ratio(shape, rank):
    # The median is 1; 2.9, 2.4 and 2.0 lie above omega(1) = 2.858, omega(0.5) = 2.171 and omega(0.25) = 1.837.
    rng = np.random.default_rng(1)
    r = min(shape)
    s = np.concatenate([[9.0, 2.9, 2.4, 2.0], np.ones(r)])[:r] if r > 4 else np.array([9.0, 1.0, 1.0, 1.0])
    a = (orthonormal(rng, shape[0], r) * s) @ orthonormal(rng, shape[1], r).T
    assert choose_rank(truncated_svd(a), "gavish_donoho") == rank


def test_a_stack_needs_the_rank_of_its_neediest_plane():
    rng = np.random.default_rng(1)
    planes = np.stack([rng.standard_normal((30, r)) @ rng.standard_normal((r, 30)) for r in (2, 7, 4)])
    assert choose_rank(truncated_svd(planes), "gavish_donoho") == 7


# --- truncated factors and the picture


@pytest.mark.parametrize("color", ["gray", "rgb", "ycbcr"])
@pytest.mark.parametrize(("rule", "target"), [("ssim", 0.8), ("gavish_donoho", None)])
def test_truncated_factors_need_the_picture_and_then_agree_with_full_ones(rule, target, color):
    rng = np.random.default_rng(0)
    y, x = np.mgrid[0:1:48j, 0:1:40j]
    picture = np.stack([x * y, np.cos(5 * x * y) ** 2, np.where(x > y, 0.2, 0.7)], axis=2)
    picture = np.clip(picture + 0.02 * rng.standard_normal(picture.shape), 0, 1)
    full = truncated_svd(to_planes(picture, color))
    k = choose_rank(full, rule, target, color=color)
    assert 1 < k < 25
    truncated = full.truncate(30)
    with pytest.raises(RankError, match="Give the picture"):
        choose_rank(truncated, rule, target, color=color)
    assert choose_rank(truncated, rule, target, image=picture, color=color) == k
    with pytest.raises(RankError, match="No rank available"):
        choose_rank(full.truncate(k - 1), rule, target, image=picture, color=color)


# --- what is refused


@pytest.mark.parametrize(
    ("rule", "target"),
    [
        ("psnr", 0.5), ("psnr", 100.5), ("psnr", -1), ("psnr", float("inf")), ("psnr", float("nan")),
        ("ssim", 0), ("ssim", 1.1), ("ssim", float("nan")),
        ("energy", -0.1), ("energy", 1.01), ("energy", 95), ("energy", float("nan")),
        ("relative_error", -0.1), ("relative_error", 1.01), ("relative_error", float("nan")),
        ("bytes", 0), ("bytes", -5), ("bytes", float("nan")), ("bytes", float("-inf")),
    ],
)  # fmt: skip
def test_a_target_outside_of_the_scale_is_refused_with_the_scale(rule, target):
    with pytest.raises(RankError, match=f"{RULES[rule].name} must be from {RULES[rule].lowest:g} "):
        choose_rank(truncated_svd(np.random.default_rng(0).random((1, 8, 8))), rule, target)


@pytest.mark.parametrize(("rule", "target"), [("psnr", 60), ("energy", 0.999999), ("relative_error", 1e-3)])
def test_a_target_that_no_held_rank_reaches_is_refused(rule, target):
    with pytest.raises(RankError, match="No rank available"):
        choose_rank(truncated_svd(np.random.default_rng(0).random((9, 9)), 3), rule, target)


def test_an_ssim_that_8_bits_cannot_show_is_refused():
    with pytest.raises(RankError, match="No rank available"):
        choose_rank(truncated_svd(np.random.default_rng(0).random((1, 9, 9))), "ssim", 1.0)


@pytest.mark.parametrize("rule", RULES)
def test_factors_that_hold_nothing_have_no_rank_to_choose(rule):
    with pytest.raises(RankError, match="no singular value"):
        choose_rank(truncated_svd(np.eye(4), 0), rule)


@pytest.mark.parametrize("rule", ["", "PSNR", "rank", None])
def test_an_unknown_rule_is_refused_by_name(rule):
    with pytest.raises(ValueError, match="psnr, ssim, relative_error"):
        choose_rank(truncated_svd(np.eye(4)), rule)


# --- the list of rules


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_says_what_it_is_good_for_and_where_it_misleads(rule):
    entry = RULES[rule]
    assert "Good " in entry.advice
    assert "misleads" in entry.advice
    assert "\n" not in entry.advice
    assert "  " not in entry.advice
    assert entry.name


@pytest.mark.parametrize("rule", RULES)
def test_every_default_target_is_within_its_range(rule):
    entry = RULES[rule]
    if entry.default is None:
        assert entry.lowest is entry.highest is None
    else:
        assert entry.lowest <= entry.default <= (entry.highest or float("inf"))
        assert entry.highest is None or entry.lowest < entry.highest


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_without_a_target_takes_its_default(rule):
    picture = np.random.default_rng(0).random((40, 30))
    svd = truncated_svd(to_planes(0.5 + 0.1 * picture))
    k = choose_rank(svd, rule)
    assert type(k) is int
    assert 1 <= k <= 30
    assert k == choose_rank(svd, rule, RULES[rule].default)


@pytest.mark.parametrize(("beta", "factor"), [(0.05, 1.5193), (0.1, 1.6088), (0.25, 1.8369), (0.75, 2.5014)])
def test_omega_at_more_aspect_ratios(beta, factor):
    assert omega(beta) == pytest.approx(factor, abs=1e-4)  # from the integral, with SciPy's quad apart from this code


def test_the_factor_for_known_noise():
    assert known_noise_factor(1.0) == pytest.approx(4 / 3**0.5)  # the title of Gavish and Donoho 2014
    assert known_noise_factor(1.0) / omega(1.0) == pytest.approx(0.65278**0.5, abs=1e-4)


@pytest.mark.parametrize(("m", "n"), [(120, 120), (200, 60), (60, 200)])
def test_known_noise_is_told_from_what_was_planted(m, n):
    rng = np.random.default_rng(m + n)
    noise = 0.1 * rng.standard_normal((m, n))
    U, V = (np.linalg.qr(rng.standard_normal((side, 5)))[0] for side in (m, n))
    planted = 20 * 0.1 * max(m, n) ** 0.5 * U @ V.T
    for a, rank in ((noise, 0), (planted + noise, 5)):
        assert known_noise_rank(np.linalg.svd(a, compute_uv=False), m, n, 0.1) == rank
    assert known_noise_rank(np.linalg.svd(noise, compute_uv=False), m, n, 0.0) == min(m, n)
