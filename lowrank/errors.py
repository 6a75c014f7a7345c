"""The one family of errors that a user's mistake can raise.

Each message is a sentence for the person at the keyboard: what is wrong, and what to do. A programmer's mistake
(a wrong type, an impossible axis) raises `ValueError` or `TypeError` instead.
"""


class LowrankError(Exception):
    """Base of every error that tells a user what was wrong and what to do."""


class ImageError(LowrankError):
    """A picture cannot be read: not a picture, damaged, or over the limits."""


class FormatError(LowrankError):
    """A file is damaged, or of an unknown format or version."""


class TensorError(LowrankError):
    """A matrix cannot be decomposed: empty, not of real numbers, or holding NaN or infinite values."""


class RankError(LowrankError):
    """A rank, or a target for choosing one, lies outside of what the matrix or the memory allows."""
