"""The app: pages, settings, and the one place that turns a LowrankError into words.

Run it with ``streamlit run app/main.py``. This file has two sides. For the server it is what to serve, and within what
limits (see server.py); for a session it is the script that draws the page.
"""

from __future__ import annotations

import sys
from pathlib import Path

import streamlit as st
from streamlit import runtime

_HERE = Path(__file__).parent
if str(_HERE.parent) not in sys.path:  # `streamlit run` puts only this file's own folder on the path
    sys.path.insert(0, str(_HERE.parent))

from lowrank.errors import LowrankError  # noqa: E402

try:
    from app import server
    from app.ui import limits, notice, pictures, session, state, text
    from app.ui.words import files, learn, lora
except LowrankError as error:  # a setting of the environment makes no sense
    raise SystemExit(f"lowrank: {error}") from None


def main() -> None:
    """Set the page up and run the one that the address names."""
    icon = _HERE / "ui" / "mark.svg"
    st.set_page_config(page_title=f"{text.PRODUCT}: {text.TAGLINE}", page_icon=icon, layout="wide")
    st.logo(_HERE / "ui" / "logo.svg", size="large")
    session.known.add(session.current())
    page = st.navigation(
        [
            st.Page(_HERE / "views" / "explore.py", title=text.EXPLORE, icon=":material/image:", default=True),
            st.Page(_HERE / "views" / "compare.py", title=text.COMPARE, icon=":material/show_chart:"),
            st.Page(_HERE / "views" / "open.py", title=files.OPEN, icon=":material/folder_open:"),
            st.Page(_HERE / "views" / "lora.py", title=lora.TITLE, icon=":material/layers:"),
            st.Page(_HERE / "views" / "learn.py", title=learn.TITLE, icon=":material/school:"),
        ],
        position="top",
    )
    messages = st.container()
    notice.stand_in(st.empty())
    problems = pictures.problems()
    try:
        page.run()
        state.end_first_look()
    except LowrankError as error:
        problems.append(("", error))
    if st.session_state.pop("too_many", False):
        messages.warning(text.TOO_MANY.format(count=limits.KEPT))
    for name, error in problems:
        said = text.plain(str(error))
        messages.error(f"{text.literal(name)}: {said}" if name else said)
    problems.clear()


def unexpected(error: Exception) -> bool:
    """Say that an error is ours; Streamlit has logged it and says nothing itself."""
    st.error(text.UNEXPECTED)
    return True


if runtime.exists():
    main()
else:
    app = st.App(__file__, middleware=server.MIDDLEWARE, lifespan=server.lifespan, on_script_error=unexpected)
