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
from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path

import numpy as np

from lowrank.errors import FormatError, TensorError
from lowrank.parallel import Progress, idle
from lowrank.svd import Array, as_matrices

#: File name ending of what is read, in lower case.
EXTENSION = "npy"

#: Most bytes of a text of numbers: beyond, a ``.npy`` file is a tenth of the time.
TEXT_LIMIT = 64 << 20

#: Characters of a line that are taken apart at once: a line of millions of numbers is never a list of as many strings.
_PIECE = 1 << 16

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


def decode_matrix(data: bytes, *, most: int | None = None, progress: Progress = idle) -> Array:
    r"""Return the matrix in the bytes of a file: ``.npy`` by its first bytes, and else text, a row on each line.

    Parameters
    ----------
    data : bytes
        Text is numbers between commas, semicolons, tabs or blanks; a first line of titles, none of them a number, is
        left out.
    most : int, optional
        Numbers that it may have. Of a ``.npy`` file they are counted in the header, and of a text as they are read.
    progress : callable, optional
        Told now and then, while text is read, the share of it that is done.

    Returns
    -------
    ndarray, shape (m, n)
        Of float32 or float64, finite.

    Raises
    ------
    FormatError
        If it is a damaged ``.npy`` file, or one cut short.
    TensorError
        If it is anything but one finite matrix of real numbers, of more than `most` numbers, or text of more than
        `TEXT_LIMIT` bytes.

    Notes
    -----
    Beside the matrix, 8 bytes for each number, no more is in memory than a few times its longest line.

    Examples
    --------
    >>> decode_matrix(b"a,b\n1,2\n3,4\n").tolist()
    [[1.0, 2.0], [3.0, 4.0]]
    """
    if not data.startswith(b"\x93NUMPY"):
        return as_matrices(_text(data, most, progress))
    shape, by_columns, dtype, offset = _header(data[:_LONGEST_HEADER])
    count = math.prod(shape)
    if count * dtype.itemsize > len(data) - offset:
        raise FormatError("This .npy file is cut short. Copy or save it again.")
    if most is not None and count > most:
        raise _too_many(most)
    numbers = np.frombuffer(data, dtype, count, offset)
    return as_matrices(numbers.reshape(shape, order="F" if by_columns else "C"))


def _too_many(most: int) -> TensorError:
    return TensorError(
        f"This matrix has more than {most:,} numbers. Give a part of it; in the shell: lowrank curve FILE.npy."
    )


def _text(data: bytes, most: int | None, progress: Progress) -> Array:
    """The matrix in a text of numbers."""
    if len(data) > TEXT_LIMIT:
        raise TensorError(f"This text is larger than {TEXT_LIMIT >> 20} MiB. Save the matrix with numpy.save instead.")
    # a number takes a character and a mark: this is address space, and memory only where it is written to
    flat = np.empty(len(data) // 2 + 1 if most is None else min(most, len(data) // 2 + 1))
    mark: str | None = None
    first, titles, columns, filled, read, told = True, 0, 0, 0, 0, 0
    for number, line in _lines(data):
        read += len(line)
        if not line.strip():
            continue
        if first:  # a comma last: beside semicolons or tabs it is a decimal sign, and no number here
            first, mark = False, next((mark for mark in ";\t," if mark in line), None)
            if not any(map(_like_a_number, islice(chain.from_iterable(_cells(line, mark)), most))):
                titles = number
                continue
        before = filled
        for cells in _cells(line, mark):
            if most is not None and filled + len(cells) > most:
                raise _too_many(most)
            try:
                flat[filled : filled + len(cells)] = cells
            except ValueError:
                raise _no_number(number) from None
            filled += len(cells)
            if read - told >= _PIECE:
                told = read
                progress(min(read / len(data), 1.0))
        if "_" in line:  # which Python reads over
            raise _no_number(number)
        columns = columns or filled - before
        if filled - before != columns:
            raise TensorError(
                f"Line {number} has {filled - before} numbers, and not {columns} as the others. Fill it up."
            )
    if titles and not columns:
        raise _no_number(titles)
    if not columns:
        raise TensorError("The matrix is empty. Give one with at least one row and one column.")
    return flat[:filled].reshape(-1, columns)


def _lines(data: bytes) -> Iterator[tuple[int, str]]:
    """The lines of a text and their numbers, decoded one after the other."""
    try:
        yield from enumerate(io.TextIOWrapper(io.BytesIO(data), "utf-8-sig"), 1)
    except UnicodeDecodeError:
        raise TensorError(
            "This is neither a .npy file nor a text of numbers. Save the matrix as one of them."
        ) from None


def _cells(line: str, mark: str | None) -> Iterator[list[str]]:
    """What is between the marks of a line, piece by piece."""
    if len(line) <= _PIECE:
        yield line.split(mark)
        return
    end, start = re.compile(mark or r"\s"), 0
    while found := end.search(line, start + _PIECE):
        yield line[start : found.start()].split(mark)
        start = found.end()
    yield line[start:].split(mark)


def _like_a_number(cell: str) -> bool:
    """Whether a cell is a number, if only a wrong one such as ``1,5``: then its line holds no titles."""
    try:
        float(cell)
    except ValueError:
        return re.match(r"\s*\W{0,2}\d", cell) is not None
    return True


def _no_number(line: int) -> TensorError:
    return TensorError(f"Line {line} holds something that is no number. Write numbers like 0.5, with a point.")


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
