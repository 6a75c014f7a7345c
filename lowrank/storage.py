"""What factors cost: stored numbers, compression ratio, bits per pixel, break-even rank.

One layer of an m x n plane stores a column, a row and a singular value: ``m + n + 1`` numbers. Rank k is k layers of
each plane, or fewer where ranks are allotted (`SVD.layers` counts them). These are the counts of raw factors, without
any coding; a real file format needs fewer bits for each number.
"""

from __future__ import annotations

#: Bits of one stored number, by the name of the precision.
BITS = {"float32": 32, "float16": 16, "8-bit": 8}

#: Bits of one sample of the picture that the factors stand for.
PIXEL_BITS = 8


def stored_numbers(m: int, n: int, layers: int) -> int:
    """Return how many numbers so many layers store: ``layers * (m + n + 1)``.

    Examples
    --------
    >>> stored_numbers(512, 512, 50)
    51250
    """
    return layers * (m + n + 1)


def compression_ratio(m: int, n: int, layers: int, planes: int = 1) -> float:
    """Return original numbers over stored numbers; below 1 the factors are the larger. Infinite for no layer.

    Parameters
    ----------
    m, n : int
        Rows and columns.
    layers : int
        Over all planes.
    planes : int
        Of the picture.

    Examples
    --------
    >>> round(compression_ratio(512, 512, 50), 3)
    5.115
    """
    return planes * m * n / stored_numbers(m, n, layers) if layers else float("inf")


def stored_bytes(m: int, n: int, layers: int, precision: str = "float32") -> int:
    """Return the bytes of the raw factors at `precision` (a key of `BITS`).

    Examples
    --------
    >>> stored_bytes(512, 512, 50), stored_bytes(512, 512, 50, "8-bit")
    (205000, 51250)
    """
    return stored_numbers(m, n, layers) * BITS[precision] // 8


def bits_per_pixel(m: int, n: int, layers: int, precision: str = "float32") -> float:
    """Return the bits of the raw factors per pixel of the m x n picture.

    Examples
    --------
    >>> bits_per_pixel(400, 600, 50, "float16")
    3.3366666666666664
    """
    return 8 * stored_bytes(m, n, layers, precision) / (m * n)


def break_even_layers(m: int, n: int, planes: int = 1, precision: str | None = None) -> int:
    """Return the largest number of layers, over all planes, that is no larger than the picture.

    Parameters
    ----------
    m, n, planes : int
        Rows, columns and planes of the picture.
    precision : str, optional
        A key of `BITS`: compare the factors' bytes with 8-bit pixels. By default numbers are compared with numbers.

    Examples
    --------
    >>> break_even_layers(402, 600, planes=3)
    721
    """
    cost = 1 if precision is None else BITS[precision] / PIXEL_BITS
    return int(planes * m * n // (cost * (m + n + 1)))


def break_even_rank(m: int, n: int, precision: str | None = None) -> int:
    """Return the highest rank whose factors are no larger than the picture, every plane having that rank.

    Parameters
    ----------
    m, n : int
        Rows and columns. The number of planes cancels out.
    precision : str, optional
        As in `break_even_layers`.

    Returns
    -------
    int
        0 where even rank 1 is larger, as for a single row.

    Examples
    --------
    >>> [break_even_rank(402, 600, p) for p in (None, "float32", "float16", "8-bit")]
    [240, 60, 120, 240]
    """
    return break_even_layers(m, n, 1, precision)
