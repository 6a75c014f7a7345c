"""From the matrix to the last number: every odd array has a defined value everywhere, or ends in one clear error."""

import math
from dataclasses import fields

import numpy as np
import pytest
from odd_arrays import MATRICES, REFUSED

from lowrank import metrics, spectrum
from lowrank.color import from_planes, to_planes
from lowrank.curves import error_curve
from lowrank.decompose import METHODS, truncated_svd
from lowrank.distortion import measured_psnr
from lowrank.errors import LowrankError, RankError
from lowrank.ranks import RULES, choose_rank
from lowrank.svd import exact_svd

matrices = pytest.mark.parametrize("name", MATRICES)


def scaled(name):
    """The matrix as a picture: its values brought into [0, 1], in float64."""
    a = MATRICES[name][0].astype(float)
    low, high = a.min(), a.max()
    return np.clip((a - low) / (high - low), 0, 1) if high > low else np.clip(a, 0, 1)


def test_there_are_enough_of_them():
    assert len(MATRICES) >= 50
    assert len(MATRICES) + len(REFUSED) >= 60


@matrices
@pytest.mark.parametrize("method", ["auto", *METHODS])
def test_every_odd_matrix_is_decomposed(name, method):
    a = MATRICES[name][0]
    svd = truncated_svd(a, method=method)
    exact = np.linalg.svd(np.asarray(a, np.float32 if a.dtype == np.float32 else float), compute_uv=False)
    eps = np.finfo(svd.s.dtype).eps
    for part in (svd.U, svd.s, svd.Vt, svd.total, svd.rest):
        assert np.isfinite(part).all()
    assert (svd.s >= 0).all()
    assert (np.diff(svd.s) <= 0).all()
    top = float(exact[0])
    loss = 1e-6 if method == "gram" else 1e-10  # its small values are square roots
    np.testing.assert_allclose(svd.s, exact, rtol=0, atol=max(loss, 200 * eps) * top)
    np.testing.assert_allclose(svd.reconstruct(), a.astype(float), rtol=0, atol=max(loss, 2000 * eps) * top)


#: Of these, a float64 does not hold the digits that would tell the rank.
BEYOND = {"Hilbert, ill-conditioned", "graded over 30 decades", "huge and tiny"}


@pytest.mark.parametrize("name", [name for name in MATRICES if name not in BEYOND])
def test_its_rank_is_found(name):
    a, rank = MATRICES[name]
    s = exact_svd(a).s
    assert int((s > s[0] * max(a.shape) * np.finfo(s.dtype).eps).sum()) == rank


@matrices
def test_the_ranks_at_the_ends(name):
    a = MATRICES[name][0]
    highest = min(a.shape)
    nothing, all_of_it = truncated_svd(a, 0), truncated_svd(a, highest)
    assert (nothing.rank, all_of_it.rank) == (0, highest)
    assert not nothing.reconstruct().any()
    assert nothing.total == pytest.approx(all_of_it.total, rel=1e-6)
    assert nothing.rest == pytest.approx(nothing.total, rel=1e-6)
    assert all_of_it.rest == 0
    assert not all_of_it.reconstruct(0).any()
    for k in (-1, highest + 1, 10**9):
        with pytest.raises(RankError):
            truncated_svd(a, k)
        with pytest.raises(RankError):
            all_of_it.reconstruct(k)
        with pytest.raises(RankError):
            all_of_it.truncate(k)
    with pytest.raises(RankError):
        all_of_it.layer(0)


@matrices
def test_every_curve_is_defined_at_every_rank(name):
    svd = truncated_svd(MATRICES[name][0])
    for curve in (spectrum.squared_error, spectrum.relative_error, spectrum.energy, spectrum.psnr):
        values = curve(svd)
        assert values.shape == (svd.rank + 1,)
        assert not np.isnan(values).any(), curve
        up = curve in (spectrum.energy, spectrum.psnr)
        assert (values[1:] >= values[:-1] if up else values[1:] <= values[:-1]).all(), curve
    assert ((spectrum.energy(svd) >= 0) & (spectrum.energy(svd) <= 1)).all()
    assert ((spectrum.relative_error(svd) >= 0) & (spectrum.relative_error(svd) <= 1)).all()
    assert spectrum.relative_error(svd)[-1] == 0
    assert spectrum.energy(svd)[-1] == 1
    assert spectrum.energy(svd)[0] == (0 if svd.total else 1)  # of nothing, all is kept


