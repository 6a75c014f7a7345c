"""A low-rank picture as bytes: the .lrk file."""

from lowrank.codec.container import ARRANGEMENTS, Arrangement, Header
from lowrank.codec.files import MOST, at_steps, before_rounding, both_at_steps, decode, encode, inspect
from lowrank.codec.pictures import highest_rank

__all__ = [
    "ARRANGEMENTS",
    "MOST",
    "Arrangement",
    "Header",
    "at_steps",
    "before_rounding",
    "both_at_steps",
    "decode",
    "encode",
    "highest_rank",
    "inspect",
]
