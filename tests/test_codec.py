"""The .lrk file: it holds what was asked for, is as small as it says, and no damage to it goes unnoticed."""

import math
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lowrank import metrics
from lowrank.codec import ARRANGEMENTS, at_steps, before_rounding, decode, encode, highest_rank, inspect
from lowrank.codec.coders import Decoder
from lowrank.codec.container import Header, pack, unpack
from lowrank.codec.estimate import estimated_bytes
from lowrank.codec.patched import COSINES, basis, integrated, predicted
from lowrank.codec.pictures import CODERS, prepared, shown_planes, written
from lowrank.color import displayed, from_planes, to_planes
from lowrank.decompose import truncated_svd
from lowrank.errors import FormatError, LowrankError, RankError
from lowrank.image import read_image
from lowrank.intake.limits import Limits
from lowrank.parallel import idle

SAMPLES = Path(__file__).parents[1] / "sample_images"
GOLDEN = sorted((Path(__file__).parent / "golden").glob("*.lrk"))


@pytest.fixture(scope="module", params=["gray", "color"])
def photo(request):
    """A part of a photograph."""
    image = read_image(SAMPLES / "coffee.jpg", gray=request.param == "gray")
    return np.ascontiguousarray(image[100:260, 200:400])


def resealed(data, at, value):
    """Overwrite bytes and make the checksum right again."""
    body = data[:at] + value + data[at + len(value) : -4]
    return body + struct.pack("<I", zlib.crc32(body))


# -- targets ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("arrangement", ARRANGEMENTS)
@pytest.mark.parametrize("target", [25, 32.5, 40])
def test_the_psnr_asked_for_is_met_and_hardly_exceeded(photo, arrangement, target):
    picture = decode(encode(photo, psnr=target, arrangement=arrangement))
    assert picture.shape == photo.shape
    assert picture.dtype == np.float32
    assert picture.min() >= 0
    assert picture.max() <= 1
    assert target <= metrics.psnr(photo, picture) <= target + 0.1


@pytest.mark.parametrize("arrangement", ARRANGEMENTS)
@pytest.mark.parametrize("most", [700, 2000, 9000])
def test_the_size_asked_for_is_never_exceeded_and_nearly_used(photo, arrangement, most):
    data = encode(photo, max_bytes=most, arrangement=arrangement)
    assert 0.97 * most <= len(data) <= most
    assert metrics.psnr(photo, decode(data)) > 20


@pytest.mark.parametrize("arrangement", ARRANGEMENTS)
def test_a_file_of_a_size_is_about_as_good_as_one_of_its_psnr(photo, arrangement):
    data = encode(photo, psnr=33, arrangement=arrangement)
    again = decode(encode(photo, max_bytes=len(data), arrangement=arrangement))
    assert metrics.psnr(photo, again) == pytest.approx(33, abs=0.15)


@pytest.mark.parametrize("k", [1, 5, 40])
def test_whole_of_a_rank_is_what_the_slider_shows_but_for_its_levels(k):
    image = 0.3 + 0.4 * read_image(SAMPLES / "coffee.jpg", gray=True)[100:260, 200:400]  # so that nothing is clipped
    shown = from_planes(truncated_svd(to_planes(image), k).reconstruct())
    data = encode(image, rank=k)
    assert inspect(data).rank == k
    picture = decode(data)
    assert np.linalg.matrix_rank(picture, tol=1e-5 * np.linalg.norm(picture)) == k
    assert metrics.psnr(image, shown) - 0.4 <= metrics.psnr(image, picture) <= metrics.psnr(image, shown) + 0.1
    assert metrics.psnr(shown, picture) > metrics.psnr(image, shown) + 8


@pytest.mark.parametrize("k", [1, 8, 64])
def test_patches_of_a_rank(photo, k):
    data = encode(photo, rank=k, arrangement="patches")
    assert inspect(data).rank <= k
    assert inspect(data).vectors[0] == inspect(data).rank
    assert metrics.psnr(photo, decode(data)) > (18 if k == 1 else 28)


