"""The subspace methods: as near to the best as they say, on any matrix, the same every time."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import skimage.data
from hypothesis import given, settings
from hypothesis import strategies as st
from sound import assert_sound, excess, of_spectrum, same_bits
from strategies import orthonormal
from threadpoolctl import threadpool_limits

from lowrank import rangefinder, read_image, sketch, to_planes
from lowrank.decompose import TOLERANCES, truncated_svd
from lowrank.pace import BLOCK, Pace
from lowrank.products import well_laid
from lowrank.rangefinder import RangeTooLargeError
from lowrank.ritz import Ritz
from lowrank.sketch import _leading_in_float32, gram_svd, sketched_svd
from lowrank.svd import exact_svd

SAMPLES = Path(__file__).parents[1] / "sample_images"
EPS32 = float(np.finfo(np.float32).eps)


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """As the app runs: these matrices are small, and threads that wait for a busy core make it slow."""
    with threadpool_limits(1):
        yield


def gray(name, rows=slice(None), columns=slice(None)):
    image = getattr(skimage.data, name)()
    image = image[0] if isinstance(image, tuple) else image
    return to_planes(np.asarray(image, np.float32) / 255)[0][rows, columns]


def photo(name):
    return to_planes(read_image(next(SAMPLES.glob(f"{name}.*")), gray=True))[0]


PICTURES = {
    **{name: lambda name=name: photo(name) for name in ("portrait", "coffee", "rocket", "page", "gravel", "dusk")},
    **{name: lambda name=name: gray(name) for name in ("stereo_motorcycle", "brick")},
    "hubble": lambda: gray("hubble_deep_field", slice(640), slice(700)),
    "retina": lambda: gray("retina", slice(300, 900), slice(300, 1100)),
}


# -- as near to the best as they say -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PICTURES)
@pytest.mark.parametrize("tol", TOLERANCES.values())
def test_pictures_are_within_the_estimate_and_the_estimate_within_the_tolerance(name, tol):
    a = PICTURES[name]()
    k = min(a.shape) // 6
    svd = truncated_svd(a, k, tol=tol, method="krylov")
    assert 0 <= svd.excess <= tol
    assert excess(a, svd, (1, k // 4, k // 2, k)) <= svd.excess + 1e-6
    assert_sound(a, svd, k)


@settings(max_examples=12)
@given(
    st.sampled_from([0.3, 0.5, 0.7, 1.0, 2.0, 3.0]),
    st.sampled_from([np.float32, np.float64]),
    st.sampled_from([(320, 240), (240, 320), (280, 280)]),
    st.integers(1, 40),
    st.booleans(),
    st.integers(0, 9),
)
def test_power_laws_are_within_the_estimate(power, dtype, shape, k, krylov, seed):
    a = of_spectrum(np.arange(1.0, 241) ** -power, *shape, dtype, seed)
    try:
        svd = sketched_svd(a, k, tol=1e-3, krylov=krylov, seed=seed)
    except RangeTooLargeError:
        svd = truncated_svd(a, k, method="krylov" if krylov else "subspace")
        assert svd.excess == 0
    assert excess(a, svd, (1, k)) <= svd.excess + 1e-6
    assert svd.excess <= 1e-3
    assert_sound(a, svd, k)


@pytest.mark.parametrize("method", ["krylov", "subspace", "gram"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("rank", [1, 2, 7, 50])
def test_a_matrix_of_rank_k_is_found_whole(rank, dtype, method):
    a = of_spectrum(np.geomspace(1, 0.1, rank), 300, 420, dtype)
    for k in (rank, rank + 10):
        svd = truncated_svd(a, k, method=method)
        np.testing.assert_allclose(svd.reconstruct(), a, atol=50 * np.finfo(dtype).eps)
        assert_sound(a, svd, k)


@pytest.mark.parametrize("k", [20, 40, 60])
@pytest.mark.parametrize("tol", TOLERANCES.values())
@pytest.mark.parametrize("name", ["stereo_motorcycle", "retina", "hubble"])
def test_a_range_is_looked_at_when_it_is_good_enough(name, tol, k, monkeypatch):
    """A look is a decomposition, and may take longer than a block: as a rule there is one, and no block too many."""
    looks = []

    class Watched(Ritz):
        def look(self, gram, new):
            super().look(gram, new)
            looks.append((len(gram), self.excess))

    monkeypatch.setattr(rangefinder, "Ritz", Watched)
    a = PICTURES[name]()
    sketched_svd(a, k, tol=tol)
    planned = looks.copy()
    looks.clear()
    monkeypatch.setattr(Watched, "turns_left", 1)
    monkeypatch.setattr(Pace, "worth_a_look", lambda self, size: size >= k)
    sketched_svd(a, k, tol=tol)
    needed = looks[-1][0]
    assert len(planned) <= 2
    assert planned[-1][0] <= max(needed, k + 2 * BLOCK) + BLOCK


def test_where_the_plain_sketch_fails_ours_does_not():
    """Halko, Martinsson and Tropp 2011, section 4.5: without power iterations a slow decay leaks into the range."""
    a, k = of_spectrum(np.arange(1.0, 501) ** -0.6, 500, 600), 40
    rng = np.random.default_rng(0)
    Q = np.linalg.qr(a @ rng.standard_normal((600, k + 10)))[0]
    U, s, Vt = np.linalg.svd(Q.T @ a, full_matrices=False)
    best = np.linalg.norm(np.arange(k + 1.0, 501) ** -0.6)
    plain = np.linalg.norm(a - (Q @ U[:, :k] * s[:k]) @ Vt[:k]) / best - 1
    assert plain > 0.05
    for krylov in (True, False):
        assert excess(a, sketched_svd(a, k, krylov=krylov), [k]) <= 1e-3


def test_the_excess_is_largest_at_the_highest_rank():
    a = PICTURES["hubble"]()
    svd = sketched_svd(a, 100, tol=1e-2)
    assert excess(a, svd, [20]) <= excess(a, svd, [60]) <= excess(a, svd, [100])


def test_display_exact_differs_by_one_level_at_most():
    a = PICTURES["retina"]()
    svd, exact = truncated_svd(a, 150, tol=TOLERANCES["display-exact"], method="krylov"), exact_svd(a)
    for k in (20, 80, 150):
        one, other = (np.rint(np.clip(x.reconstruct(k), 0, 1) * 255) for x in (svd, exact))
        assert np.abs(one - other).max() <= 1


# -- on any matrix -----------------------------------------------------------------------------------------------------

M, N = 400, 500
RNG = np.random.default_rng(0)
HARSH = {
    "zero": np.zeros((M, N)),
    "constant": np.full((M, N), 0.7),
    "two colours": np.where(np.arange(N) < 99, 0.2, 0.9) * np.ones((M, 1)),
    "checkerboard": np.indices((M, N)).sum(0) % 2 * 1.0,
    "stripes of the bands' width": 0.5 + 0.5 * np.cos(2 * np.pi * np.arange(N) / 5) * RNG.random((M, 1)),
    "identity": np.eye(M, N),
    "permutation": np.eye(M)[RNG.permutation(M)],
    "diagonal with a plateau": np.diag(np.r_[np.ones(150), 0.9 ** np.arange(M - 150.0)]),
    "orthogonal": orthonormal(RNG, N, M).T,
    "noise": RNG.random((M, N)),
    "one bright pixel": np.pad([[1.0]], ((7, M - 8), (9, N - 10))),
    "one line": np.eye(M, 1, -5) * np.ones(N),
    "step": np.tri(M, N),
    "rank one": np.outer(RNG.random(M), RNG.random(N)),
    "8 bit": RNG.integers(0, 2, (M, N)) * 1.0,
}


@pytest.mark.parametrize("name", HARSH)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("method", ["auto", "krylov", "subspace", "gram"])
def test_harsh_matrices(name, dtype, method):
    a = HARSH[name].astype(dtype)
    for k in (1, 30, 100):
        svd = truncated_svd(a, k, method=method)
        assert svd.excess <= 1e-3
        assert excess(a, svd, [k]) <= svd.excess + 1e-4
        assert_sound(a, svd, k)


def test_repeated_singular_values_beyond_a_block_are_not_missed(monkeypatch):
    """A Krylov range holds as many copies of a singular value as its first block has columns, 48: it has to look."""
    a = of_spectrum(np.r_[np.ones(60), np.geomspace(0.5, 1e-4, 540)], 600, 700)
    assert excess(a, sketched_svd(a, 80), [60, 80]) <= 1e-3
    monkeypatch.setattr(rangefinder, "_missed_directions", lambda a, Q, *rest: Q[:, :0])
    assert excess(a, sketched_svd(a, 80), [60]) > 0.1


SPECTRA = {  # repeated values that are found one by one, and a first one that drowns the others where it is squared
    "60 times 1": (np.r_[np.ones(60), 0.9 * np.arange(1, 541.0) ** -0.5], 600, 700, 60, np.float32),
    "60 times 1, float64": (np.r_[np.ones(60), 0.9 * np.arange(1, 541.0) ** -0.5], 600, 700, 90, np.float64),
    "60 times 1/i": (np.repeat(1 / np.arange(1, 11.0), 60), 600, 700, 80, np.float32),
    "1000, then 1/i": (np.r_[1e3, 1 / np.arange(1, 300.0)], 300, 420, 50, np.float32),
    "a million, then 1/i": (np.r_[1e6, 1 / np.arange(1, 300.0)], 300, 420, 50, np.float64),
    "a million, then slowly": (np.r_[1e6, np.arange(1, 300.0) ** -0.6], 300, 420, 30, np.float64),
    "slowly": (np.arange(1, 301.0) ** -0.3, 300, 420, 90, np.float64),
}


@pytest.mark.parametrize("method", ["krylov", "subspace"])
@pytest.mark.parametrize("name", SPECTRA)
def test_spectra_that_lead_astray(name, method):
    s, m, n, k, dtype = SPECTRA[name]
    a = of_spectrum(s, m, n, dtype=dtype)
    svd = truncated_svd(a, k, method=method)
    assert_sound(a, svd, k)
    assert svd.excess <= 1e-3
    assert excess(a, svd, (1, k // 2, k)) <= 1e-3  # the estimate may be less: it knows of no copies to come


def test_a_block_that_was_cleared_of_too_little_is_cleared_again():
    """Y is mostly of the basis; cleared first of another column of it, it takes a third time to be free of rounding."""
    rng = np.random.default_rng(0)
    Q = orthonormal(rng, 200, 40).astype(np.float32)
    new = orthonormal(rng, 200, 5)
    Y = (3 * Q[:, :5] + new).astype(np.float32)
    X = rangefinder.orthonormal(Y, 1e-6, Q, first=[Q[:, -1:]])
    assert X.shape == (200, 5)
    assert np.abs(Q.T @ X).max() < 1e-6
    np.testing.assert_allclose(X.T @ X, np.eye(5), atol=1e-6)


@pytest.mark.parametrize("scale", [1e-30, 1e-15, 1e15, 1e30])
def test_the_scale_does_not_matter(scale):
    a = PICTURES["portrait"]()
    plain, scaled = (truncated_svd(x, 40, method="krylov") for x in (a, a * np.float32(scale)))
    np.testing.assert_allclose(scaled.s, plain.s * np.float32(scale), rtol=1e-4)
    assert float(scaled.rest) == pytest.approx(float(plain.rest) * scale**2, rel=1e-3)


@pytest.mark.parametrize("shape", [(20000, 50), (50, 20000), (1, 300), (300, 1), (3000, 200)])
def test_long_ones(shape):
    a = np.random.default_rng(0).random(shape).astype(np.float32)
    for k in {1, min(5, min(shape)), min(shape)}:
        svd = truncated_svd(a, k)
        assert_sound(a, svd, k)
        assert excess(a, svd, [k]) <= 1e-3


def test_noise_ends_exact():
    a = np.random.default_rng(0).random((700, 700)).astype(np.float32)
    with pytest.raises(RangeTooLargeError):
        sketched_svd(a, 200)
    assert truncated_svd(a, 200, method="krylov").excess == 0


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_gram_matrix_finds_what_lapack_finds(dtype):
    a = PICTURES["portrait"]().astype(dtype)
    gram, exact = gram_svd(a, 200), exact_svd(a).truncate(200)
    np.testing.assert_allclose(gram.s, exact.s, rtol=1e-5 if dtype == np.float32 else 1e-11)
    assert_sound(a, gram, 200)
    assert excess(a, gram, [50, 200]) <= 1e-6


@pytest.mark.parametrize("first", [1, 90, 1000])
@pytest.mark.parametrize("shape", [(200, 300), (300, 200)])
def test_a_flat_spectrum_is_as_good_in_float32(shape, first):
    """And where it is not flat enough for that, float64 is still there."""
    rng = np.random.default_rng(0)
    U, V = (np.linalg.qr(rng.standard_normal((side, 200)))[0] for side in shape)
    a = ((U * [first, *np.linspace(1.5, 1, 199)]) @ V.T).astype(np.float32)
    svd = gram_svd(a, 60, flat=True)
    assert_sound(a, svd, 60)
    assert excess(a, svd, [1, 30, 60]) <= 1e-5
    rough = _leading_in_float32(a if shape[0] == 200 else a.T, 60, float(np.square(a, dtype=np.float64).sum()))
    assert (rough is None) == (first == 1000)


@pytest.mark.parametrize("shape", [(40, 500), (500, 40)])
@pytest.mark.parametrize("steep", [1, 1e-4])
def test_all_of_a_long_matrix_is_as_lapack_has_it(shape, steep):
    a = of_spectrum(np.geomspace(1, steep, 40), *shape).astype(np.float32)
    svd = truncated_svd(a)
    assert svd.rank == 40
    np.testing.assert_allclose(svd.s, exact_svd(a).s, rtol=1e-4, atol=1e-6)
    assert_sound(a, svd, 40)
    np.testing.assert_allclose(svd.reconstruct(), a, rtol=0, atol=3e-7)


def test_what_the_gram_matrix_cannot_resolve_is_left_to_lapack():
    a = of_spectrum(np.geomspace(1, 1e-12, 60), 80, 90)
    np.testing.assert_allclose(truncated_svd(a, 50, method="gram").s, np.geomspace(1, 1e-12, 60)[:50], rtol=1e-3)


# -- the same every time -----------------------------------------------------------------------------------------------


def test_the_seed_decides():
    a = PICTURES["stereo_motorcycle"]()
    same_bits(sketched_svd(a, 50, seed=1), sketched_svd(a.copy(), 50, seed=1))
    assert not np.array_equal(sketched_svd(a, 50, seed=1).U, sketched_svd(a, 50, seed=2).U)


def test_a_transposed_picture_gives_transposed_factors():
    a = PICTURES["stereo_motorcycle"]()
    svd, turned = truncated_svd(a, 60), truncated_svd(a.T, 60)
    np.testing.assert_allclose(svd.s, turned.s, rtol=1e-5)
    np.testing.assert_allclose(svd.reconstruct(), turned.reconstruct().T, atol=1e-5)


def test_any_memory_layout_gives_the_same_picture():
    a = PICTURES["stereo_motorcycle"]()
    planes = np.stack([a, a, a], -1)  # pixels interleaved
    best = sketched_svd(a, 40).reconstruct()
    for other in (np.asfortranarray(a), planes[..., 1]):
        np.testing.assert_allclose(sketched_svd(other, 40).reconstruct(), best, atol=2e-3)


LAYOUTS = {
    "rows": lambda a: a,
    "columns": np.asfortranarray,
    "tall": lambda a: np.ascontiguousarray(a.T).T,
    "interleaved": lambda a: np.stack([a, a, a], -1)[..., 1],
    "upside down": lambda a: a[::-1].copy()[::-1],
    "all rows equal": lambda a: np.broadcast_to(a[0], a.shape),
    "overlapping rows": lambda a: np.lib.stride_tricks.sliding_window_view(a.ravel()[: sum(a.shape) - 1], a.shape[1]),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_neighbours_in_a_large_matrix_are_an_odd_number_of_cache_lines_apart(layout):
    a = LAYOUTS[layout](np.arange(1056 * 1120, dtype=np.float32).reshape(1056, 1120))
    well = well_laid(a)
    apart, step = sorted(well.strides)[::-1]
    assert (apart % 128, step) == (64, 4)
    np.testing.assert_array_equal(well, a)
    assert well_laid(well) is well


def test_matrices_that_are_well_laid_or_small_are_not_copied():
    a = np.ones((1056, 1120), np.float32)
    for same in (a[:, :-1].copy(), a[:512], a[:512].T):
        assert well_laid(same) is same


def test_eight_threads_at_once_change_no_bit():
    pictures = [np.roll(PICTURES["portrait"](), 7 * i, 1) for i in range(8)]
    serial = [sketched_svd(a, 50) for a in pictures]
    with ThreadPoolExecutor(8) as pool:
        for one, other in zip(serial, pool.map(lambda a: sketched_svd(a, 50), pictures), strict=True):
            same_bits(one, other)


def test_planes_of_a_stack_are_decomposed_one_by_one():
    planes = np.stack([PICTURES["portrait"](), PICTURES["gravel"]()[:512, :512]])[:, None]
    svd = truncated_svd(planes, 40, method="krylov")
    alone = [truncated_svd(plane[0], 40, method="krylov") for plane in planes]
    assert svd.U.shape == (2, 1, 512, 40)
    assert svd.excess == max(one.excess for one in alone)
    for i, one in enumerate(alone):
        np.testing.assert_array_equal(svd.U[i, 0], one.U)
    assert svd.truncate(10).excess == svd.excess


# -- progress ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["auto", "exact", "gram", "krylov", "subspace"])
def test_progress_rises_to_one(method):
    shares = []
    truncated_svd(np.stack([PICTURES["portrait"]()] * 2), 40, method=method, progress=shares.append)
    assert shares == sorted(shares)
    assert shares[-1] == 1
    assert any(share < 1 for share in shares)


class CancelledError(Exception):
    pass


@pytest.mark.parametrize("method", ["auto", "exact", "gram", "krylov", "subspace"])
def test_progress_may_cancel(method):
    def cancel(share):
        if share > 0.4:
            raise CancelledError

    with pytest.raises(CancelledError):
        truncated_svd(np.stack([PICTURES["portrait"]()] * 2), 40, method=method, progress=cancel)


def test_the_tolerance_must_be_positive():
    for tol in (0, -1, np.nan):
        with pytest.raises(ValueError, match="tol"):
            truncated_svd(np.eye(3), 1, tol=tol)


def test_auto_uses_each_method_where_it_is_fastest(monkeypatch):
    a = PICTURES["hubble"]()
    assert truncated_svd(a, 50).excess > 0  # Krylov
    monkeypatch.setattr(sketch, "find_range", None)
    assert truncated_svd(a, 500).excess == 0
    assert truncated_svd(a[:, :60], 30).excess == 0
