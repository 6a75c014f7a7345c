"""The matrices that one can look at: random ones, a photograph, or one's own; and what is computed of them."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import streamlit as st

from app.ui import cached, keeping, pictures, store, work
from app.ui.store import remembered
from app.ui.words import lora as words
from lowrank.color import to_planes
from lowrank.errors import TensorError
from lowrank.svd import Array, singular_values
from lowrank.tensors import decode_matrix

#: Numbers that a matrix on the page may have.
MOST = 4_000_000

#: Sides of the random ones, and the rank of that which has one.
SIDE, RANK = 256, 16


@dataclass(frozen=True)
class Source:
    """Where a matrix comes from."""

    name: str
    digest: str
    data: bytes = field(repr=False)


def choose() -> Source | None:
    """Ask for a matrix, the same in every part; None where one's own is not there yet."""
    kind = st.segmented_control(
        words.SOURCE,
        list(words.SOURCES),
        format_func=words.SOURCES.__getitem__,
        key="matrix_source",
        default="lowrank",
        required=True,
        persist_state="session",
    )
    if kind == "upload":
        types = ["npy", "csv", "txt", "tsv"]
        files = keeping.drop_zone("matrix_file", words.DROP_MATRIX, types, about=words.DROP_MATRIX_HELP)
        if not files:
            st.info(words.NO_MATRIX)
            return None
        return Source("upload", store.digest(files[0].data), files[0].data)
    if kind == "picture":
        sample = next(iter(pictures.samples().values()))
        return Source("picture", sample.digest, sample.data)
    return Source(kind, kind, b"")


@remembered(queued=lambda digest, data: bool(data))
def matrix(digest: str, name: str, data: bytes) -> Array:
    """Return the matrix itself."""
    if name == "upload":
        a = decode_matrix(data, most=MOST, progress=work.report)
        if np.abs(a).max() > np.finfo(np.float32).max / a.size:
            raise TensorError(words.TOO_BIG_VALUES)
        return a
    if name == "picture":
        grey: Array = to_planes(cached.pixels(digest, data), "gray")[0]
        return grey
    rng = np.random.default_rng(0)
    noise = rng.standard_normal((SIDE, SIDE))
    if name == "normal":
        return noise
    factors = rng.standard_normal((SIDE, RANK)) @ rng.standard_normal((RANK, SIDE))
    return factors / np.sqrt(RANK) + 0.2 * noise


@remembered(queued=lambda digest, data: bool(data))
def spectrum(digest: str, name: str, data: bytes) -> tuple[Array, Array]:
    """Return the singular values of the matrix, and those of a Gaussian one of its shape and norm."""
    a = matrix(digest, name, data)
    noise = np.random.default_rng(1).standard_normal(a.shape)
    own, other = singular_values(a), singular_values(noise)
    return own, other * (np.linalg.norm(own) / np.linalg.norm(other))