def test_more_of_either_is_better(photo):
    for arrangement in ARRANGEMENTS:
        make = at_steps(photo, arrangement)
        files = [make(step) for step in (1300, 1700, 2100)]
        assert sorted(map(len, files)) == list(map(len, files))
        qualities = [metrics.psnr(photo, decode(data)) for data in files]
        assert sorted(qualities) == qualities


@pytest.mark.slow
@pytest.mark.parametrize("arrangement", ARRANGEMENTS)
def test_decoding_at_a_lower_rank(photo, arrangement):
    data = encode(photo, psnr=34, arrangement=arrangement)
    psnrs = [metrics.psnr(photo, decode(data, rank=k)) for k in (1, 4, 16, inspect(data).rank)]
    assert psnrs == sorted(psnrs)
    assert psnrs[-1] == metrics.psnr(photo, decode(data, rank=10_000))
    assert np.array_equal(decode(data), decode(data, rank=inspect(data).rank))


def test_whole_at_a_lower_rank_is_the_best_one_that_the_file_holds():
    image = read_image(SAMPLES / "coffee.jpg", gray=True)[100:200, 200:320]
    picture = decode(encode(image, psnr=36))
    best = from_planes(truncated_svd(to_planes(picture), 5).reconstruct())
    lower = decode(encode(image, psnr=36), rank=5)
    assert metrics.psnr(best, lower) > 45  # clipped apart


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1, 3), (7, 9), (8, 8), (8, 16, 3), (9, 17, 3), (40, 3)])
@pytest.mark.parametrize("arrangement", ARRANGEMENTS)
def test_every_shape(shape, arrangement):
    image = np.random.default_rng(0).random(shape)
    data = encode(image, psnr=30, arrangement=arrangement)
    assert decode(data).shape == shape
    assert metrics.psnr(image, decode(data)) >= 30
    assert inspect(data).shape == shape[:2]


