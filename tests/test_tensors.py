"""A .npy file is believed only as far as its header tells the truth."""

import io
import os
import pickle
import re
import struct
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import lowrank
from lowrank.errors import FormatError, LowrankError, TensorError
from lowrank.tensors import decode_matrix, read_matrix

MAGIC = b"\x93NUMPY"


def header(text, version=(1, 0), length=None):
    """A header as numpy.save writes it, around any text."""
    text = text.encode() if isinstance(text, str) else text
    size = struct.pack("<H" if version == (1, 0) else "<I", len(text) if length is None else length)
    return MAGIC + bytes(version) + size + text


def described(descr="'<f4'", order="False", shape="(3, 4)", data=48, **more):
    return header(f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}\n", **more) + bytes(data)


@pytest.fixture
def written(tmp_path):
    def written(content):
        path = tmp_path / "a.npy"
        path.write_bytes(content)
        return path

    return written


@pytest.mark.parametrize(
    "dtype", ["?", "u1", "i1", "<i2", ">i2", "<u4", "<i8", "<f2", "<f4", ">f4", "<f8", ">f8", np.longdouble]
)
@pytest.mark.parametrize("order", "CF")
def test_numbers_are_read_as_they_were_saved(tmp_path, dtype, order):
    a = np.asarray(np.arange(12).reshape(3, 4) % 2, dtype, order=order)
    np.save(tmp_path / "a.npy", a)
    matrix = read_matrix(tmp_path / "a.npy")
    np.testing.assert_array_equal(matrix, a)
    assert isinstance(matrix, np.memmap)
    assert (matrix.dtype, matrix.flags.writeable) == (a.dtype, False)


@pytest.mark.parametrize("version", [(1, 0), (2, 0)])
def test_both_versions_of_the_header(tmp_path, version):
    with (tmp_path / "a.npy").open("wb") as stream:
        np.lib.format.write_array(stream, np.eye(3), version)
    np.testing.assert_array_equal(read_matrix(tmp_path / "a.npy"), np.eye(3))


@pytest.mark.parametrize(
    "content",
    [
        described(),
        described(order="True"),
        described(data=5000),  # more than is needed does no harm, to numpy.load either
        described(shape="(3L, 4L)"),  # as Python 2 wrote it
        described(version=(2, 0)),
        described(descr="'f4'"),
    ],
)
def test_odd_but_true_headers(written, content):
    assert read_matrix(written(content)).shape == (3, 4)


NO_NPY = [
    b"",
    b"\x93",
    MAGIC,
    MAGIC + b"\x01\x00",
    MAGIC + b"\x01\x00\xff\xff",
    b"PK\x03\x04" + bytes(100),
    pickle.dumps(np.eye(3)),
    b"\x89PNG\r\n\x1a\n" + bytes(100),
    header("", (9, 9)),
    header("{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4)}", (3, 0)),
    header("{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4)}", length=5),
    header("{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4)}", (2, 0), length=2**32 - 1),
    header("{'descr': '<f4', 'fortran_order': False}"),
    header("{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), 'more': 1}"),
    header("[]"),
    header("__import__('os').abort()"),
    header("("),
    header("(" * 9_000),
    header("-" * 9_000 + "1"),
    header("{" + "'a': 1, " * 1_000 + "}"),
    header("#" * 60_000),
    header(b"\xff\xfe\x00"),
    described(order="1"),
    described(shape="'(3, 4)'"),
    described(shape="[3, 4]"),
    described(shape="(3.0, 4)"),
    described(shape="(-3, -4)"),
    described(shape="(True, 4)"),
    described(shape="(10**30, 4)"),
    described(descr="'nonsense'"),
    described(descr="None"),
    described(descr="('<f4', (-1,))"),
]


@pytest.mark.parametrize("content", NO_NPY, ids=range(len(NO_NPY)))
def test_what_is_no_npy_file(written, content):
    with pytest.raises(LowrankError, match=r"no \.npy file that can be read here|real numbers") as raised:
        read_matrix(written(content))
    assert_a_sentence(raised.value)


CUT_SHORT = [
    described(data=47),
    described(data=0),
    described(shape="(3, 5)"),
    described(shape="(1000000, 1000000)"),
    described(shape="(2147483648, 4294967296)"),
    described(shape="(9223372036854775807, 9223372036854775807)"),
    described(shape=f"({10**40}, 4)"),
]


