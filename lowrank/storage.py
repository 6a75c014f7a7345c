"""What rank k costs: stored numbers, compression ratio, bits per pixel, break-even rank.

A rank-k factorisation of one m x n plane stores k columns, k rows and k singular values: ``k (m + n + 1)`` numbers.
These are the counts of raw factors, without any coding; a real file format needs fewer bits for each number.
"""

from __future__ import annotations

#: Bits of one stored number, by the name of the precision.
BITS = {"float32": 32, "float16": 16, "8-bit": 8}

#: Bits of one sample of the picture that the factors stand for.
PIXEL_BITS = 8


def stored_numbers(m: int, n: int, k: int, planes: int = 1) -> int:
    """Return how many numbers rank k stores: ``planes * k * (m + n + 1)``.

    Examples
    --------
    >>> stored_numbers(512, 512, 50)
    51250
    """
    return planes * k * (m + n + 1)


def compression_ratio(m: int, n: int, k: int) -> float:
    """Return original numbers over stored numbers; below 1 the factors are the larger. Infinite at k = 0.

    Examples
    --------
    >>> round(compression_ratio(512, 512, 50), 3)
    5.115
    """
    return m * n / stored_numbers(m, n, k) if k else float("inf")


def stored_bytes(m: int, n: int, k: int, planes: int = 1, precision: str = "float32") -> int:
    """Return the bytes of the raw factors at `precision` (a key of `BITS`).

    Examples
    --------
    >>> stored_bytes(512, 512, 50), stored_bytes(512, 512, 50, precision="8-bit")
    (205000, 51250)
    """
    return stored_numbers(m, n, k, planes) * BITS[precision] // 8


def bits_per_pixel(m: int, n: int, k: int, planes: int = 1, precision: str = "float32") -> float:
    """Return the bits of the raw factors per pixel of the m x n picture.

    Examples
    --------
    >>> bits_per_pixel(400, 600, 50, precision="float16")
    3.3366666666666664
    """
    return 8 * stored_bytes(m, n, k, planes, precision) / (m * n)


def break_even_rank(m: int, n: int, precision: str | None = None) -> int:
    """Return the highest rank whose factors are no larger than the picture.

    Parameters
    ----------
    m, n : int
        Rows and columns. The number of planes cancels out.
    precision : str, optional
        A key of `BITS`: compare the factors' bytes with 8-bit pixels. By default numbers are compared with numbers.

    Returns
    -------
    int
        0 where even rank 1 is larger, as for a single row.

    Examples
    --------
    >>> [break_even_rank(402, 600, p) for p in (None, "float32", "float16", "8-bit")]
    [240, 60, 120, 240]
    """
    cost = 1 if precision is None else BITS[precision] / PIXEL_BITS
    return int(m * n // (cost * (m + n + 1)))
