"""safetensors: the same numbers as the package of that name, lazily, and nothing that a header lies about."""

import struct
import tracemalloc

import ml_dtypes
import numpy as np
import pytest
import safetensors.numpy
from adapters import BAD_FILES, DATA, ONE, entry, raw
from hypothesis import given
from hypothesis import strategies as st

from lowrank.errors import FormatError, LowrankError, TensorError
from lowrank.lora.floats import FRACTION_BITS, decoded, rounded
from lowrank.lora.safetensors import SafeTensors, encode


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "bfloat16", "float8_e4m3fn", "float8_e5m2"])
def test_numbers_of_every_type_are_those_of_the_packages(dtype, tmp_path):
    """The type's own package converts the bits; every pattern of 8 and 16 bits, NaN and infinite ones apart."""
    kind = np.dtype(getattr(ml_dtypes, dtype, dtype))
    bits = np.random.default_rng(0).integers(0, 256, 1 << 16, np.uint8)
    if kind.itemsize <= 2:
        bits = np.arange(1 << 8 * kind.itemsize, dtype=f"u{kind.itemsize}").view(np.uint8)
    values = bits.view(kind)
    with np.errstate(invalid="ignore"):
        values = values[np.isfinite(values.astype(np.float64))]
    name = {"float8_e4m3fn": "F8_E4M3", "float8_e5m2": "F8_E5M2", "bfloat16": "BF16"}.get(
        dtype, f"F{kind.itemsize * 8}"
    )
    data = raw({"a": entry(name, values.shape, (0, values.nbytes))}, values.tobytes())
    (tmp_path / "a.safetensors").write_bytes(data)
    for source in (data, tmp_path / "a.safetensors", str(tmp_path / "a.safetensors")):
        read = SafeTensors(source).read("a")
        assert read.dtype == (np.float64 if dtype == "float64" else np.float32)
        assert (read == values.astype(np.float64)).all()
    assert FRACTION_BITS[name] == round(-np.log2(float(ml_dtypes.finfo(kind).eps)))


@pytest.mark.parametrize("dtype", ["float8_e4m3fn", "float8_e5m2"])
def test_patterns_that_are_no_number_in_8_bits(dtype):
    values = np.arange(256, dtype=np.uint8).view(getattr(ml_dtypes, dtype)).astype(np.float32)
    ours = decoded(np.arange(256, dtype=np.uint8), "F8_E4M3" if "e4m3" in dtype else "F8_E5M2")
    np.testing.assert_array_equal(ours, values)


@given(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=1))
def test_bfloat16_is_rounded_as_ml_dtypes_rounds_it(numbers):
    values = np.array(numbers, np.float32)
    with np.errstate(over="ignore"):
        expected = values.astype(ml_dtypes.bfloat16)
    if np.isfinite(expected.astype(np.float32)).all():
        assert (rounded(values, "bfloat16") == expected.view(np.uint16)).all()
    else:
        with pytest.raises(TensorError, match="too large"):
            rounded(values, "bfloat16")


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_what_is_written_is_read_by_the_package(dtype, tmp_path):
    a = {"b.weight": np.random.default_rng(0).standard_normal((5, 7)), "a": np.arange(3.0), "c": np.array(4.0)}
    (tmp_path / "a.safetensors").write_bytes(encode(a, dtype, {"format": "pt"}))
    with safetensors.safe_open(tmp_path / "a.safetensors", "numpy") as file:
        assert file.metadata() == {"format": "pt"}
        assert set(file.keys()) == set(a)
        for name, values in a.items():
            read = file.get_tensor(name)
            assert read.shape == values.shape
            assert (read == values.astype(getattr(ml_dtypes, dtype, dtype))).all()
    assert encode(a, dtype) == encode(dict(reversed(a.items())), dtype)


def test_what_the_package_writes_is_read():
    a = {"x": np.random.default_rng(0).standard_normal((5, 7)).astype(np.float32), "n": np.arange(4)}
    file = SafeTensors(safetensors.numpy.save(a, {"who": "me"}))
    assert file.metadata == {"who": "me"}
    assert list(file) == ["n", "x"] or list(file) == ["x", "n"]
    assert file["x"].shape == (5, 7)
    assert (file.read("x") == a["x"]).all()
    with pytest.raises(TensorError, match="'n' holds I64"):
        file.read("n")


def test_a_number_too_large_for_float16_is_refused():
    with pytest.raises(TensorError, match="too large for float16"):
        encode({"a": np.array([1e6])}, "float16")


def test_nothing_is_read_until_it_is_asked_for(tmp_path):
    path = tmp_path / "big.safetensors"
    count, side = 20, 512
    size = side * side * 4
    header = raw({f"t{i}": entry("F32", (side, side), (i * size, (i + 1) * size)) for i in range(count)})
    with path.open("wb") as stream:
        stream.write(header)
        stream.truncate(len(header) + count * size)
    tracemalloc.start()
    file = SafeTensors(path)
    for name in file:
        assert not file.read(name).any()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 3 * size


@pytest.mark.parametrize("data", BAD_FILES.values(), ids=BAD_FILES)
def test_a_header_that_lies_is_refused_in_one_sentence_or_two(data, tmp_path):
    path = tmp_path / "secret.safetensors"
    path.write_bytes(data)
    for source in (data, path):
        with pytest.raises((FormatError, TensorError)) as caught:
            SafeTensors(source)
        said = str(caught.value)
        assert said.endswith(".")
        assert "\n" not in said
        assert not any(word in said for word in ("Error", "Exception", str(tmp_path), "<"))


def test_a_huge_header_is_refused_before_it_is_allocated():
    tracemalloc.start()
    for length in (1 << 30, 1 << 62, (1 << 64) - 1):
        with pytest.raises(FormatError, match="header"):
            SafeTensors(struct.pack("<Q", length) + bytes(1000))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1 << 20


def test_a_name_in_a_message_can_do_nothing():
    file = SafeTensors(raw({"<b>[x](y)\x1b[31m\n": entry("I32")}, DATA))
    with pytest.raises(TensorError) as caught:
        file.read(next(iter(file)))
    assert "'?b??x??y???31m?'" in str(caught.value)


def test_no_such_file(tmp_path):
    for path in (tmp_path, tmp_path / "none.safetensors"):
        with pytest.raises(TensorError, match="There is no file"):
            SafeTensors(path)
    (tmp_path / "empty").touch()
    with pytest.raises(FormatError, match="too short"):
        SafeTensors(tmp_path / "empty")


@given(st.binary(max_size=200), st.integers(0, 60), st.integers(0, 255))
def test_any_bytes_are_a_file_or_a_sentence(junk, at, byte):
    good = raw(ONE, DATA)
    for data in (junk, struct.pack("<Q", len(junk)) + junk, good[:at] + bytes([byte]) + good[at + 1 :]):
        said = "."
        try:
            file = SafeTensors(data)
            for name in file:
                file.read(name)
        except LowrankError as error:
            said = str(error)
        assert said.endswith(".")
