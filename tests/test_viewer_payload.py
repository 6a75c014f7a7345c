"""What the browser gets: decoded by the format's description, every rank is NumPy's picture within one grey level.

The decoder below follows the text at the top of payload.py and nothing else; what browsers do is tested in browser/.
"""

from functools import cache
from pathlib import Path

import numpy as np
import pytest
import threadpoolctl
from hypothesis import given, settings
from hypothesis import strategies as st

from app.ui.viewer import payload
from lowrank.allot import allotted
from lowrank.color import Color, mixing, to_planes
from lowrank.image import read_image
from lowrank.svd import SVD, squared_norm

SAMPLES = ("portrait", "coffee", "rocket", "page", "tartan", "dusk", "gravel", "noise")
MAX_RANK = 300

quick = settings(deadline=None)


@pytest.fixture(scope="module", autouse=True)
def _one_blas_thread():
    """As the app has it: two threads on a busy machine wait for each other."""
    with threadpoolctl.threadpool_limits(1):
        yield


# -- both sides -------------------------------------------------------------------------------------------------------


def decoded(encoded: payload.Payload) -> tuple[np.ndarray, np.ndarray]:
    """Read a payload back: layer k is ``u[k, p] v[k, p]^T`` in grey levels; shapes (r, c, m) and (r, c, n)."""
    p, m, n = encoded.planes, encoded.rows, encoded.columns
    u, v, at = np.zeros((encoded.rank, p, m)), np.zeros((encoded.rank, p, n)), 0
    for k in range(encoded.rank):
        c = np.frombuffer(encoded.data, "<f4", p, at)
        at += 4 * p
        (there,) = np.nonzero(c)
        d = len(there)
        bits, count = encoded.bits[k], d * (m + n)
        size = -(-count * bits // 8)
        whole = int.from_bytes(encoded.data[at : at + size], "little")
        single = np.array(list(f"{whole:0{8 * size}b}"[::-1]), int) if size else np.empty(0, int)
        assert not single[count * bits :].any()
        numbers = single[: count * bits].reshape(count, bits) @ 2 ** np.arange(bits) - (2 ** (bits - 1) - 1)
        u[k, there] = c[there, None] * numbers[: d * m].reshape(d, m)
        v[k, there] = numbers[d * m :].reshape(d, n)
        at += size
        padding = -at % 4
        assert encoded.data[at : at + padding] == bytes(padding)
        at += padding
    assert at == len(encoded.data)
    return u, v


def numpys(planes: np.ndarray, rank: int = MAX_RANK) -> SVD:
    """NumPy's factors, in float64."""
    U, s, Vt = np.linalg.svd(planes.astype(float), full_matrices=False)
    r = min(rank, s.shape[-1])
    return SVD(U[..., :r], s[..., :r], Vt[..., :r, :], squared_norm(planes))


def levels(picture: np.ndarray) -> np.ndarray:
    """Grey levels as a screen shows them."""
    return np.rint(np.clip(255 * picture, 0, 255))


def furthest(svd: SVD, encoded: payload.Payload, color: Color = "rgb") -> int:
    """Return how many grey levels the worst pixel of the worst rank is off; 1 where it is less, too."""
    u, v = decoded(encoded)
    assert (encoded.planes, encoded.rows, encoded.columns, encoded.rank) == (*svd.shape, svd.rank)
    worst = 0
    for weights in mixing(color)[: encoded.planes, : encoded.planes]:  # of one channel
        (part,) = np.nonzero(weights)
        ours = np.moveaxis(weights[part, None] * u[:, part], 0, -1)  # (d, m, r)
        right = -255 * weights[part, None, None] * svd.s[part, None] * svd.U[part]
        left = np.concatenate([ours, right]).transpose(2, 0, 1).astype(np.float32)  # (r, 2d, m)
        right = np.concatenate([v[:, part], svd.Vt[part].swapaxes(0, 1)], 1).astype(np.float32)
        off = np.zeros((encoded.rows, encoded.columns), np.float32)
        for k in range(encoded.rank):
            off += left[k].T @ right[k]
            if max(off.max(), -off.min()) < 0.999:  # numbers less than one apart round to at most one apart
                worst = max(worst, 1)
            else:
                drawn = np.einsum("kpi,kpj,p->ij", u[: k + 1, part], v[: k + 1, part], weights[part], optimize=True)
                exact = np.tensordot(weights, svd.truncate(k + 1).reconstruct(), 1)
                worst = max(worst, int(np.abs(levels(drawn / 255) - levels(exact)).max()))
    return worst


@cache
def sample(name: str, color: str) -> SVD:
    (file,) = (Path(__file__).parents[1] / "sample_images").glob(f"{name}.[jp]*g")
    image = read_image(file)
    if color == "ycbcr":
        planes = to_planes(image.astype(float), color)
        return allotted(numpys(planes), planes, mixing(color))
    if image.ndim == 2 and color == "rgb":
        one = sample(name, "gray")
        return SVD(*(np.repeat(x, 3, axis=0) for x in (one.U, one.s, one.Vt, one.total)))
    return numpys(to_planes(image, color))


# -- accuracy ---------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("color", ["gray", "rgb"])
@pytest.mark.parametrize("name", SAMPLES)
def test_no_sample_is_off_by_more_than_a_level_at_any_rank(name, color):
    svd = sample(name, color)
    assert furthest(svd, payload.encode(svd)) <= 1


@pytest.mark.slow
@pytest.mark.parametrize("name", ["portrait", "rocket", "page", "tartan", "noise"])
def test_no_sample_with_allotted_ranks_is_off_by_more_than_a_level_at_any_rank(name):
    svd, mix = sample(name, "ycbcr"), mixing("ycbcr")
    encoded = payload.encode(svd, mix)
    assert furthest(svd, encoded, "ycbcr") <= 1
    assert sum(encoded.bits) >= sum(payload.encode(svd).bits)  # planes that are mixed must be the more exact


@st.composite
def harsh_pictures(draw) -> np.ndarray:
    """Planes in [0, 1]: noise, two colours, one, a line, a point, stripes; of any small shape, single rows too."""
    side = st.one_of(st.integers(1, 12), st.integers(40, 96))
    m, n = draw(st.one_of(st.tuples(side, side), side.map(lambda n: (1, n)), side.map(lambda n: (n, 1))))
    planes = draw(st.sampled_from([1, 3]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    kind = draw(st.sampled_from(["noise", "two colours", "constant", "black", "diagonal", "point", "stripes", "8 bit"]))
    shape = (planes, m, n)
    i, j = np.arange(m)[:, None], np.arange(n)
    return {
        "noise": lambda: rng.random(shape),
        "two colours": lambda: (rng.random(shape) < rng.random()).astype(float),
        "constant": lambda: np.full(shape, rng.random()),
        "black": lambda: np.zeros(shape),
        "diagonal": lambda: np.broadcast_to((i == j * m // n).astype(float), shape),
        "point": lambda: np.broadcast_to(((i == m // 2) & (j == n // 3)).astype(float), shape),
        "stripes": lambda: np.broadcast_to(((i // 3 + j // 2) % 2).astype(float), shape) * rng.random((planes, 1, 1)),
        "8 bit": lambda: rng.integers(0, 256, shape) / 255,
    }[kind]()


@quick
@given(harsh_pictures())
def test_no_picture_is_off_by_more_than_a_level_at_any_rank(planes):
    svd = numpys(planes)
    assert furthest(svd, payload.encode(svd)) <= 1


@pytest.mark.parametrize("kind", ["two colours", "noise", "identity", "triangle"])
def test_harsh_pictures_of_full_size_too(kind):
    """Where every layer counts as much as the last one, errors add up most."""
    rng, n = np.random.default_rng(3), 512
    planes = {
        "two colours": lambda: (rng.random((1, n, n)) < 0.5).astype(float),
        "noise": lambda: rng.random((1, n, n)),
        "identity": lambda: np.eye(n)[None],
        "triangle": lambda: np.tri(n)[None],
    }[kind]()
    svd = numpys(planes)
    assert furthest(svd, payload.encode(svd)) <= 1


@pytest.mark.slow
def test_an_error_of_two_levels_is_seen():
    """What the tests above rely on: one layer of noise that is a little too weak is found out."""
    svd = sample("noise", "gray")
    s = svd.s.copy()
    s[:, 100] *= 0.9
    assert furthest(svd, payload.encode(SVD(svd.U, s, svd.Vt, svd.total))) > 1


# -- size -------------------------------------------------------------------------------------------------------------


def test_harsh_pictures_take_more_bits_and_leading_ranks_the_most():
    bits = {name: payload.encode(sample(name, "gray")).bits for name in ("tartan", "dusk", "portrait", "noise")}
    assert sum(bits["tartan"]) < sum(bits["dusk"]) < sum(bits["portrait"]) < sum(bits["noise"])
    for name in ("dusk", "portrait"):
        assert bits[name][0] == max(bits[name])
        assert bits[name][0] > bits[name][50] > bits[name][-1]
    assert set(bits["tartan"][3:]) == {2}  # beyond its rank there is nothing to tell


@pytest.mark.parametrize(("color", "most"), [("rgb", 1_100_000), ("ycbcr", 750_000)])
def test_a_colour_portrait_takes_little(color, most):
    assert len(payload.encode(sample("portrait", color), mixing(color)).data) <= most


def test_layers_that_are_not_there_take_four_bytes():
    svd = sample("portrait", "ycbcr")
    encoded = payload.encode(svd, mixing("ycbcr"))
    bits = np.array(encoded.bits) * np.diff(svd.layers) * (512 + 512)  # whole fours of bytes, at these sides
    assert svd.layers[-1] < 2 * svd.rank
    assert len(encoded.data) == bits.sum() // 8 + 4 * 3 * svd.rank


@cache
def photograph(color: Color) -> SVD:
    """Factors of a colour photograph of 12 megapixels: the portrait enlarged, with fine texture all over it.

    ``A = X P Y^T + G H^T`` has rank 812 at most, so two QR decompositions leave a core of that side to decompose.
    """
    rng, rows, columns, texture = np.random.default_rng(12), 3000, 4000, 300
    (file,) = (Path(__file__).parents[1] / "sample_images").glob("portrait.jpg")
    small = to_planes(read_image(file), color).astype(float)
    side = small.shape[1]

    def enlarging(n: int) -> np.ndarray:
        """Linear interpolation from `side` to n samples, as a matrix."""
        at = np.linspace(0, side - 1, n)
        return np.maximum(0, 1 - np.abs(at[:, None] - np.arange(side)))

    fine = 0.02 / np.sqrt(texture)  # standard deviation of the texture: five grey levels
    grains = rng.standard_normal((rows, texture)), rng.standard_normal((columns, texture))
    (Q, R), (P, S) = (
        np.linalg.qr(np.hstack([enlarging(n), g]).astype(np.float32))
        for n, g in zip((rows, columns), grains, strict=True)
    )
    core = np.zeros((3, side + texture, side + texture))
    core[:, :side, :side] = small
    core[:, side:, side:] = fine * np.eye(texture)
    U, s, Vt = np.linalg.svd(R @ core @ S.T, full_matrices=False)
    r = MAX_RANK
    left, right = Q @ U[..., :r].astype(np.float32), Vt[:, :r].astype(np.float32) @ P.T
    svd = SVD(left, s[:, :r].astype(np.float32), right, np.square(s).sum(-1))
    if color == "rgb":
        return svd
    return allotted(svd, np.broadcast_to(np.float32(0), svd.shape), mixing(color))  # its error is not asked for


@pytest.mark.slow
@pytest.mark.parametrize("color", ["rgb", "ycbcr"])
def test_a_photograph_of_12_megapixels_takes_little_in_fit_view(color):
    svd = photograph(color)
    shape = payload.fitted_shape(3000, 4000, 1280 * 960)
    assert shape == (960, 1280)
    small = payload.fitted(svd, *shape)
    encoded = payload.encode(small, mixing(color))
    assert len(encoded.data) <= (2_300_000 if color == "rgb" else 1_900_000)
    u, v = decoded(encoded)
    for k in (1, 50, 300):
        for p in range(3):
            ours = levels(u[:k, p].T @ v[:k, p] / 255)
            assert np.abs(ours - levels(small.truncate(k).reconstruct()[p])).max() <= 1


# -- fit view ---------------------------------------------------------------------------------------------------------


def area_averaged(planes: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """Average over areas, the obvious way: every pixel is repeated until whole ones fill the targets."""
    *_, m, n = planes.shape
    fine = planes.repeat(rows, -2).reshape(*planes.shape[:-2], rows, m, n).mean(-2)
    return fine.repeat(columns, -1).reshape(*fine.shape[:-1], columns, n).mean(-1)


ratios = [
    (60, 90, 20, 30),
    (97, 61, 31, 60),
    (50, 50, 49, 1),
    (10, 7, 7, 3),
    (5, 9, 5, 4),
    (1, 40, 1, 13),
    (64, 48, 1, 1),
]


@pytest.mark.parametrize(("m", "n", "rows", "columns"), ratios)
def test_averaging_is_over_areas(m, n, rows, columns):
    planes = np.random.default_rng(0).random((3, m, n))
    small = payload.averaged(planes, rows, columns)
    assert small.shape == (3, rows, columns)
    np.testing.assert_allclose(small, area_averaged(planes, rows, columns), rtol=0, atol=1e-12)


@quick
@given(st.data())
def test_averaging_keeps_constants_and_means(data):
    m, n = data.draw(st.tuples(st.integers(1, 60), st.integers(1, 60)))
    rows, columns = data.draw(st.integers(1, m)), data.draw(st.integers(1, n))
    planes = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1))).random((2, m, n))
    small = payload.averaged(planes, rows, columns)
    np.testing.assert_allclose(small.mean((1, 2)), planes.mean((1, 2)), atol=1e-12)
    np.testing.assert_allclose(payload.averaged(np.full((1, m, n), 0.7), rows, columns), 0.7, atol=1e-12)
    assert payload.averaged(planes.astype(np.float32), rows, columns).dtype == np.float32


@pytest.mark.parametrize(("m", "n", "rows", "columns"), ratios)
def test_fitted_factors_make_the_averaged_picture(m, n, rows, columns):
    svd = numpys(np.random.default_rng(1).random((3, m, n)))
    small = payload.fitted(svd, rows, columns)
    assert (small.shape, small.rank) == ((3, rows, columns), svd.rank)
    for k in sorted({1, 2, svd.rank // 2, svd.rank} - {0}):
        right = area_averaged(svd.reconstruct(min(k, svd.rank)), rows, columns)
        np.testing.assert_allclose(small.reconstruct(min(k, svd.rank)), right, rtol=0, atol=1e-5)


def test_fitted_factors_of_a_photograph_make_the_averaged_picture():
    svd = sample("portrait", "rgb")
    single = SVD(*(x.astype(np.float32) for x in (svd.U, svd.s, svd.Vt)), svd.total)
    small = payload.fitted(single, 300, 171)
    for k in (1, 50, 300):
        right = payload.averaged(svd.reconstruct(k), 300, 171)
        np.testing.assert_allclose(small.reconstruct(k), right, rtol=0, atol=1e-5)


def test_what_fits_already_is_left_alone():
    svd = sample("portrait", "gray")
    assert payload.fitted(svd, *svd.shape[1:]) is svd


@quick
@given(st.integers(1, 20_000), st.integers(1, 20_000), st.one_of(st.none(), st.sampled_from([480**2, 1280 * 960])))
def test_the_fitted_shape_keeps_within_its_limits(m, n, pixels):
    rows, columns = payload.fitted_shape(m, n, pixels)
    assert 1 <= rows <= m
    assert 1 <= columns <= n
    if pixels is None:
        assert (rows, columns) == (m, n)
    else:
        assert max(rows, columns) <= payload.FIT_SIDE
        assert rows * columns <= pixels + rows + columns  # rounded to whole pixels
        if m * n <= pixels and max(m, n) <= payload.FIT_SIDE:
            assert (rows, columns) == (m, n)  # nothing is shrunk without need
        if min(rows, columns) > 20:
            assert columns / rows == pytest.approx(n / m, rel=0.06)
