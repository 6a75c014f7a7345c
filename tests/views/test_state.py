"""The view of a session: changed in one place, shared by the pages, kept apart between sessions."""

import dataclasses

import pytest
from streamlit.runtime.state.query_params_proxy import QueryParamsProxy
from streamlit.testing.v1 import AppTest

from app.ui import state, text
from app.ui.cached import MAX_RANK
from views.screen import SAMPLES, noisy


def script(body: str) -> AppTest:
    """Run a script that knows the state and what it tells of it."""
    return AppTest.from_string(
        "import streamlit as st\nfrom app.ui import pictures, state\n" + body, default_timeout=10
    )


def told(at: AppTest) -> list[str]:
    assert not at.exception, at.exception
    return [one.value for one in at.text]


def test_the_default_view_can_be_shown():
    view = state.View()
    assert view.picture in SAMPLES
    assert set(view.compared) <= set(SAMPLES)
    assert 1 <= len(view.compared) <= text.MAX_COMPARED
    assert 1 <= view.rank <= MAX_RANK
    assert view.color in text.COLORS
    assert view.measure in text.CHARTS


def test_a_view_is_a_value():
    assert state.View() == state.View()
    with pytest.raises(dataclasses.FrozenInstanceError):
        state.View().rank = 3


def test_a_change_keeps_the_other_fields():
    at = script("state.change(rank=7)\nstate.change(color='rgb')\nst.text(str(state.view()))").run()
    assert told(at) == [str(dataclasses.replace(state.View(), rank=7, color="rgb"))]


def test_a_change_of_a_field_that_is_not_there_is_a_programmers_mistake():
    at = script("try:\n    state.change(speed=7)\nexcept TypeError:\n    st.text('refused')").run()
    assert told(at) == ["refused"]


def test_the_view_lasts_over_runs_and_not_over_sessions():
    at = script("st.text(str(state.view().rank))\nstate.change(rank=state.view().rank + 1)")
    assert [told(at.run()), told(at.run()), told(at.run())] == [["50"], ["51"], ["52"]]
    assert told(script("st.text(str(state.view().rank))").run()) == ["50"]


def test_the_address_is_read_once():
    at = script("st.text(str(state.view().rank))\nstate.change(rank=9)")
    at.query_params["rank"] = "20"
    assert told(at.run()) == ["20"]
    assert told(at.run()) == ["9"]  # the same address again does not undo the change
    at.query_params["rank"] = "21"
    assert told(at.run()) == ["21"]


def test_an_address_that_we_wrote_is_not_read_back():
    at = script("state.write_address(rank=4)\nst.text(str(state.view().rank))")
    assert told(at.run()) == ["50"]
    assert at.query_params == {"rank": "4"}
    assert told(at.run()) == ["50"]


_STALE = """
st.button("colour", on_click=lambda: state.change(color="rgb"))
st.button("back", on_click=lambda: state.change(rank=20))
view = state.view()
state.write_address(rank=view.rank, color=view.color)
st.text(f"{view.rank} {view.color}")
"""


def test_an_address_from_before_our_last_one_does_not_undo_what_the_hand_does(monkeypatch):
    """The browser sends the address that it has, and what we wrote may still be on its way to it."""
    written = []
    from_dict = QueryParamsProxy.from_dict
    monkeypatch.setattr(QueryParamsProxy, "from_dict", lambda self, to: (written.append(to), from_dict(self, to)))
    at = script(_STALE)
    at.query_params.update(rank="20", color="gray")
    assert told(at.run()) == ["20 gray"]
    assert told(at.button[0].click().run()) == ["20 rgb"]
    at.query_params.update(rank="20", color="gray")
    assert told(at.button[1].click().run()) == ["20 rgb"]
    assert written[-1] == {"rank": "20", "color": "rgb"}
    assert at.query_params == {"rank": "20", "color": "rgb"}


def test_an_address_is_written_again_where_the_browser_may_have_another(monkeypatch):
    at = script(_STALE.replace('color="rgb"', "rank=300"))
    at.query_params.update(rank="20", color="gray")
    assert told(at.run()) == ["20 gray"]
    assert told(at.button[0].click().run()) == ["300 gray"]
    written = []
    monkeypatch.setattr(QueryParamsProxy, "from_dict", lambda self, to: written.append(to))
    at.query_params.update(rank="20")  # sent before it heard of 300
    assert told(at.button[1].click().run()) == ["20 gray"]
    assert written == [{"rank": "20", "color": "gray"}]


def test_empty_values_are_left_out_of_the_address():
    at = script("state.write_address(picture='', rank=4, color='gray')").run()
    assert at.query_params == {"rank": "4", "color": "gray"}


def test_what_others_put_into_the_address_is_replaced():
    at = script("state.write_address(rank=4)")
    at.query_params.update(utm_source="mail", rank="5")
    assert at.run().query_params == {"rank": "4"}


def test_the_chosen_picture_or_the_first_sample():
    at = script(
        "st.text(state.picture().id)\nstate.change(picture='dusk')\nst.text(state.picture().id)\n"
        "state.change(picture='gone')\nst.text(state.picture().id)"
    ).run()
    assert told(at) == ["portrait", "dusk", "portrait"]


def test_compared_pictures_that_are_gone_are_left_out():
    at = script(
        "state.change(compared=('noise', 'gone', 'dusk'))\nst.text(str([p.id for p in state.compared()]))"
    ).run()
    assert told(at) == ["['noise', 'dusk']"]


def test_dropped_pictures_belong_to_the_session():
    body = f"pictures.add('mine.png', {noisy(8, 9)!r})\nst.text(str([p.title for p in pictures.dropped().values()]))"
    assert told(script(body).run()) == ["['mine.png']"]
    assert told(script("st.text(str(len(pictures.dropped())))").run()) == ["0"]


def test_samples_are_all_there_and_described():
    from app.ui import pictures

    found = pictures.samples()
    assert tuple(found) == SAMPLES
    for one in found.values():
        assert one.is_sample
        assert one.label == one.title
        assert one.alt.endswith(".")
        assert one.teaches.endswith(".")
        assert len(one.digest) == 32
    assert len({one.digest for one in found.values()}) == len(found)