@matrices
def test_every_column_of_the_table_is_defined(name):
    picture = scaled(name)
    if max(picture.shape) > 2000:
        picture = picture[:300, :300]
    table = error_curve(picture)
    assert len(table.k) == min(picture.shape)
    for field in fields(table):
        column = np.asarray(getattr(table, field.name), float)
        measured = table.measured if field.name == "ssim" else slice(None)  # SSIM is measured at chosen ranks
        assert not np.isnan(column[measured]).any(), field.name
    assert "nan" not in table.to_csv().replace(",,", "").lower() or not table.measured.all()
    svd = truncated_svd(to_planes(picture))
    assert not np.isnan(measured_psnr(picture, svd)).any()


@matrices
def test_every_rule_gives_a_rank_or_says_why_not(name):
    picture = scaled(name)
    if max(picture.shape) > 2000:
        picture = picture[:300, :300]
    svd = truncated_svd(to_planes(picture))
    for rule in RULES:
        try:
            k, said = choose_rank(svd, rule, image=picture), "."
        except LowrankError as error:
            k, said = 0, str(error)
        assert said.endswith(".")
        assert 0 <= k <= svd.rank
        assert isinstance(k, int)


@matrices
def test_every_metric_is_a_number(name):
    picture = scaled(name)
    others = {
        "itself": picture,
        "its negative": 1 - picture,
        "black": np.zeros_like(picture),
        "its mean": np.full_like(picture, picture.mean()),
        "its best of rank 1": from_planes(truncated_svd(to_planes(picture), 1).reconstruct()),
    }
    for title, other in others.items():
        numbers = [
            f(picture, other) for f in (metrics.mse, metrics.ssim, metrics.relative_error, metrics.spectral_error)
        ]
        assert all(map(math.isfinite, numbers)) or not np.square(picture).any(), (title, numbers)  # x / 0 is infinite
        assert not any(map(math.isnan, numbers)), title
        assert not math.isnan(metrics.psnr(picture, other)), title
        drawn = metrics.difference(picture, other)
        assert drawn.shape == (*picture.shape, 3)
        assert 0 <= drawn.min() <= drawn.max() <= 1
    assert metrics.psnr(picture, picture) == math.inf
    assert metrics.mse(picture, picture) == metrics.relative_error(picture, picture) == 0
    assert metrics.ssim(picture, picture) == pytest.approx(1)


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_finite_matrix_is_refused(name):
    array, error = REFUSED[name]
    for method in ("auto", *METHODS):
        with pytest.raises(error) as caught:
            truncated_svd(array, method=method)
        assert "Error" not in str(caught.value)
    with pytest.raises(error):
        exact_svd(array)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_picture_that_is_not_finite_is_refused_wherever_it_is_decomposed(bad):
    picture = np.full((9, 8, 3), 0.5)
    picture[2, 3, 1] = bad
    for color in ("gray", "rgb", "ycbcr"):
        with pytest.raises(LowrankError):
            error_curve(picture, color=color)


def test_a_picture_of_any_size_of_one_goes_all_the_way():
    for shape in ((1, 1), (1, 1, 3), (1, 50), (50, 1, 3), (2, 2, 3)):
        picture = np.random.default_rng(1).random(shape)
        for color in ("gray", "rgb") if len(shape) == 3 else ("gray",):
            table = error_curve(picture, color=color)
            assert table.relative_error[-1] == pytest.approx(0, abs=1e-12)
            assert not np.isnan(table.psnr_measured).any()
