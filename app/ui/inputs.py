"""The controls that pages share: gallery, rank, colour, target."""

from __future__ import annotations

import streamlit as st

from app.ui import cached, pictures, state, text
from app.ui.pictures import Picture
from lowrank.color import Color
from lowrank.curves import Curve
from lowrank.errors import LowrankError
from lowrank.ranks import RULES

_WIDTH = 96  # of a thumbnail, in pixels

#: Each thumbnail's button reaches over it, for one clicks on pictures, and over what Streamlit offers there: to see the
#: thumbnail alone. (The gap between the two, xsmall, is half a rem.)
_REACH = f"""
.st-key-gallery .stButton button::after {{ content: ''; position: absolute; inset: calc(-{_WIDTH}px - 0.5rem) 0 0; }}
.st-key-gallery [data-testid=stElementToolbar] {{ display: none; }}
"""
_reach = st.components.v2.component("lowrank_reach", css=_REACH, isolate_styles=False)


def gallery(chosen: Picture) -> None:
    """Show the pictures as a row of thumbnails with a button each, and the place to drop one's own."""
    row, drop = st.columns([3, 1], vertical_alignment="top", gap="medium")
    with row, st.container(gap=None):
        thumbnails = st.container(horizontal=True, wrap=False, gap="small", key="gallery")
        _reach(key="reach")
    with thumbnails:
        for picture in pictures.available().values():
            with st.container(width=_WIDTH, gap="xsmall"):
                st.image(cached.thumbnail(picture.digest, picture.data), width="stretch", alt=picture.alt)
                clicked = st.button(
                    picture.short_label,
                    key=f"pick_{picture.id}",
                    help=picture.teaches if picture.is_sample else picture.label,
                    type="primary" if picture.id == chosen.id else "tertiary",
                    on_click=state.change,
                    kwargs={"picture": picture.id},
                    width="stretch",
                )
                # a new session, of a page that has outlived its server, calls nobody back in its first run
                if clicked and picture.id != chosen.id:
                    state.change(picture=picture.id)
                    st.rerun()
    with drop:
        pictures.drop_zone("explore", lambda arrived: state.change(picture=arrived[-1].id))


def color_of(picture: Picture) -> Color:
    """Return the arrangement of planes that a picture is looked at in: as chosen, but grey where it has no colour."""
    return state.view().color if len(cached.shape(picture.digest, picture.data)) == 3 else "gray"


def color_choice(disabled: bool = False) -> None:
    """Ask for grey or colour, and how colour shares its ranks."""
    st.session_state.color_choice = state.view().color

    def changed() -> None:
        state.change(color=st.session_state.color_choice)

    st.segmented_control(
        text.COLOR,
        list(text.COLORS),
        format_func=text.COLORS.__getitem__,
        key="color_choice",
        on_change=changed,
        disabled=disabled,
        required=True,
        help=text.NO_COLOR if disabled else text.COLORS_HELP,
    )


def target(picture: Picture, color: Color) -> None:
    """Choose the rank by one of the RULES."""
    st.markdown(f"**{text.TARGET_TITLE}**")
    rule_column, value_column, button_column = st.columns([2, 2, 1], vertical_alignment="bottom")
    name = rule_column.selectbox(
        text.TARGET_RULE, list(RULES), format_func=text.RULE_NAMES.__getitem__, key="rule", persist_state="session"
    )
    rule = RULES[name]
    value = None
    if rule.default is not None:
        whole = rule.unit == "bytes"
        value = value_column.number_input(
            text.TARGETS[name],
            min_value=int(rule.lowest) if whole else rule.lowest,
            max_value=rule.highest,
            value=int(rule.default) if whole else rule.default,
            step=1000 if whole else (1.0 if rule.unit == "dB" else 0.01),
            format="%d" if whole else ("%.1f" if rule.unit == "dB" else "%.3f"),
            key=f"target_{name}",
            persist_state="session",
        )
    if button_column.button(text.TARGET_SET, width="stretch", key="set_rank"):
        try:
            with st.spinner(text.CHOOSING):
                k = cached.chosen_rank(picture.digest, color, name, value, picture.data)
            state.set_rank(k)
            state.remember_target(picture, color, k, f"{text.RULE_NAMES[name]} {text.target(rule.unit, value)}")
        except LowrankError as error:
            pictures.problems().append(("", error))
        st.rerun()
    st.caption(rule.advice)


def chart_choice(page: str) -> tuple[str, bool, bool]:
    """Ask which measure is drawn, and on which axes; return measure, logarithmic rank, logarithmic value."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.session_state.measure = state.view().measure
        st.segmented_control(
            text.CHART,
            list(text.CHARTS),
            format_func=lambda name: text.CHARTS[name][0],
            key="measure",
            required=True,
            label_visibility="collapsed",
            on_change=lambda: state.change(measure=st.session_state.measure),
        )
        log_rank = st.toggle(text.LOG_RANK, True, key=f"log_rank_{page}", persist_state="session")
        log_value = st.toggle(text.LOG_VALUE, True, key=f"log_value_{page}", persist_state="session")
    measure = state.view().measure
    return measure, log_rank, log_value and measure in ("relative_error", "singular_values")


def curve(picture: Picture, color: Color, measure: str) -> Curve:
    """Return a picture's curve, with what is measured on pixels where the measure needs it; shows progress."""
    bar = st.empty()
    curve = cached.curve(
        picture.digest, color, measure, picture.data, lambda share: bar.progress(min(share, 1.0), text.MEASURING)
    )
    bar.empty()
    return curve
