"""Open: the picture in a .lrk file, without the original, and what is left of it at lower ranks."""

from __future__ import annotations

import streamlit as st

from app.ui import download, files, keeping, store, text
from app.ui.metrics import metrics
from app.ui.words import files as words
from lowrank.codec import Header, inspect


def page() -> None:
    """Draw the page."""
    st.markdown(words.OPEN_INTRO)
    dropped = keeping.drop_zone("open", words.OPEN_DROP, ["lrk"], about=words.OPEN_HELP)
    if not dropped:
        return
    file_name, data = dropped[0]
    header = inspect(data, files.OPEN)
    digest = store.digest(data)
    facts(file_name, header, len(data))
    k = header.rank
    if header.rank > 1:
        k = st.slider(words.OPEN_RANK, 1, header.rank, header.rank, key=f"open_{digest}", help=words.OPEN_RANK_HELP)
    with st.spinner(words.DECODING):
        png = files.opened(digest, k, data)
    said = words.OPEN_PICTURE.format(k=k, highest=header.rank)
    st.image(png, caption=said, alt=said, output_format="PNG")  # or a JPEG would be shown
    name = f"{text.file_stem(file_name)}-rank{k}.png"
    label = words.OPEN_SAVE.format(k=k)
    download.button(label, lambda: files.opened(digest, k, data), name, "image/png", key="open_save")


def facts(name: str, header: Header, size: int) -> None:
    """Say what the file says of itself."""
    m, n = header.shape
    said = {
        "arrangement": words.ARRANGEMENTS[header.arrangement],
        "size": f"{n} × {m}",
        "ranks": text.split(header.ranks) if len(header.ranks) > 1 else str(header.rank),
        "bytes": text.size(size),
        "rate": words.BITS.format(bits=8 * size / (m * n)),
    }
    st.markdown(f"**{text.literal(name)}**")
    metrics({words.OPEN_FACTS[key]: value for key, value in said.items()})


page()
