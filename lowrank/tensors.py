"""A matrix in a file: a .npy file read as a memory map, after its header has been found to say the truth; or as text.

The file is hostile until then. Only plain numbers are read, never objects, which would have to be unpickled; and what a
header promises is compared with the file's size before anything is mapped.
"""

from __future__ import annotations

import io
import math
import os
import re
import warnings
from pathlib import Path

import numpy as np

from lowrank.errors import FormatError, TensorError
from lowrank.svd import Array, as_matrices

#: File name ending of what is read, in lower case.
EXTENSION = "npy"

#: Most bytes of a text of numbers: beyond, a ``.npy`` file is a tenth of the time.
TEXT_LIMIT = 64 << 20

#: More than any header that NumPy reads: it refuses those above 10,000 characters.
_LONGEST_HEADER = 20_000
_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


def read_matrix(path: str | os.PathLike[str]) -> np.memmap:
    """Open the matrix in a ``.npy`` file, without reading its numbers.

    Parameters
    ----------
    path : str or path
        As `numpy.save` wrote it: booleans, integers or floating-point numbers.

    Returns
    -------
    memmap, shape (m, n)
        Read-only, in the file's own type. NaN and infinite values are found when it is decomposed.

    Raises
    ------
    FormatError
        If it is no ``.npy`` file, damaged, or cut short.
    TensorError
        If there is no such file, or it holds anything but one matrix of real numbers.
    """
    name = repr(Path(path).name)
    try:
        if not Path(path).is_file():  # a pipe or a device would keep us waiting
            raise TensorError(f"There is no file {name}. Check the name and the folder.")
        with Path(path).open("rb") as stream:
            start, size = stream.read(_LONGEST_HEADER), os.fstat(stream.fileno()).st_size
            shape, by_columns, dtype, offset = _header(start)
            if math.prod(shape) * dtype.itemsize > size - offset:
                raise FormatError(f"The file {name} is cut short. Copy or save it again.")
            return np.memmap(stream, dtype, "r", offset, shape, "F" if by_columns else "C")
    except (OSError, ValueError):
        raise TensorError(f"The file {name} cannot be read. Check that it is a file and that you may.") from None


def decode_matrix(data: bytes) -> Array:
    r"""Return the matrix in the bytes of a file: ``.npy`` by its first bytes, and else text, a row on each line.

    Parameters
    ----------
    data : bytes
        Text is numbers between commas, semicolons, tabs or blanks; a first line of titles is left out.

    Returns
    -------
    ndarray, shape (m, n)
        Of float32 or float64, finite.

    Raises
    ------
    FormatError
        If it is a damaged ``.npy`` file, or one cut short.
    TensorError
        If it is anything but one finite matrix of real numbers, or text of more than `TEXT_LIMIT` bytes.

    Examples
    --------
    >>> decode_matrix(b"a,b\n1,2\n3,4\n").tolist()
    [[1.0, 2.0], [3.0, 4.0]]
    """
    if not data.startswith(b"\x93NUMPY"):
        return as_matrices(_text(data))
    shape, by_columns, dtype, offset = _header(data[:_LONGEST_HEADER])
    count = math.prod(shape)
    if count * dtype.itemsize > len(data) - offset:
        raise FormatError("This .npy file is cut short. Copy or save it again.")
    numbers = np.frombuffer(data, dtype, count, offset)
    return as_matrices(numbers.reshape(shape, order="F" if by_columns else "C"))


def _text(data: bytes) -> Array:
    """The matrix in a text of numbers."""
    if len(data) > TEXT_LIMIT:
        raise TensorError(f"This text is larger than {TEXT_LIMIT >> 20} MiB. Save the matrix with numpy.save instead.")
    try:
        lines = data.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise TensorError(
            "This is neither a .npy file nor a text of numbers. Save the matrix as one of them."
        ) from None
    rows = [(number, line) for number, line in enumerate(lines, 1) if line.strip()]
    if not rows:
        raise TensorError("The matrix is empty. Give one with at least one row and one column.")
    counts = {mark: rows[0][1].count(mark) for mark in ";\t,"}  # a comma last: beside semicolons it is a decimal sign
    mark = next((mark for mark, count in counts.items() if count), None)
    if len(rows) > 1 and not any(re.match(r"\s*\W?\d", cell) for cell in rows[0][1].split(mark)):
        del rows[0]  # titles
    matrix = np.empty((len(rows), len(rows[0][1].split(mark))))
    for row, (number, line) in zip(matrix, rows, strict=True):
        values = line.split(mark)
        if len(values) != row.size:
            raise TensorError(f"Line {number} has {len(values)} numbers, and not {row.size} as the others. Fill it up.")
        try:
            row[:] = values
        except ValueError:
            raise TensorError(f"Line {number} holds something that is no number. Write numbers like 0.5.") from None
    return matrix


def _header(start: bytes) -> tuple[tuple[int, ...], bool, np.dtype, int]:
    """Shape, order by columns or by rows, dtype and length of the header, of a matrix that can be read."""
    stream = io.BytesIO(start)
    # hostile text is parsed here, and the parser raises SyntaxError, TokenError, MemoryError, ... as it pleases
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a header as Python 2 wrote it
            shape, by_columns, dtype = _HEADERS[np.lib.format.read_magic(stream)](stream)
    except Exception:
        raise FormatError("This is no .npy file that can be read here. Save the matrix with numpy.save.") from None
    if dtype.hasobject:
        raise TensorError("This file holds Python objects, which are not read. Save it as an array of numbers.")
    if dtype.kind not in "fiub":
        raise TensorError(f"This is not a matrix of real numbers (its type is {dtype.name}). Convert it first.")
    if len(shape) != 2:
        raise TensorError(f"This array has {len(shape)} axes, not rows and columns. Save one matrix of it.")
    if not all(type(side) is int and side >= 0 for side in shape):
        raise FormatError("This is no .npy file that can be read here. Save the matrix with numpy.save.")
    if 0 in shape:
        raise TensorError("The matrix is empty. Give one with at least one row and one column.")
    return shape, by_columns, dtype, stream.tell()
