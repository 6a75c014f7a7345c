"""What the singular values alone tell, at every rank."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import matrices

from lowrank import spectrum
from lowrank.errors import TensorError
from lowrank.svd import SVD, exact_svd

any_matrices = matrices(stacks=[(), (1,), (3,)])


def residuals(a, svd):
    """Outside reference: the squared norm of what each rank leaves out, measured entry by entry in float64."""
    a = a.astype(np.float64)
    return np.array([np.square(a - svd.reconstruct(k)).sum() for k in range(svd.rank + 1)])


@given(any_matrices)
def test_every_curve_has_an_entry_for_rank_zero_to_r(a):
    svd = exact_svd(a)
    for curve in (spectrum.squared_error, spectrum.relative_error, spectrum.energy, spectrum.psnr):
        assert curve(svd).shape == (svd.rank + 1,)
        assert curve(svd).dtype == np.float64
        assert not np.isnan(curve(svd)).any()


@given(any_matrices)
def test_energy_rises_from_zero_to_exactly_one(a):
    energy = spectrum.energy(exact_svd(a))
    assert energy[0] == (0 if a.any() else 1)
    assert energy[-1] == 1.0
    assert (np.diff(energy) >= 0).all()


@given(any_matrices)
def test_errors_never_rise_and_end_at_zero(a):
    svd = exact_svd(a)
    for error in (spectrum.squared_error(svd), spectrum.relative_error(svd)):
        assert (np.diff(error) <= 0).all()
        assert error[-1] == 0
        assert (error >= 0).all()
    assert spectrum.psnr(svd)[-1] == np.inf
    assert (spectrum.psnr(svd)[1:] >= spectrum.psnr(svd)[:-1]).all()


@given(matrices(st.just(np.float64), stacks=[(), (3,)]))
def test_a_stack_counts_as_one_picture(a):
    svd = exact_svd(a)
    measured, whole = residuals(a, svd), np.square(a).sum()
    np.testing.assert_allclose(np.sqrt(spectrum.squared_error(svd)), np.sqrt(measured), rtol=0, atol=1e-12 * whole**0.5)
    if whole:
        np.testing.assert_allclose(spectrum.relative_error(svd), np.sqrt(measured / whole), rtol=0, atol=1e-12)
        np.testing.assert_allclose(spectrum.energy(svd), 1 - measured / whole, rtol=0, atol=1e-12)


@given(matrices(st.just(np.float64), kinds=["gaussian", "decaying"], stacks=[(), (3,)]))
def test_psnr_is_that_of_the_mean_squared_error_over_all_entries(a):
    svd = exact_svd(a)
    psnr, mse = spectrum.psnr(svd), residuals(a, svd) / a.size
    large = mse > 1e-20 * mse[0]  # below, the measured residual is rounding
    np.testing.assert_allclose(psnr[large], -10 * np.log10(mse[large]), rtol=0, atol=1e-3)


def test_a_known_spectrum_gives_the_known_figures():
    # By hand: diag(3, 2, 1), squares 9 + 4 + 1 = 14 over nine entries.
    svd = exact_svd(np.diag([3.0, 2.0, 1.0]))
    np.testing.assert_allclose(spectrum.squared_error(svd), [14, 5, 1, 0])
    np.testing.assert_allclose(spectrum.energy(svd), [0, 9 / 14, 13 / 14, 1])
    np.testing.assert_allclose(spectrum.relative_error(svd), np.sqrt([1, 5 / 14, 1 / 14, 0]))
    np.testing.assert_allclose(spectrum.psnr(svd)[:3], -10 * np.log10(np.array([14, 5, 1]) / 9))


@pytest.mark.parametrize("shape", [(4, 5), (1, 1), (3, 2, 7)])
def test_a_black_picture_has_all_its_energy_and_no_error(shape):
    svd = exact_svd(np.zeros(shape))
    for value in (svd, svd.truncate(0), svd.truncate(1)):
        if value.rank:
            assert (spectrum.energy(value) == 1).all()
            assert (spectrum.relative_error(value) == 0).all()
            assert (spectrum.psnr(value) == np.inf).all()


@given(any_matrices, st.data())
def test_truncated_factors_keep_the_head_of_every_curve(a, data):
    whole = exact_svd(a)
    svd = whole.truncate(data.draw(st.integers(1, whole.rank)))
    size = np.square(a, dtype=np.float64).sum()
    head = spectrum.squared_error(whole)[: svd.rank + 1]
    np.testing.assert_allclose(spectrum.squared_error(svd), head, rtol=1e-9, atol=1e-15 * size)
    np.testing.assert_allclose(spectrum.energy(svd), spectrum.energy(whole)[: svd.rank + 1], rtol=0, atol=1e-12)


def test_truncated_factors_do_not_claim_what_they_lost():
    svd = exact_svd(np.diag([2.0, 1.0, 1.0])).truncate(1)
    assert spectrum.energy(svd)[-1] == pytest.approx(4 / 6)
    assert np.isfinite(spectrum.psnr(svd)).all()


def test_subtracting_the_head_from_the_total_would_go_negative_in_float32():
    a = np.random.default_rng(2).random((64, 48), np.float32)
    svd = exact_svd(a)
    naive = np.square(a).sum() - np.cumsum(np.square(svd.s))  # what this module must not do
    assert naive.min() < 0
    told = spectrum.squared_error(svd)[1:]
    assert (told >= 0).all()
    measured = residuals(a, svd)[1:]
    np.testing.assert_allclose(np.sqrt(told), np.sqrt(measured), rtol=0, atol=1e-5 * float(np.linalg.norm(a)))


def test_no_values_at_all_leave_everything_out():
    svd = exact_svd(np.diag([3.0, 4.0])).truncate(0)
    assert spectrum.squared_error(svd).tolist() == [25.0]
    assert spectrum.energy(svd).tolist() == [0.0]


def test_a_stack_whose_squares_overflow_only_together_is_refused():
    with pytest.raises(TensorError):
        exact_svd(np.full((4, 2, 2), 6e153))


def test_the_rest_of_projected_factors_counts_at_every_rank():
    # Factors as a sketch gives them: total known, the spectrum only in part.
    svd = SVD(np.eye(4)[None, :, :2], np.array([[2.0, 1.0]]), np.eye(4)[None, :2], np.array([9.0]))
    np.testing.assert_allclose(spectrum.squared_error(svd), [9, 5, 4])
    np.testing.assert_allclose(spectrum.energy(svd), [0, 4 / 9, 5 / 9])


spectra = st.lists(st.floats(0, 1e6), min_size=1, max_size=20).map(lambda s: np.array(sorted(s, reverse=True)))


@given(spectra, st.floats(1e-3, 1e3))
def test_descriptors_of_a_spectrum_do_not_depend_on_its_scale_and_lie_between_one_and_its_length(s, scale):
    for describe in (spectrum.effective_rank, spectrum.stable_rank):
        value = describe(s)
        if s.max() > 1e-290:  # below, squares and quotients underflow
            assert 1 - 1e-9 <= value <= len(s) + 1e-9
            assert describe(s * scale) == pytest.approx(value, rel=1e-6)
    assert spectrum.stable_rank(s) <= np.count_nonzero(s)


def test_descriptors_at_their_ends():
    assert spectrum.effective_rank(np.ones(7)) == pytest.approx(7)
    assert spectrum.stable_rank(np.ones(7)) == pytest.approx(7)
    one = np.array([3.0, 0.0, 0.0])
    assert (spectrum.effective_rank(one), spectrum.stable_rank(one)) == (1, 1)
    nothing = np.zeros(3)
    assert (spectrum.effective_rank(nothing), spectrum.stable_rank(nothing)) == (0, 0)
    assert (spectrum.effective_rank(nothing[:0]), spectrum.stable_rank(nothing[:0])) == (0, 0)


def test_descriptors_by_hand():
    assert spectrum.effective_rank(np.array([2.0, 1.0])) == pytest.approx(1.88988, abs=1e-5)  # exp(H(2/3, 1/3))
    assert spectrum.stable_rank(np.array([2.0, 1.0])) == 1.25


@given(any_matrices, st.floats(0, 1))
def test_the_rank_for_a_share_is_the_first_that_keeps_it(a, share):
    svd = exact_svd(a)
    if svd.s.ndim == 1:
        k, kept = spectrum.energy_rank(svd.s, share), np.square(svd.s.astype(np.float64)).cumsum()
        if not a.any():
            assert k == 0
        else:
            assert kept[k - 1] >= share * kept[-1]
            assert k == 1 or kept[k - 2] < share * kept[-1]