@pytest.mark.parametrize("content", CUT_SHORT, ids=range(len(CUT_SHORT)))
def test_a_shape_that_the_file_cannot_hold(written, content):
    with pytest.raises(FormatError, match=r"'a\.npy' is cut short") as raised:
        read_matrix(written(content))
    assert_a_sentence(raised.value)


NO_MATRIX = [
    (described("'|O'"), "Python objects"),
    (described("[('a', '|O')]"), "Python objects"),
    (described("'<c8'"), "complex64"),
    (described("'<U4'"), "real numbers"),
    (described("'S3'"), "real numbers"),
    (described("'S0'"), "real numbers"),
    (described("'<M8[s]'"), "real numbers"),
    (described("[('a', '<f4')]"), "real numbers"),
    (described("[('a\\x1b[31m', '<f4')]"), "real numbers"),
    (described("'<f4,<f4'"), "real numbers"),
    (described("('<f4', (2, 2))"), "real numbers"),
    (described("'V8'"), "real numbers"),
    (described(shape="()"), "0 axes"),
    (described(shape="(12,)"), "1 axes"),
    (described(shape="(3, 2, 2)"), "3 axes"),
    (described(shape=f"({'1, ' * 100})"), "100 axes"),
    (described(shape="(0, 4)"), "empty"),
    (described(shape="(3, 0)"), "empty"),
]


@pytest.mark.parametrize(("content", "words"), NO_MATRIX, ids=range(len(NO_MATRIX)))
def test_what_is_no_matrix_of_real_numbers(written, content, words):
    with pytest.raises(TensorError, match=words) as raised:
        read_matrix(written(content))
    assert_a_sentence(raised.value)


def assert_a_sentence(error):
    assert str(error).isprintable()
    assert str(error).endswith(".")
    assert len(str(error)) < 150


@given(st.binary(max_size=200), st.integers(0, 150), st.booleans())
def test_no_bytes_raise_anything_else(tmp_path_factory, noise, at, insert):
    whole = described()
    content = whole[:at] + noise + whole[at if insert else at + len(noise) :]
    path = tmp_path_factory.mktemp("fuzz") / "a.npy"
    path.write_bytes(content)
    try:
        assert read_matrix(path).ndim == 2
    except LowrankError as error:
        assert_a_sentence(error)


def test_objects_are_not_unpickled(written):
    class Bomb:
        def __reduce__(self):
            return os._exit, (7,)

    content = described("'|O'", shape="(1, 1)", data=0) + pickle.dumps(np.array([[Bomb()]], object))
    with pytest.raises(TensorError):
        read_matrix(written(content))


def test_a_missing_file_a_folder_and_a_pipe(tmp_path):
    os.mkfifo(tmp_path / "pipe.npy")
    for name in ("no.npy", ".", "pipe.npy", "a\0b.npy", "x" * 5000):
        with pytest.raises(TensorError, match=r"There is no file|cannot be read") as raised:
            read_matrix(tmp_path / name)
        assert str(tmp_path) not in str(raised.value)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_numbers_that_are_not_finite_are_found_when_it_is_decomposed(tmp_path, bad):
    a = np.eye(300, 200)
    a[299, 199] = bad
    np.save(tmp_path / "a.npy", a)
    for memory in (None, 5_000_000):
        with pytest.raises(TensorError, match="NaN or infinite"):
            lowrank.truncated_svd(read_matrix(tmp_path / "a.npy"), 5, memory=memory)


# -- the bytes of an upload -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mark", [",", ";", "\t", " ", "  "])
@pytest.mark.parametrize("titles", [False, True])
def test_text_is_read_as_numpy_reads_it(mark, titles):
    a = np.random.default_rng(0).standard_normal((7, 5))
    stream = io.StringIO()
    np.savetxt(stream, a, delimiter=mark, header=mark.join("abcde") if titles else "", comments="")
    assert (decode_matrix(stream.getvalue().encode("utf-8-sig")) == a).all()


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", ["<f8", "<f4", ">f4", "<f2", "<i4", "|u1", "|b1"])
def test_npy_bytes_are_read_as_numpy_reads_them(order, dtype):
    a = np.asarray(np.arange(12).reshape(3, 4) % 2, dtype, order=order)
    stream = io.BytesIO()
    np.save(stream, a)
    read = decode_matrix(stream.getvalue())
    assert (read == np.load(io.BytesIO(stream.getvalue()))).all()
    assert read.dtype == (np.float32 if dtype == "<f4" else np.float64)


def npy(a, **how):
    stream = io.BytesIO()
    np.save(stream, a, **how)
    return stream.getvalue()