@pytest.mark.parametrize("level", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("arrangement", ARRANGEMENTS)
def test_one_color_takes_next_to_nothing(level, arrangement):
    image = np.full((64, 96, 3), level)
    data = encode(image, psnr=45, arrangement=arrangement)
    assert len(data) < 150
    assert metrics.psnr(image, decode(data)) >= 45


@pytest.mark.parametrize("arrangement", ARRANGEMENTS)
def test_the_same_picture_gives_the_same_bytes(photo, arrangement):
    assert encode(photo, psnr=30, arrangement=arrangement) == encode(photo.copy(), psnr=30, arrangement=arrangement)


@pytest.mark.parametrize("arrangement", ARRANGEMENTS)
def test_progress_rises_to_one(photo, arrangement):
    shares = []
    data = encode(photo, psnr=30, arrangement=arrangement, progress=shares.append)
    assert shares == sorted(shares)
    assert shares[-1] == 1
    assert len(shares) > 10
    shares.clear()
    decode(data, progress=shares.append)
    assert shares == sorted(shares)
    assert shares[-1] == 1


def test_what_cannot_be_met(photo):
    with pytest.raises(LowrankError, match="does not fit into 20 bytes"):
        encode(photo, max_bytes=20, arrangement="patches")
    with pytest.raises(LowrankError, match="500 dB is out of reach"):
        encode(photo, psnr=500, arrangement="patches")
    for rank, arrangement in [(0, "whole"), (161, "whole"), (65, "patches")]:
        with pytest.raises(RankError):
            encode(photo, rank=rank, arrangement=arrangement)
    with pytest.raises(RankError):
        decode(encode(photo, rank=1), rank=0)
    assert highest_rank((4000, 3000), "whole") == 300


def test_what_only_a_programmer_does_wrong(photo):
    with pytest.raises(TypeError, match="one target"):
        encode(photo)
    with pytest.raises(TypeError, match="one target"):
        encode(photo, rank=3, psnr=30)
    with pytest.raises(ValueError, match="arrangement"):
        encode(photo, rank=3, arrangement="half")
    with pytest.raises(TypeError, match="floating-point"):
        encode((255 * photo).astype(np.uint8), rank=3)


@pytest.mark.parametrize("arrangement", ARRANGEMENTS)
def test_files_are_estimated_without_coding_and_how_far_off_hardly_changes_from_step_to_step(photo, arrangement):
    source, ratios = prepared(photo, arrangement, None, idle), []
    for step in (1700, 1850, 2000, 2150):
        draft = source.draft(step)
        ratios.append(len(written(*draft)) / estimated_bytes(*draft))
    assert 0.85 < min(ratios) <= max(ratios) < 1.15
    assert np.abs(np.diff(np.log(ratios))).max() < 0.05


@pytest.mark.parametrize("arrangement", ARRANGEMENTS)
def test_a_size_is_met_by_few_files(photo, arrangement, monkeypatch):
    files = []

    def counted(*draft):
        files.append(written(*draft))
        return files[-1]

    monkeypatch.setattr("lowrank.codec.targets.written", counted)
    for most in (2000, 5000, 9000):
        files.clear()
        assert encode(photo, max_bytes=most, arrangement=arrangement) in files
        assert len(files) <= 3


@pytest.mark.parametrize("arrangement", ARRANGEMENTS)
@pytest.mark.parametrize("k", [1, 20])
def test_levels_of_a_rank_take_a_quarter_of_a_decibel(photo, arrangement, k):
    exact = np.clip(shown_planes(prepared(photo, arrangement, k, idle).exact(), photo.ndim), 0, 1)
    picture = decode(encode(photo, rank=k, arrangement=arrangement))
    assert 0 <= metrics.psnr(photo, exact) - metrics.psnr(photo, picture) < 0.35


# -- the parts -------------------------------------------------------------------------------------------------------


@given(st.integers(1, 12), st.integers(1, 12), st.integers(0, 2**32 - 1))
def test_prediction_is_undone(h, w, seed):
    levels = np.random.default_rng(seed).integers(-500, 500, (1, h, w)).astype(np.int32)
    assert np.array_equal(integrated(levels - predicted(levels)), levels)


@given(st.integers(0, 64), st.integers(0, 2**32 - 1))
def test_a_basis_is_orthonormal_whatever_the_levels(count, seed):
    levels = np.random.default_rng(seed).integers(-12, 12, (count, 64))
    vectors = basis(levels)
    assert np.allclose(vectors.T @ vectors, np.eye(64))


def test_the_cosines_are_a_basis_from_low_to_high():
    assert np.allclose(COSINES @ COSINES.T, np.eye(64))
    assert np.allclose(COSINES[0], 1 / 8)
    changes = [np.abs(np.diff(np.sign(row.reshape(8, 8)), axis=0)).sum() for row in COSINES[[1, 63]]]
    assert changes[0] < changes[1]


# -- damage ----------------------------------------------------------------------------------------------------------


def test_there_are_golden_files_of_every_kind():
    kinds = {(inspect(file.read_bytes()).arrangement, inspect(file.read_bytes()).color) for file in GOLDEN}
    assert len(kinds) == 4


@pytest.mark.parametrize("file", GOLDEN, ids=lambda file: file.stem)
def test_golden_files_of_version_1_stay_readable(file):
    picture, then = displayed(decode(file.read_bytes())), read_image(file.with_suffix(".png"))
    assert np.abs(picture - then).max() <= 1.01 / 255  # a transform in floats may round a level the other way


@pytest.mark.parametrize("file", GOLDEN, ids=lambda file: file.stem)
def test_levels_of_golden_files_are_written_as_they_were(file):
    header, words = unpack(file.read_bytes())
    levels = CODERS[header.arrangement].code(Decoder(words), header, None)
    assert written(header, levels) == file.read_bytes()


@pytest.mark.parametrize(
    "target",
    [*({"psnr": x} for x in (math.nan, math.inf, -math.inf, -5.0, 0.0, 1e308)), {"max_bytes": 0}, {"max_bytes": -5}],
)
@pytest.mark.parametrize("arrangement", ARRANGEMENTS)
def test_what_is_no_target_is_a_sentence(target, arrangement):
    with pytest.raises(LowrankError):
        encode(np.random.default_rng(0).random((24, 24)), arrangement=arrangement, **target)


@pytest.mark.parametrize("arrangement", ARRANGEMENTS)
def test_any_file_is_small_enough_for_a_number_beyond_floats(arrangement):
    picture = np.random.default_rng(0).random((24, 24))
    assert decode(encode(picture, arrangement=arrangement, max_bytes=10**400)).shape == (24, 24)


@pytest.mark.parametrize("psnr", [30, 40, 50, 57])
def test_a_psnr_is_still_there_after_rounding(psnr):
    picture = read_image(SAMPLES / "portrait.jpg")[100:260, 150:310]
    shown = displayed(decode(encode(picture, psnr=before_rounding(psnr), arrangement="patches")))
    assert metrics.psnr(picture, shown) >= psnr - 0.05


@pytest.mark.parametrize("psnr", [58.5, 100, math.nan])
def test_what_8_bits_cannot_hold_is_said(psnr):
    with pytest.raises(LowrankError):
        before_rounding(psnr)


@pytest.mark.parametrize("file", GOLDEN, ids=lambda file: file.stem)
def test_every_flipped_byte_is_noticed(file):
    data = file.read_bytes()
    for at in range(len(data)):
        for flip in (0x01, 0x80, 0xFF):
            wrong = bytearray(data)
            wrong[at] ^= flip
            with pytest.raises(FormatError):
                decode(bytes(wrong))


@pytest.mark.parametrize("file", GOLDEN, ids=lambda file: file.stem)
def test_every_truncation_and_extension_is_noticed(file):
    data = file.read_bytes()
    for length in range(len(data)):
        with pytest.raises(FormatError):
            decode(data[:length])
    for more in (b"\0", b"\0\0\0\0", data):
        with pytest.raises(FormatError):
            decode(data + more)


@pytest.mark.slow
@pytest.mark.parametrize("file", GOLDEN, ids=lambda file: file.stem)
def test_whatever_lies_behind_a_right_checksum_gives_a_picture_or_a_format_error(file):
    data, rng = file.read_bytes(), np.random.default_rng(0)
    for at in [*range(30), *range(30, len(data) - 4, 9)]:
        try:
            picture = decode(resealed(data, at, rng.bytes(1)), limits=Limits(pixels=5000))
        except FormatError:
            continue
        assert picture.min() >= 0
        assert picture.max() <= 1


@pytest.mark.parametrize("sides", [(2**31, 2**31), (2**32 - 1, 1), (0, 5), (5, 0), (10_000, 10_000)])
def test_a_header_that_asks_for_too_much_is_refused_at_once(sides, monkeypatch):
    def never(*_):
        raise AssertionError("something was decoded")

    monkeypatch.setattr("lowrank.codec.files.Decoder", never)
    for file in GOLDEN:
        with pytest.raises(FormatError):
            decode(resealed(file.read_bytes(), 6, struct.pack("<II", *sides)))


def test_other_files_are_told_from_damaged_ones():
    data = GOLDEN[0].read_bytes()
    with pytest.raises(FormatError, match=r"no \.lrk file"):
        decode(b"\x89PNG")
    with pytest.raises(FormatError, match="version 2"):
        inspect(data[:3] + b"\x02" + data[4:])
    with pytest.raises(FormatError, match="damaged"):
        inspect(data[:-1])


def test_the_header_comes_back():
    header = Header("patches", (30, 40), (9, 4, 5), 1800, ((1, -2), (3, 4), (-5, 6)), (6, 5))
    data = pack(header, b"\1\2\3\4")
    found, words = unpack(data)
    assert (found.arrangement, found.shape, found.ranks, found.step) == ("patches", (30, 40), (9, 4, 5), 1800)
    assert (found.shifts, found.vectors, found.bytes, words) == (header.shifts, (6, 5), len(data), b"\1\2\3\4")
    assert (found.color, found.rank) == ("ycbcr", 9)
    assert math.isclose(len(data), 14 + 2 + 12 + 2 + 4 + 4)
