"""A matrix in a file: read as a memory map, after its header has been found to say the truth.

The file is hostile until then. Only plain numbers are read, never objects, which would have to be unpickled; and what a
header promises is compared with the file's size before anything is mapped.
"""

from __future__ import annotations

import io
import math
import os
import warnings
from pathlib import Path

import numpy as np

from lowrank.errors import FormatError, TensorError

#: File name ending of what is read, in lower case.
EXTENSION = "npy"

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
