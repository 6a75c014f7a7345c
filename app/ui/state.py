"""What is being looked at: one value per session, shared by the pages and written into the address.

A link with ``?picture=page&rank=20&color=rgb`` restores the view. Only samples can be named: a dropped picture stays
with the session that dropped it, and is just ``own`` in the address, so that a page whose server has forgotten it can
say so. What an address says wrongly is ignored.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import streamlit as st

from app.ui import pictures, text
from app.ui.cached import MAX_RANK
from app.ui.pictures import Picture
from lowrank.color import Color

#: Stands for a dropped picture in an address.
OWN = "own"

_DEFAULT_COMPARED = ("portrait", "page", "tartan", "noise")


@dataclass(frozen=True)
class View:
    """A picture, a rank and an arrangement of planes; the pictures that are compared, and by what."""

    picture: str = "portrait"
    rank: int = 50
    turn: int = 0  # counts changes of the rank that did not come from the viewer's slider
    color: Color = "gray"
    compared: tuple[str, ...] = _DEFAULT_COMPARED
    measure: str = "relative_error"


def view() -> View:
    """Return the session's view, taken from the address where that names one we did not write ourselves."""
    current: View = st.session_state.setdefault("view", View())
    address = st.query_params.to_dict()
    if address and address != st.session_state.get("address"):
        current = _from_address(current, address)
        st.session_state.view = current
        st.session_state.address = address
    return current


def change(**fields: object) -> None:
    """Replace fields of the session's view, because of what the user did on the page.

    The address that came along is not looked at any more: the browser may have sent it before it heard of the last one
    that we wrote, and the hand is newer than either.
    """
    st.session_state.address = st.query_params.to_dict()
    st.session_state.view = replace(view(), **fields)  # type: ignore[arg-type]


def set_rank(rank: int) -> None:
    """Change the rank from outside of the viewer, which follows."""
    change(rank=rank, turn=view().turn + 1)


def remember_target(picture: Picture, color: Color, k: int, said: str) -> None:
    """Keep the rank that a target gave, to be marked on the slider."""
    st.session_state.target_mark = ((picture.digest, color), (k, said))


def targets_met(picture: Picture, color: Color) -> list[tuple[int, str]]:
    """Return the last target's rank for this picture and what the target was; nothing where there is none."""
    of, mark = st.session_state.get("target_mark", (None, None))
    return [mark] if of == (picture.digest, color) else []


def ssim_known(picture: Picture, color: Color, k: int) -> bool:
    """Whether this session's last measured SSIM is that of the rank-k picture."""
    return _measured().get("of") == (picture.digest, color, k)


def remember_ssim(picture: Picture, color: Color, k: int, value: float) -> None:
    """Keep a measured SSIM for the viewer."""
    st.session_state.ssim = {"of": (picture.digest, color, k), "rank": k, "text": text.decimals(value)}


def ssim_shown(picture: Picture, color: Color, k: int) -> dict[str, object]:
    """Return the last SSIM of this picture, as it is to be read, and its rank."""
    last = _measured()
    same = last.get("of", ())[:2] == (picture.digest, color)
    return {"rank": last["rank"], "text": last["text"]} if same else {"rank": 0, "text": text.PENDING}


def _measured() -> dict[str, Any]:
    last: dict[str, Any] = st.session_state.setdefault("ssim", {})
    return last


def is_first_look() -> bool:
    """Whether the browser may still be waiting for the first picture of this session."""
    return not st.session_state.get("looked")


def end_first_look() -> None:
    """Take the first picture for seen."""
    st.session_state.looked = True


def picture_stands() -> None:
    """Take the first picture for seen, because the browser has told so."""
    end_first_look()
    change()


def write_address(**fields: object) -> None:
    """Put the page's part of the view into the address, unless the browser has it already."""
    address = {name: str(value) for name, value in fields.items() if value}
    if not address == st.session_state.get("written") == st.query_params.to_dict():
        st.query_params.from_dict(address)
    st.session_state.address = st.session_state.written = address


def picture() -> Picture:
    """Return the picture that is looked at; the first sample where the chosen one is gone."""
    available = pictures.available()
    return available.get(view().picture) or next(iter(pictures.samples().values()))


def compared() -> list[Picture]:
    """Return the pictures that are compared, as far as they are still there."""
    available = pictures.available()
    return [available[name] for name in view().compared if name in available]


def has_lost(*names: str) -> bool:
    """Whether one of the pictures that the view names was the session's own and is not there any more."""
    return not pictures.available().keys() >= set(names)


def in_address(*names: str) -> str:
    """Return how pictures are named in the address."""
    return ",".join(dict.fromkeys(name if name in pictures.samples() else OWN for name in names))


def _from_address(current: View, address: dict[str, str]) -> View:
    fields: dict[str, object] = {}
    named = _named(address.get("picture", ""), (current.picture,))
    if len(named) == 1:
        (fields["picture"],) = named
    if address.get("rank", "").isdecimal() and len(address["rank"]) < 5:
        fields |= {"rank": min(max(int(address["rank"]), 1), MAX_RANK), "turn": current.turn + 1}
    if address.get("color") in text.COLORS:
        fields["color"] = address["color"]
    if named := _named(address.get("pictures", ""), current.compared):
        fields["compared"] = tuple(named[: text.MAX_COMPARED])
    if address.get("measure") in ("relative_error", "psnr", "ssim", "energy", "singular_values"):
        fields["measure"] = address["measure"]
    return replace(current, **fields)  # type: ignore[arg-type]


def _named(said: str, before: tuple[str, ...]) -> list[str]:
    """Read names of pictures, each once; for `OWN` the session's own of those that were looked at before."""
    own = [name for name in before if name in pictures.dropped()] or list(pictures.dropped())[-1:] or [OWN]
    known = ([name] if name in pictures.samples() else own if name == OWN else [] for name in said.split(","))
    return list(dict.fromkeys(name for names in known for name in names))
