"""Raw factors in .npz: the same bits come back, and what is no such file is refused in a sentence."""

import contextlib
import io
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lowrank.decompose import truncated_svd
from lowrank.errors import FormatError
from lowrank.factors import MOST, from_npz, to_npz


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(9, 7), (3, 8, 12), (1, 1)])
@pytest.mark.parametrize("rank", [None, 1, 0])
def test_the_same_bits_come_back(shape, dtype, rank):
    svd = truncated_svd(np.random.default_rng(0).standard_normal(shape).astype(dtype), rank)
    again = from_npz(to_npz(svd))
    for name in ("U", "s", "Vt", "total"):
        np.testing.assert_array_equal(getattr(again, name), getattr(svd, name))
    np.testing.assert_array_equal(again.reconstruct(), svd.reconstruct())


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
