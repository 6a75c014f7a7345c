"""The matrices that one can look at: random ones, a photograph, or one's own; and what is computed of them."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import streamlit as st

from app.ui import cached, pictures, store
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


def choose(key: str) -> Source | None:
    """Ask for a matrix; None where one's own is not there yet."""
    kind = st.segmented_control(
        words.SOURCE,
        list(words.SOURCES),
        format_func=words.SOURCES.__getitem__,
        key=f"{key}_source",
        default="normal",
        required=True,
        persist_state="session",
    )
    if kind == "upload":
        file = st.file_uploader(
            words.DROP_MATRIX, ["npy", "csv", "txt", "tsv"], key=f"{key}_file", help=words.DROP_MATRIX_HELP
        )
        if file is None:
            st.info(words.NO_MATRIX)
            return None
        data = file.getvalue()
        return Source("upload", store.digest(data), data)
    if kind == "picture":
        sample = next(iter(pictures.samples().values()))
        return Source("picture", sample.digest, sample.data)
    return Source(kind, kind, b"")


@remembered(queued=lambda digest, data: bool(data))
def matrix(digest: str, name: str, data: bytes) -> Array:
    """Return the matrix itself."""
    if name == "upload":
        a = decode_matrix(data)
        if a.size > MOST:
            raise TensorError(words.TOO_LARGE.format(count=f"{a.size:,}", most=f"{MOST:,}"))
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
