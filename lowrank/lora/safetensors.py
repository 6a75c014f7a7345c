"""The safetensors format, read lazily and written: named arrays in one file.

::

    8 bytes   length of the header, little-endian
    header    JSON: {"name": {"dtype": "BF16", "shape": [4096, 16], "data_offsets": [0, 131072]}, "__metadata__": {...}}
    data      the arrays, row by row, without gaps

A file is hostile until its header has been compared with its size: names, types, shapes and offsets, before anything is
allocated. It is read by hand because the package of that name gives NumPy no bfloat16 without another package, and the
8-bit floats not at all. The data stay where they are, on disk or in the bytes given, until a tensor is asked for.
"""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeGuard

import numpy as np
from numpy.typing import NDArray

from lowrank.errors import FormatError, TensorError
from lowrank.lora.floats import FLOATS, WIDTHS, WRITTEN, Floats, decoded, rounded

#: Longest header that is read, in bytes, and most tensors in one file. The largest models have a few thousand.
HEADER_LIMIT = 16 << 20
TENSOR_LIMIT = 50_000

#: Most axes of a tensor, and most characters of its name.
AXES_LIMIT = 8
NAME_LIMIT = 500

_DAMAGED = "This is no safetensors file that can be read here: {}. Copy or download it again."


@dataclass(frozen=True, slots=True)
class Entry:
    """What the header says of one tensor.

    Attributes
    ----------
    dtype : str
        A key of `WIDTHS`.
    shape : tuple of int
    start, end : int
        Of its bytes, from the beginning of the file.
    """

    dtype: str
    shape: tuple[int, ...]
    start: int
    end: int

    @property
    def nbytes(self) -> int:
        """Bytes in the file."""
        return self.end - self.start


@dataclass(frozen=True, slots=True, eq=False)
class Stored:
    """A tensor as it is in a file.

    Attributes
    ----------
    dtype : str
        A key of `WIDTHS`.
    bits : ndarray of unsigned int
        Of the type's width, in the tensor's shape.
    """

    dtype: str
    bits: NDArray[Any]

    @classmethod
    def of(cls, values: NDArray[Any], dtype: str) -> Stored:
        """Round numbers to a type, a key of `WRITTEN`; raises TensorError where one is too large for it."""
        return cls(WRITTEN[dtype], rounded(values, dtype))

    @property
    def finite(self) -> bool:
        """Whether there is neither NaN nor an infinite value in it."""
        return self.dtype not in FLOATS or bool(np.isfinite(decoded(self.bits, self.dtype)).all())


