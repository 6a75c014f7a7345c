"""The pictures one can choose: the samples, and what this session has dropped."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from app.ui import cached, limits, store, text
from lowrank import sandbox
from lowrank.errors import LowrankError
from lowrank.intake.words import READABLE

_FOLDER = Path(__file__).parents[2] / "sample_images"


@dataclass(frozen=True)
class Picture:
    """An encoded picture and what is said about it."""

    id: str
    title: str
    teaches: str
    alt: str
    data: bytes = field(repr=False)
    digest: str
    is_sample: bool
    file: str = ""  # Streamlit's id of the upload, which holds the bytes

    @property
    def short_label(self) -> str:
        """The beginning of the title, for Markdown in a narrow place."""
        return self.title if self.is_sample else text.literal(text.short(self.title))

    @property
    def label(self) -> str:
        """Title for Markdown: a user's file name is never interpreted."""
        return self.title if self.is_sample else text.literal(self.title)


@cache
def samples() -> dict[str, Picture]:
    """Return the sample pictures by name, in the order in which they are shown."""
    table = tomllib.loads((_FOLDER / "index.toml").read_text("utf-8"))["sample"]
    found = {}
    for row in table:
        data = (_FOLDER / row["file"]).read_bytes()
        digest = store.digest(data)
        store.share(digest)
        found[row["name"]] = Picture(
            row["name"], row["title"], row["teaches"], row["alt"], data, digest, is_sample=True
        )
    return found


def dropped() -> dict[str, Picture]:
    """Return this session's own pictures by id, oldest first."""
    own: dict[str, Picture] = st.session_state.setdefault("dropped", {})
    return own


def available() -> dict[str, Picture]:
    """Return everything that can be chosen, the session's own first."""
    return {**dict(reversed(dropped().items())), **samples()}


def add(name: str, data: bytes, file: str = "") -> Picture:
    """Take a dropped file in, if it is a picture.

    Raises
    ------
    ImageError
        If it cannot be read; nothing changes then.
    """
    digest = store.digest(data)
    cached.shape(digest, data)
    picture = Picture(digest, name, text.UPLOADED, f"{text.UPLOADED} {name}", data, digest, is_sample=False, file=file)
    own = dropped()
    before = own.pop(digest, None)
    if before and before.file != file:
        _let_go(before.file)
    own[digest] = picture
    while len(own) > limits.KEPT or (len(own) > 1 and sum(len(one.data) for one in own.values()) > limits.KEPT_BYTES):
        _let_go(own.pop(next(iter(own))).file)
        st.session_state.too_many = True
    return picture


def _let_go(file: str) -> None:
    """Free an upload: as long as Streamlit holds it, it counts."""
    context = get_script_run_ctx()
    if context and file:
        context.uploaded_file_mgr.remove_file(context.session_id, file)


def drop_zone(page: str, take: Callable[[list[Picture]], None]) -> None:
    """Show the place to drop pictures; hand those that could be read to `take`, and run the page again.

    The zone is emptied as soon as its files are taken in: they stand in the gallery from then on. A file that is no
    picture is reported (see `problems`) and changes nothing.
    """
    sandbox.start()  # so that the first picture need not wait for it
    turn = st.session_state.setdefault("drop_turn", 0)
    files = st.file_uploader(
        text.DROP,
        type=["image/*", "heic", "heif"],  # which not every browser takes for pictures
        accept_multiple_files=True,
        key=f"drop_{page}_{turn}",
        help=text.DROP_HELP.format(formats=READABLE, megapixels=cached.MAX_MEGAPIXELS),
    )
    arrived, refused = [], []
    for file in files or []:
        try:
            arrived.append(add(file.name, file.getvalue(), file.file_id))
        except LowrankError as error:
            refused.append((file, error))
    if files:
        # whatever the browser says next may cut this run short, at any look at the session's state; the files are still
        # in the zone then, and the next run takes them in. So the zone is emptied last.
        waiting = problems()
        if arrived:
            take(arrived)
        st.session_state.drop_turn = turn + 1
        for file, error in refused:
            waiting.append((file.name, error))
            _let_go(file.file_id)
        st.rerun()


def titles() -> dict[str, str]:
    """Return the titles of all available pictures by id, numbered where two are the same."""
    named: dict[str, str] = {}
    for picture in available().values():
        title, count = picture.title, 1
        while title in named.values():
            count += 1
            title = f"{picture.title} ({count})"
        named[picture.id] = title
    return named


def problems() -> list[tuple[str, LowrankError]]:
    """Return what is to be told to the user at the end of this run: file name (or "") and error."""
    waiting: list[tuple[str, LowrankError]] = st.session_state.setdefault("problems", [])
    return waiting
