"""A low-rank picture as bytes: the .lrk file."""

from lowrank.codec.container import ARRANGEMENTS, Arrangement, Header
from lowrank.codec.files import at_steps, both_at_steps, decode, encode, inspect
from lowrank.codec.pictures import highest_rank

__all__ = [
    "ARRANGEMENTS",
    "Arrangement",
    "Header",
    "at_steps",
    "both_at_steps",
    "decode",
    "encode",
    "highest_rank",
    "inspect",
]
