"""Raw factors in .npz: the same bits come back, and what is no such file is refused in a sentence."""

import contextlib
import dataclasses
import io
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lowrank.allot import picture_svd
from lowrank.decompose import truncated_svd
from lowrank.errors import FormatError
from lowrank.factors import MOST, from_npz, to_npz


def same(again, svd):
    for field in dataclasses.fields(svd):
        one, other = getattr(again, field.name), getattr(svd, field.name)
        np.testing.assert_array_equal(one, other)
        assert np.asarray(one).dtype == np.asarray(other).dtype


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(9, 7), (3, 8, 12), (1, 1)])
@pytest.mark.parametrize("rank", [None, 1, 0])
def test_the_same_bits_come_back(shape, dtype, rank):
    svd = truncated_svd(np.random.default_rng(0).standard_normal(shape).astype(dtype), rank)
    again = from_npz(to_npz(svd))
    same(again, svd)
    np.testing.assert_array_equal(again.reconstruct(), svd.reconstruct())


def test_allotted_ranks_and_the_pictures_own_error_come_back():
    rng = np.random.default_rng(0)
    picture = np.clip(0.5 + 0.1 * rng.standard_normal((24, 20, 3)).cumsum(0), 0, 1).astype(np.float32)
    svd = picture_svd(picture, "ycbcr", 12)
    assert svd.error is not None
    assert (svd.ranks[0] > svd.ranks[1:]).any()
    cut = svd.truncate(8)
    for one in (svd, cut, dataclasses.replace(cut, excess=0.002)):
        again = from_npz(to_npz(one))
        same(again, one)
        assert (again.layers == one.layers).all()


def test_a_file_of_the_four_arrays_alone_is_read():
    svd = from_npz(packed(**GOOD))
    assert (svd.rest, svd.excess, svd.error, svd.ranks.tolist()) == (1.0, 0.0, None, [1, 2])


def packed(**arrays):
    stream = io.BytesIO()
    np.savez(stream, **arrays)
    return stream.getvalue()


GOOD = {"U": np.eye(3)[:, :2], "s": np.array([2.0, 1.0]), "Vt": np.eye(3)[:2], "total": np.array(6.0)}


@pytest.mark.parametrize(
    "change",
    [
        {"U": np.eye(4)[:, :2, None]}, {"U": np.eye(3)}, {"s": np.array([1.0, 2.0])}, {"s": np.array([2.0, -1.0])},
        {"s": np.array([np.nan, 1.0])}, {"Vt": np.eye(3)}, {"total": np.zeros(2)},
        {"Vt": np.eye(3, dtype=np.float32)[:2]},
        {"s": np.array([2, 1])}, {"U": np.array([["a"]])}, {"U": np.zeros((0, 2))}, {"total": np.array(np.inf)},
        {"total": np.array(-7.0)}, {"total": np.array(0.0)}, {"total": np.array(4.9)}, {"U": 5 * np.eye(3)[:, :2]},
        {"Vt": np.zeros((2, 3))}, {"s": np.zeros(2), "U": 5 * np.eye(3)[:, :2]}, {"s": np.array([1e200, 1e200])},
        {"rest": np.array(-1.0)}, {"rest": np.array(7.0)}, {"rest": np.zeros(2)}, {"rest": np.array(1)},
        {"excess": np.array(np.nan)}, {"excess": np.zeros(1)}, {"ranks": np.array([2, 1])},
        {"ranks": np.array([1, 3])}, {"ranks": np.array([1.0, 2.0])}, {"ranks": np.array([1])},
        {"ranks": np.array([1, 1])}, {"ranks": np.array([-1, 0])},
        {"error": np.zeros(2)}, {"error": np.array([6.0, np.inf, 1.0])}, {"error": np.array([None] * 3)},
    ],
    ids=str,
)  # fmt: skip
def test_arrays_that_are_no_factors(change):
    from_npz(packed(**GOOD))
    with pytest.raises(FormatError):
        from_npz(packed(**(GOOD | change)))


def test_objects_are_not_unpickled():
    stream = io.BytesIO()
    np.savez(stream, **(GOOD | {"U": np.array([[None]])}), allow_pickle=True)
    with pytest.raises(FormatError, match=r"no \.npz file of factors"):
        from_npz(stream.getvalue())


@pytest.mark.parametrize("name", ["U", "s", "Vt", "total", "ranks"])
def test_a_member_that_is_no_array(name):
    with zipfile.ZipFile(io.BytesIO(packed(**GOOD))) as archive:
        members = {one: archive.read(one) for one in archive.namelist()} | {f"{name}.npy": b"no array"}
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for one, data in members.items():
            archive.writestr(one, data)
    with pytest.raises(FormatError):
        from_npz(stream.getvalue())


def test_a_bomb_is_refused_before_it_is_unpacked():
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("U.npy", bytes(1000))
    declared = (1000).to_bytes(4, "little")
    data = stream.getvalue().replace(declared, (MOST + 1).to_bytes(4, "little"))  # in both of its headers
    with pytest.raises(FormatError, match="larger than 2 GiB"):
        from_npz(data)


WHOLE = to_npz(truncated_svd(np.diag([3.0, 2.0, 1.0]), 2))


@given(st.integers(0, len(WHOLE) - 1), st.integers(1, 255))
def test_a_damaged_file_is_a_sentence_or_factors(at, flip):
    data = bytearray(WHOLE)
    data[at] ^= flip
    with contextlib.suppress(FormatError):
        assert from_npz(bytes(data)).rank == 2


def test_every_truncation_is_refused():
    for length in range(0, len(WHOLE), 7):
        with pytest.raises(FormatError):
            from_npz(WHOLE[:length])
