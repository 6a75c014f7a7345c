"""The app: pages, settings, and the one place that turns a LowrankError into words.

Run it with ``streamlit run app/main.py``.
"""

from __future__ import annotations

import sys
from pathlib import Path

import streamlit as st

_HERE = Path(__file__).parent
if str(_HERE.parent) not in sys.path:  # `streamlit run` puts only this file's own folder on the path
    sys.path.insert(0, str(_HERE.parent))

from app.ui import limits, notice, pictures, session, text  # noqa: E402
from app.ui.words import learn  # noqa: E402
from lowrank.errors import LowrankError  # noqa: E402
from lowrank.threads import use_threads  # noqa: E402


def main() -> None:
    """Set the app up and run the page that the address names."""
    icon = _HERE / "ui" / "mark.svg"
    st.set_page_config(page_title=f"{text.PRODUCT}: {text.TAGLINE}", page_icon=icon, layout="wide")
    st.logo(_HERE / "ui" / "logo.svg", size="large")
    use_threads(limits.THREADS)
    session.known.add(session.current())
    page = st.navigation(
        [
            st.Page(_HERE / "views" / "explore.py", title=text.EXPLORE, icon=":material/image:", default=True),
            st.Page(_HERE / "views" / "compare.py", title=text.COMPARE, icon=":material/show_chart:"),
            st.Page(_HERE / "views" / "learn.py", title=learn.TITLE, icon=":material/school:"),
        ],
        position="top",
    )
    messages = st.container()
    notice.stand_in(st.empty())
    problems = pictures.problems()
    try:
        page.run()
    except LowrankError as error:
        problems.append(("", error))
    if st.session_state.pop("too_many", False):
        messages.warning(text.TOO_MANY.format(count=limits.KEPT))
    for name, error in problems:
        messages.error(f"{text.literal(name)}: {error}" if name else str(error))
    problems.clear()


main()
