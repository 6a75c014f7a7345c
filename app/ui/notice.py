"""The line at the top of the page that says what is being waited for."""

from __future__ import annotations

from contextvars import ContextVar

from streamlit.delta_generator import DeltaGenerator

from app.ui import text

_spot: ContextVar[DeltaGenerator | None] = ContextVar("spot", default=None)
_told: ContextVar[str] = ContextVar("told", default="")


def stand_in(spot: DeltaGenerator) -> None:
    """Give the place on the page that is run now."""
    _spot.set(spot)
    _told.set("")


def show(place: int, share: float) -> None:
    """Say the place in line of what this page waits for; nothing while it is being done."""
    spot, said = _spot.get(), text.BUSY.format(place=place) if place else ""
    if spot is None or said == _told.get():
        return
    _told.set(said)
    if said:
        spot.info(said, icon=":material/hourglass_top:")
    else:
        spot.empty()


def clear() -> None:
    """Say nothing more."""
    show(0, 1.0)