BAD_UPLOADS = {
    "nothing": b"",
    "blank lines": b"\n \n",
    "a picture": b"\x89PNG\r\n\x1a\n\x00\xff",
    "HTML": b"<script>alert(1)</script>",
    "a short row": b"1,2\n3",
    "a long row": b"1,2\n3,4,5",
    "a word": b"1,x\n1,2",
    "decimal commas": b"1,5;2,0\n1;2",
    "decimal commas between tabs": b"1,5\t2,0\n1\t2",
    "infinity where titles are": b"inf,inf\n1,2",
    "NaN where titles are": b"nan,-nan\n1,2",
    "digits that are grouped": b"1_0,2\n3,4",
    "rows after titles that are none": b"a,b\nc,d\n",
    "NaN": b"1,nan\n2,3",
    "infinity": b"1,2\n2,1e999",
    "an empty cell": b"1,\n2,3",
    "a title alone": b"a,b",
    "a pickle": npy(np.array([{}], object), allow_pickle=True),
    "one axis": npy(np.zeros(4)),
    "three axes": npy(np.zeros((2, 2, 2))),
    "complex numbers": npy(np.zeros((2, 2), complex)),
    "NaN in .npy": npy(np.full((2, 2), np.nan)),
    "no rows": npy(np.zeros((0, 3))),
    "cut short": npy(np.zeros((5, 5)))[:-1],
    "a header of lies": npy(np.zeros((5, 5))).replace(b"(5, 5)", b"(99999999999, 99999999999)"),
    "no header": b"\x93NUMPY\x01\x00\xff\xff" + b"(" * 60000,
}


@pytest.mark.parametrize("data", BAD_UPLOADS.values(), ids=BAD_UPLOADS)
def test_every_bad_upload_is_refused_in_one_sentence_or_two(data):
    with pytest.raises((TensorError, FormatError)) as caught:
        decode_matrix(data)
    said = str(caught.value)
    assert "\n" not in said
    assert said.endswith(".")
    assert not re.search(r"Error|Exception|numpy\.nd|<|/", said)


def test_a_text_too_large_is_refused_before_it_is_read(monkeypatch):
    monkeypatch.setattr("lowrank.tensors.TEXT_LIMIT", 10)
    with pytest.raises(TensorError, match="larger than"):
        decode_matrix(b"1,2,3,4,5,6")


@pytest.mark.parametrize("first", ["-.5,-.25", "+.5,.5", " .5, -.5"])
def test_a_first_line_of_numbers_is_a_row_however_they_are_written(first):
    assert decode_matrix(f"{first}\n1,2\n".encode()).tolist() == [[float(x) for x in first.split(",")], [1, 2]]


@pytest.mark.parametrize("first", ["1,x", "x,.5", "$1,2", "x,inf"])
def test_a_first_line_with_a_number_holds_no_titles(first):
    with pytest.raises(TensorError, match="Line 1 holds something that is no number"):
        decode_matrix(f"{first}\n1,2\n".encode())


@pytest.mark.parametrize(
    ("data", "most", "largest"),
    [
        (b"1\n" * 500_000, 1000, 300_000),
        (b"11," * 300_000 + b"1", 1000, 3_500_000),
        (b"1 " * 400_000, 1000, 3_500_000),
        (npy(np.ones((1000, 1000), np.uint8)), 999_999, 300_000),
        (b"1\n" * 50_000, None, 50_000 * 8 + 400_000),
        (b"11," * 400_000 + b"1", None, 9_600_000),
    ],
    ids=["lines", "one line", "blanks", "npy", "lines without a bound", "one line without a bound"],
)
def test_what_is_too_large_is_refused_before_it_is_in_memory(data, most, largest):
    tracemalloc.start()
    try:
        if most is None:
            assert decode_matrix(data).size >= 50_000
        else:
            with pytest.raises(TensorError, match=rf"more than {most:,} numbers"):
                decode_matrix(data, most=most)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < largest


def test_as_many_numbers_as_may_be_are_read():
    a = np.arange(12.0).reshape(3, 4)
    for data in (npy(a), b"\n\n".join(b",".join(b"%d" % x for x in row) for row in a)):
        assert (decode_matrix(data, most=12) == a).all()
        with pytest.raises(TensorError, match="more than 11 numbers"):
            decode_matrix(data, most=11)


def test_progress_is_told_while_text_is_read():
    shares = []
    decode_matrix(b"0.25,0.5\n" * 50_000, progress=shares.append)
    assert shares == sorted(shares)
    assert len(shares) > 4
    assert 0.8 < shares[-1] <= 1
