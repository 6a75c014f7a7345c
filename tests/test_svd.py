"""The one type: what a truncated SVD is, what it is best at, and what it refuses."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import matrices, of_known_rank, orthonormal, seeds, stacks

from lowrank import spectrum
from lowrank.errors import LowrankError, RankError, TensorError
from lowrank.svd import SVD, as_matrices, checked_rank, exact_svd, fixed_signs, singular_values, squared_norm

#: Of the norm of the matrix: what rounding may cost in each precision.
TOLERANCE = {np.dtype(np.float32): 1e-5, np.dtype(np.float64): 1e-12}


def norm(a):
    return float(np.linalg.norm(np.asarray(a, np.float64)))


def residual(a, approximation):
    return norm(np.asarray(a, np.float64) - np.asarray(approximation, np.float64))


def gaussian(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


# --- what a singular value decomposition is


@given(matrices())
def test_all_components_together_are_the_matrix(a):
    assert residual(a, exact_svd(a).reconstruct()) <= TOLERANCE[a.dtype] * norm(a)


@given(matrices())
def test_singular_vectors_are_orthonormal(a):
    svd = exact_svd(a)
    np.testing.assert_allclose(svd.U.T @ svd.U, np.eye(svd.rank), atol=TOLERANCE[a.dtype])
    np.testing.assert_allclose(svd.Vt @ svd.Vt.T, np.eye(svd.rank), atol=TOLERANCE[a.dtype])


@given(matrices())
def test_singular_values_descend_and_equal_numpys(a):
    s = exact_svd(a).s
    assert (np.diff(s) <= 0).all()
    assert (s >= 0).all()
    outside = np.linalg.svd(a.astype(np.float64), compute_uv=False)  # the reference: NumPy in float64
    np.testing.assert_allclose(s, outside, rtol=0, atol=TOLERANCE[a.dtype] * norm(a))
    np.testing.assert_allclose(singular_values(a), outside, rtol=0, atol=TOLERANCE[a.dtype] * norm(a))


@given(of_known_rank())
def test_a_matrix_of_rank_r_is_whole_at_rank_r_and_not_before(known):
    a, r = known
    svd = exact_svd(a)
    assert residual(a, svd.reconstruct(r)) < 1e-12
    assert residual(a, svd.reconstruct(r - 1)) > 0.09  # its smallest singular value is 0.1, or 1 at r = 1


@given(matrices(kinds=["flat"]))
def test_on_a_flat_spectrum_every_component_counts_the_same(a):
    svd = exact_svd(a)
    r = svd.full_rank
    expected = np.sqrt(1 - np.arange(r + 1) / r)
    np.testing.assert_allclose(spectrum.relative_error(svd), expected, atol=1e-3 if a.dtype == np.float32 else 1e-7)


# --- Eckart and Young: nothing of rank k is closer


@given(matrices(), st.data(), seeds)
def test_no_random_matrix_of_rank_k_is_closer(a, data, seed):
    svd = exact_svd(a)
    k = data.draw(st.integers(0, svd.rank))
    rng = np.random.default_rng(seed)
    rival = rng.standard_normal((a.shape[0], k)) @ rng.standard_normal((k, a.shape[1])) * norm(a)
    assert residual(a, svd.reconstruct(k)) <= residual(a, rival) + TOLERANCE[a.dtype] * norm(a)


@given(matrices(), st.data(), st.sampled_from([1e-1, 1e-3, 1e-5]), seeds)
def test_no_neighbour_of_the_optimum_is_closer(a, data, size, seed):
    svd = exact_svd(a)
    k = data.draw(st.integers(1, svd.rank))
    rng = np.random.default_rng(seed)
    left = svd.U[:, :k] + size * rng.standard_normal((a.shape[0], k))
    right = svd.s[:k, None] * (svd.Vt[:k] + size * rng.standard_normal((k, a.shape[1])))
    assert residual(a, svd.reconstruct(k)) <= residual(a, left @ right) + TOLERANCE[a.dtype] * norm(a)


@given(matrices(), st.data(), seeds)
def test_no_column_space_of_dimension_k_holds_more_than_the_best_one(a, data, seed):
    svd = exact_svd(a)
    k = data.draw(st.integers(1, svd.rank))
    Q = orthonormal(np.random.default_rng(seed), a.shape[0], k)
    best, slack = residual(a, svd.reconstruct(k)), TOLERANCE[a.dtype] * norm(a)
    assert best <= residual(a, Q @ (Q.T @ a)) + slack
    assert best == pytest.approx(residual(a, svd.U[:, :k] @ (svd.U[:, :k].T @ a)), abs=slack)  # the best one itself


@given(matrices(), st.data())
def test_the_spectral_error_of_rank_k_is_the_next_singular_value(a, data):
    svd = exact_svd(a)
    k = data.draw(st.integers(0, svd.rank - 1))
    error = np.linalg.norm(a.astype(np.float64) - svd.reconstruct(k), 2)
    assert error == pytest.approx(svd.s[k], rel=0, abs=TOLERANCE[a.dtype] * norm(a))


# --- the error at every rank, from the singular values alone


@given(matrices())
def test_the_spectrum_tells_the_error_at_every_rank(a):
    svd = exact_svd(a)
    told = np.sqrt(spectrum.squared_error(svd))
    for k in range(svd.rank + 1):
        assert told[k] == pytest.approx(residual(a, svd.reconstruct(k)), rel=0, abs=TOLERANCE[a.dtype] * norm(a))


@given(matrices(kinds=["low rank", "decaying", "gaussian"]), st.data())
def test_the_spectrum_of_truncated_factors_tells_the_error_too(a, data):
    whole = exact_svd(a)
    svd = whole.truncate(data.draw(st.integers(1, whole.rank)))
    told = np.sqrt(spectrum.squared_error(svd))
    assert told.shape == (svd.rank + 1,)
    for k in range(svd.rank + 1):
        assert told[k] == pytest.approx(residual(a, svd.reconstruct(k)), rel=0, abs=TOLERANCE[a.dtype] * norm(a))


def test_without_its_rest_the_error_is_only_good_to_the_square_root_of_rounding():
    # The limit of the property above: total - sum(s**2) cancels, so what is left out must be carried along.
    a = (gaussian(1, 60, 3, seed=4) @ gaussian(1, 3, 50, seed=1)).astype(np.float32)
    whole = exact_svd(a)
    kept = whole.truncate(3)
    bare = SVD(kept.U, kept.s, kept.Vt, kept.total)
    measured = residual(a, kept.reconstruct())
    assert abs(float(np.sqrt(kept.rest[0])) - measured) < 1e-6 * norm(a)
    error = abs(float(np.sqrt(bare.rest[0])) - measured)
    assert 1e-5 * norm(a) < error < 3 * np.sqrt(np.finfo(np.float32).eps) * norm(a)


@given(matrices(), st.data())
def test_the_rest_is_never_negative_and_grows_by_exactly_what_is_cut(a, data):
    svd = exact_svd(a)
    k = data.draw(st.integers(0, svd.rank))
    assert svd.rest == 0
    assert svd.truncate(k).rest == pytest.approx(float(np.square(svd.s[k:], dtype=np.float64).sum()), rel=1e-12)
    assert svd.truncate(k).total == svd.total


@given(matrices())
def test_the_total_is_the_squared_norm_in_float64(a):
    total = exact_svd(a).total
    assert total.dtype == np.float64
    assert total == pytest.approx(norm(a) ** 2, rel=1e-12)


# --- stacks


@given(stacks())
def test_a_stack_is_its_matrices_one_by_one(a):
    svd = exact_svd(a)
    assert svd.shape == a.shape
    for i in np.ndindex(*a.shape[:-2]):
        alone = exact_svd(a[i])
        for name in ("U", "s", "Vt", "total", "rest"):
            np.testing.assert_array_equal(getattr(svd, name)[i], getattr(alone, name))
        np.testing.assert_array_equal(singular_values(a)[i], singular_values(a[i]))


@given(stacks(), st.data())
def test_a_truncated_stack_is_its_truncated_matrices(a, data):
    svd = exact_svd(a)
    k = data.draw(st.integers(0, svd.rank))
    slack = TOLERANCE[a.dtype] * norm(a)
    for i in np.ndindex(*a.shape[:-2]):
        alone = exact_svd(a[i])
        np.testing.assert_allclose(svd.reconstruct(k)[i], alone.reconstruct(k), rtol=0, atol=slack)
        np.testing.assert_array_equal(svd.truncate(k).rest[i], alone.truncate(k).rest)
        if k:
            np.testing.assert_array_equal(svd.layer(k)[i], alone.layer(k))


def test_a_color_picture_is_a_stack_and_not_its_last_two_axes_by_accident():
    svd = exact_svd(gaussian(3, 6, 4))
    assert (svd.U.shape, svd.s.shape, svd.Vt.shape) == ((3, 6, 4), (3, 4), (3, 4, 4))
    assert (svd.total.shape, svd.rest.shape, svd.rank, svd.full_rank) == ((3,), (3,), 4, 4)


# --- signs, memory, precision


@given(matrices(stacks=[(), (2,)]))
def test_the_largest_entry_of_every_left_vector_is_positive(a):
    U = exact_svd(a).U
    assert (np.take_along_axis(U, np.abs(U).argmax(-2, keepdims=True), -2) > 0).all()


@given(matrices(stacks=[(), (2,)]), seeds)
def test_fixing_signs_undoes_any_flip_and_keeps_the_product(a, seed):
    svd = exact_svd(a)
    flip = np.random.default_rng(seed).choice([-1, 1], svd.s.shape).astype(a.dtype)
    U, Vt = fixed_signs(svd.U * flip[..., None, :], svd.Vt * flip[..., None])
    np.testing.assert_array_equal(U, svd.U)
    np.testing.assert_array_equal(Vt, svd.Vt)


def test_the_negated_matrix_has_the_same_left_vectors_and_negated_right_ones():
    a = gaussian(20, 13)
    svd, negated = exact_svd(a), exact_svd(-a)
    np.testing.assert_allclose(negated.U, svd.U, atol=1e-12)
    np.testing.assert_allclose(negated.Vt, -svd.Vt, atol=1e-12)
    np.testing.assert_allclose(negated.s, svd.s, atol=1e-12)


def test_permuted_rows_permute_the_left_vectors_and_nothing_else():
    a, order = gaussian(20, 13), np.random.default_rng(5).permutation(20)
    svd, permuted = exact_svd(a), exact_svd(a[order])
    np.testing.assert_allclose(permuted.U, svd.U[order], atol=1e-12)
    np.testing.assert_allclose(permuted.Vt, svd.Vt, atol=1e-12)


def test_memory_order_changes_no_bit():
    a = gaussian(17, 23)
    svd = exact_svd(a)
    wide = np.empty((17, 46))
    wide[:, ::2] = a
    for other in (np.asfortranarray(a), wide[:, ::2], a.tolist()):
        np.testing.assert_array_equal(exact_svd(other).U, svd.U)
        np.testing.assert_array_equal(exact_svd(other).Vt, svd.Vt)


def test_factors_are_read_only():
    svd = exact_svd(gaussian(4, 3))
    for value in (svd, svd.truncate(2)):
        for name in ("U", "s", "Vt", "total", "rest"):
            assert not getattr(value, name).flags.writeable
    with pytest.raises(ValueError, match="read-only"):
        svd.U[0, 0] = 1
    with pytest.raises(dataclasses.FrozenInstanceError):
        svd.s = np.zeros(3)


def test_the_callers_own_arrays_stay_writable():
    a = gaussian(4, 3)
    exact_svd(a)
    U, s, Vt = (np.array(x) for x in np.linalg.svd(a, full_matrices=False))
    SVD(U, s, Vt, np.square(a).sum())
    a[0, 0] = U[0, 0] = s[0] = Vt[0, 0] = 1


@given(matrices(), st.data())
def test_precision_is_kept(a, data):
    svd = exact_svd(a)
    k = data.draw(st.integers(1, svd.rank))
    for value in (svd.U, svd.s, svd.Vt, svd.truncate(k).U, svd.reconstruct(k), svd.layer(k), singular_values(a)):
        assert value.dtype == a.dtype


@pytest.mark.parametrize("dtype", [np.int64, np.uint8, np.bool_, np.float16, np.longdouble, ">f8"])
def test_other_real_types_become_float64(dtype):
    svd = exact_svd(np.eye(3).astype(dtype))
    assert svd.U.dtype == svd.s.dtype == svd.Vt.dtype == np.float64
    np.testing.assert_array_equal(svd.reconstruct(), np.eye(3))


def test_unsigned_bytes_do_not_wrap_around():
    a = np.full((9, 9), 255, np.uint8)
    assert exact_svd(a).total == 255**2 * 81
    assert exact_svd(a).s[0] == pytest.approx(255 * 9)


# --- rank k of it


@given(matrices(stacks=[(), (2,)]), st.data())
def test_truncating_then_multiplying_out_is_multiplying_out_k_components(a, data):
    svd = exact_svd(a)
    k = data.draw(st.integers(0, svd.rank))
    truncated = svd.truncate(k)
    assert (truncated.rank, truncated.shape, truncated.full_rank) == (k, a.shape, svd.full_rank)
    np.testing.assert_array_equal(truncated.reconstruct(), svd.reconstruct(k))


@given(matrices(stacks=[(), (2,)]), st.data())
def test_truncating_twice_is_truncating_once(a, data):
    svd = exact_svd(a)
    j = data.draw(st.integers(0, svd.rank))
    k = data.draw(st.integers(0, j))
    twice, once = svd.truncate(j).truncate(k), svd.truncate(k)
    for name in ("U", "s", "Vt", "total"):
        np.testing.assert_array_equal(getattr(twice, name), getattr(once, name))
    np.testing.assert_allclose(twice.rest, once.rest, rtol=1e-12, atol=0)


@given(matrices(stacks=[(), (2,)]), st.data())
def test_layers_add_up_to_the_reconstruction(a, data):
    svd = exact_svd(a)
    k = data.draw(st.integers(1, svd.rank))
    layers = sum(svd.layer(i).astype(np.float64) for i in range(1, k + 1))
    assert residual(layers, svd.reconstruct(k)) <= TOLERANCE[a.dtype] * norm(a)


def test_rank_zero_is_black():
    svd = exact_svd(gaussian(2, 5, 4)).truncate(0)
    np.testing.assert_array_equal(svd.reconstruct(), np.zeros((2, 5, 4)))
    np.testing.assert_allclose(svd.rest, svd.total, rtol=1e-12)


# --- what is refused


@pytest.mark.parametrize("k", [-1, 4, 10**9, 2.5, 2.0, "3", None, [1], np.array([1, 2])])
def test_a_rank_that_is_not_there_is_refused(k):
    svd = exact_svd(gaussian(5, 3))
    with pytest.raises(RankError, match=r"0 to 3"):
        svd.truncate(k)
    with pytest.raises(RankError, match=r"1 to 3"):
        svd.layer(k)
    if k is not None:
        with pytest.raises(RankError, match=r"0 to 3"):
            svd.reconstruct(k)


def test_there_is_no_layer_zero():
    with pytest.raises(RankError, match="Rank 0"):
        exact_svd(np.eye(3)).layer(0)


def test_truncated_factors_give_no_higher_rank_than_they_hold():
    with pytest.raises(RankError, match="0 to 2"):
        exact_svd(np.eye(3)).truncate(2).reconstruct(3)


@pytest.mark.parametrize("k", [2, np.int64(2), np.uint8(2), np.array(2)])
def test_whole_numbers_of_any_kind_are_ranks(k):
    rank = checked_rank(k, 3)
    assert rank == 2
    assert type(rank) is int


NO_MATRIX = {
    "NaN": np.array([[1.0, np.nan]]),
    "infinite": np.array([[1.0, np.inf]]),
    "minus infinite": np.array([[1.0, -np.inf]], np.float32),
    "no rows": np.ones((0, 5)),
    "no columns": np.ones((5, 0)),
    "no matrices": np.ones((0, 3, 3)),
    "complex": np.eye(2) * 1j,
    "objects": np.array([[1, None]], object),
    "text": [["1", "2"]],
    "times": np.zeros((2, 2), "M8[s]"),
    "squares overflow": np.full((3, 3), 1e200),
    "sum of squares overflows": np.full((3, 3), 1e154),
    "one matrix of a stack": np.array([np.eye(2), np.full((2, 2), np.nan)]),
}


@pytest.mark.parametrize("a", NO_MATRIX.values(), ids=NO_MATRIX)
def test_what_is_no_finite_real_matrix_is_a_tensor_error(a):
    for door in (as_matrices, exact_svd, singular_values):
        with pytest.raises(TensorError) as refused:
            door(a)
        assert issubclass(refused.type, LowrankError)
        assert str(refused.value)[-1] == "."  # a sentence


@pytest.mark.parametrize(
    ("name", "says"),
    [("NaN", "NaN or infinite"), ("minus infinite", "NaN or infinite"), ("no rows", "empty"), ("complex", "complex")],
)
def test_the_refusal_says_what_is_wrong(name, says):
    with pytest.raises(TensorError, match=says):
        as_matrices(NO_MATRIX[name])


@pytest.mark.parametrize("a", [3.0, [1.0, 2.0], np.ones(4, np.float32)])
def test_less_than_two_axes_is_a_programmers_mistake(a):
    with pytest.raises(ValueError, match="matrix"):
        exact_svd(a)


@pytest.mark.parametrize("scale", [1e-30, 1e30])
def test_far_scales_whose_squares_still_fit_are_no_trouble(scale):
    a = gaussian(6, 5).astype(np.float32) * np.float32(scale)
    svd = exact_svd(a)
    assert residual(a / scale, svd.reconstruct() / scale) < 1e-5 * norm(a / scale)
    assert spectrum.energy(svd)[-1] == 1


def test_float32_whose_singular_values_overflow_is_refused():
    with pytest.raises(TensorError):
        exact_svd(np.full((4, 4), 3e38, np.float32))


U, S, VT = np.ones((2, 5, 3)), np.ones((2, 3)), np.ones((2, 3, 4))


@pytest.mark.parametrize(
    "factors",
    [(U, S[:, :2], VT), (U, S, VT[:, :2]), (U[0], S, VT), (U, S, VT[0]), (U, S[0], VT), (U[0, 0], S[0], VT[0])],
)
def test_factors_that_do_not_fit_together_are_a_programmers_mistake(factors):
    with pytest.raises(ValueError, match="fit together"):
        SVD(*factors, np.ones(2))


def test_factors_without_a_rest_know_it_from_the_total():
    # 25 = 3**2 + 4**2, of which rank 1 holds 16; never below zero, and nothing is left at full rank.
    U, s, Vt = np.eye(3)[None, :, :1], np.array([[4.0]]), np.eye(3)[None, :1]
    assert SVD(U, s, Vt, 25.0).rest == 9
    assert SVD(U, s, Vt, 15.999).rest == 0
    assert SVD(np.eye(3), np.ones(3), np.eye(3), 25.0).rest == 0
    assert SVD(U, s, Vt, 25.0, 7.0).rest == 7


def test_truncated_factors_of_a_single_matrix_can_be_built_without_a_rest():
    svd = SVD(np.eye(3)[:, :1], np.array([4.0]), np.eye(3)[:1], np.array(25.0))
    assert svd.rest == 9
    assert svd.rest.shape == ()


def test_the_squared_norm_of_float32_is_summed_in_float64():
    a = np.full((1000, 1000), 1.1, np.float32)
    assert squared_norm(a) == pytest.approx(float(np.float32(1.1)) ** 2 * 1e6, rel=1e-12)


@pytest.mark.parametrize("shape", [(5, 7), (300, 1000), (3, 400, 500), (2, 3, 40, 50), (4000, 9, 8), (2, 600, 1)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_squared_norm_is_the_same_in_pieces_and_layouts(shape, dtype):
    a = gaussian(*shape).astype(dtype)
    found = squared_norm(a)
    np.testing.assert_allclose(found, np.square(a, dtype=np.float64).sum((-2, -1)), rtol=1e-12)
    np.testing.assert_array_equal(squared_norm(np.swapaxes(a, -1, -2)), found)
    first = (0,) * (len(shape) - 2)
    assert squared_norm(a[first]) == found[first]