class SafeTensors(Mapping[str, Entry]):
    """The tensors of a file by name, none of them read yet.

    Parameters
    ----------
    source : bytes or str or path
        The file's content, or where it is.

    Raises
    ------
    FormatError
        If it is damaged, cut short, over the limits, or no safetensors file.
    TensorError
        If there is no such file, or it may not be read.
    """

    def __init__(self, source: bytes | str | os.PathLike[str]) -> None:
        self._data = _mapped(source)
        self._entries, self.metadata = _header(self._data)

    def __getitem__(self, name: str) -> Entry:
        return self._entries[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def raw(self, name: str) -> NDArray[Any]:
        """Return a tensor's bytes as unsigned integers of its width, in its shape; a view, nothing is read."""
        entry = self._entries[name]
        return self._data[entry.start : entry.end].view(f"<u{WIDTHS[entry.dtype]}").reshape(entry.shape)

    def stored(self, name: str) -> Stored:
        """Return a tensor as it is, of any type; a view, nothing is read."""
        return Stored(self._entries[name].dtype, self.raw(name))

    def read(self, name: str) -> Floats:
        """Read one tensor of floating-point numbers.

        Returns
        -------
        ndarray
            float64 for F64, and else float32, which holds every other type exactly.

        Raises
        ------
        TensorError
            If it holds integers, NaN or infinite values.
        """
        entry = self._entries[name]
        if entry.dtype not in FLOATS:
            raise TensorError(
                f"The tensor {shown(name)} holds {entry.dtype}, not floating-point numbers. Leave it out."
            )
        values = decoded(self.raw(name), entry.dtype)
        if not np.isfinite(values).all():
            raise TensorError(f"The tensor {shown(name)} holds NaN or infinite values. It cannot be decomposed.")
        return values


def shown(name: str) -> str:
    """Return a tensor's name as a message may show it: quoted, not too long, and nothing that a page would obey."""
    return repr(re.sub(r"[^\w.:/-]", "?", name if len(name) <= 80 else name[:77] + "...", flags=re.ASCII))


def _mapped(source: bytes | str | os.PathLike[str]) -> NDArray[np.uint8]:
    if isinstance(source, bytes):
        return np.frombuffer(source, np.uint8)
    name = repr(Path(source).name)
    try:
        if not Path(source).is_file():  # a pipe or a device would keep us waiting
            raise TensorError(f"There is no file {name}. Check the name and the folder.")
        if not Path(source).stat().st_size:
            return np.zeros(0, np.uint8)
        return np.memmap(source, np.uint8, "r")
    except (OSError, ValueError):
        raise TensorError(f"The file {name} cannot be read. Check that it is a file and that you may.") from None


def _header(data: NDArray[np.uint8]) -> tuple[dict[str, Entry], dict[str, str]]:
    """Read the header and compare all of it with the file's size."""
    if data.size < 8:
        raise FormatError(_DAMAGED.format("it is too short"))
    length = int.from_bytes(data[:8].tobytes(), "little")
    if length > HEADER_LIMIT:
        raise FormatError(_DAMAGED.format(f"its header would be longer than {HEADER_LIMIT >> 20} MiB"))
    if length > data.size - 8:
        raise FormatError(_DAMAGED.format("it ends within its header"))
    try:
        header = json.loads(data[8 : 8 + length].tobytes().decode("utf-8"), object_pairs_hook=_unique)
    except (ValueError, RecursionError):
        raise FormatError(_DAMAGED.format("its header is no JSON, or names a tensor twice")) from None
    if not isinstance(header, dict):
        raise FormatError(_DAMAGED.format("its header is no table of tensors"))
    if len(header) > TENSOR_LIMIT:
        raise FormatError(f"This file has more than {TENSOR_LIMIT:,} tensors. That is more than is read here.")
    metadata = header.pop("__metadata__", None)
    metadata = metadata if isinstance(metadata, dict) else {}
    entries = {name: _entry(name, value, 8 + length, data.size) for name, value in header.items()}
    end = 8 + length
    for entry in sorted(entries.values(), key=lambda entry: (entry.start, entry.end)):
        if entry.start < end:
            raise FormatError(_DAMAGED.format("its tensors overlap"))
        end = entry.end
    return entries, {str(key): str(value) for key, value in metadata.items()}


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(found := dict(pairs)) < len(pairs):
        raise ValueError("a name twice")
    return found


def _entry(name: str, value: object, data: int, size: int) -> Entry:
    """Check what the header says of one tensor."""
    if len(name) > NAME_LIMIT:
        raise FormatError(_DAMAGED.format("a tensor's name is too long"))
    wrong = FormatError(_DAMAGED.format(f"what it says of the tensor {shown(name)} is not true"))
    if not isinstance(value, dict):
        raise wrong
    dtype, shape, offsets = (value.get(key) for key in ("dtype", "shape", "data_offsets"))
    if not isinstance(dtype, str) or not _counts(shape) or not _counts(offsets) or len(offsets) != 2:
        raise wrong
    if dtype not in WIDTHS:
        raise TensorError(f"The tensor {shown(name)} has the type {shown(dtype)}, which is not read here.")
    start, end = offsets
    if len(shape) > AXES_LIMIT or not start <= end <= size - data or math.prod(shape) * WIDTHS[dtype] != end - start:
        raise wrong
    return Entry(dtype, tuple(shape), data + start, data + end)


def _counts(value: object) -> TypeGuard[list[int]]:
    """Whether this is a list of whole numbers that a file's size could be."""
    return isinstance(value, list) and all(type(x) is int and 0 <= x < 1 << 62 for x in value)


def encode(
    tensors: Mapping[str, NDArray[Any] | Stored], dtype: str = "float32", metadata: Mapping[str, str] | None = None
) -> bytes:
    """Write arrays as a safetensors file.

    Parameters
    ----------
    tensors : mapping of str to ndarray or Stored
        Arrays are rounded to `dtype`; what is stored already is written as it is.
    dtype : str
        A key of `WRITTEN`.
    metadata : mapping of str to str, optional

    Raises
    ------
    TensorError
        If a value is too large for the type.

    Examples
    --------
    >>> import numpy as np
    >>> data = encode({"a": np.eye(2)}, "bfloat16", {"format": "pt"})
    >>> file = SafeTensors(data)
    >>> file["a"].dtype, file.metadata, file.read("a").tolist()
    ('BF16', {'format': 'pt'}, [[1.0, 0.0], [0.0, 1.0]])
    """
    header: dict[str, Any] = {"__metadata__": dict(metadata)} if metadata else {}
    parts, start = [], 0
    for name in sorted(tensors):
        tensor = tensors[name]
        stored = tensor if isinstance(tensor, Stored) else Stored.of(tensor, dtype)
        part, shape = stored.bits.tobytes(), list(stored.bits.shape)
        header[name] = {"dtype": stored.dtype, "shape": shape, "data_offsets": [start, start + len(part)]}
        parts.append(part)
        start += len(part)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return b"".join([len(text).to_bytes(8, "little"), text, *parts])
