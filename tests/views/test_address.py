"""The address: what the page writes into it restores the view, and what it says wrongly is ignored."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.ui import pictures, state, text
from app.ui.cached import MAX_RANK
from lowrank.color import COLORS
from views.screen import (
    MEASURES,
    SAMPLES,
    calm,
    compare,
    drop,
    explore,
    figure,
    heading,
    noisy,
    numbers,
    rank,
    set_color,
    set_rank,
    to_compare,
    to_explore,
    viewer,
    warnings,
)


def color(at):
    return at.segmented_control(key="color_choice").value


@pytest.mark.parametrize("planes", ["rgb", "ycbcr"])
def test_a_link_restores_explore(planes):
    at = calm(explore(picture="page", rank="20", color=planes))
    assert (heading(at), rank(at), color(at)) == ("Text page", 20, planes)
    assert at.query_params == {"picture": "page", "rank": "20", "color": planes}


@pytest.mark.parametrize("planes", ["rgb", "ycbcr"])
def test_a_link_restores_compare(planes):
    link = {"pictures": "noise,coffee", "rank": "7", "color": planes, "measure": "energy"}
    at = calm(compare(**link))
    assert at.multiselect(key="compared").value == ["noise", "coffee"]
    assert (rank(at), color(at)) == (7, planes)
    assert text.CHARTS["energy"][1] in figure(at)
    assert at.query_params == link


def test_what_the_page_writes_restores_the_same_view():
    at = explore()
    at.button(key="pick_rocket").click().run()
    set_color(set_rank(at, 123), "rgb")
    other = explore(**at.query_params)
    assert (heading(other), rank(other), color(other)) == ("Rocket", 123, "rgb")
    assert numbers(other) == numbers(at)
    assert other.query_params == at.query_params


def test_what_compare_writes_restores_the_same_view():
    at = compare()
    at.multiselect(key="compared").set_value(["dusk", "tartan"]).run()
    set_rank(at, 3)
    at.segmented_control(key="measure").set_value("singular_values").run()
    other = compare(**at.query_params)
    assert figure(other) == figure(at)
    assert other.dataframe[0].value.equals(at.dataframe[0].value)
    assert other.query_params == at.query_params


def test_explores_address_says_nothing_of_compare_and_back():
    at = explore(picture="dusk", rank="9")
    to_compare(at)
    assert set(at.query_params) == {"pictures", "rank", "color", "measure"}
    to_explore(at)
    assert at.query_params == {"picture": "dusk", "rank": "9", "color": "gray"}


def test_an_address_that_is_changed_by_hand_changes_the_view():
    at = explore(picture="page", rank="20")
    before = viewer(at)["turn"]
    at.query_params["rank"] = "30"
    assert rank(at.run()) == 30
    assert viewer(at)["turn"] > before  # or the slider would stay where the hand left it
    assert heading(at) == "Text page"


def test_going_back_to_an_address_brings_its_view_back():
    at = explore(picture="page", rank="20")
    before = dict(at.query_params)
    set_rank(at, 40)
    at.button(key="pick_dusk").click().run()
    at.query_params = before
    at.run()
    assert (heading(at), rank(at)) == ("Text page", 20)


def test_the_address_of_a_dropped_picture_names_no_picture():
    at = drop(explore(picture="page"), ("mine.png", noisy(20, 30)))
    assert at.query_params == {"picture": "own", "rank": "20", "color": "gray"}
    assert heading(explore(**at.query_params)) == "Portrait"


# -- a picture that the server has forgotten --------------------------------------------------------------------------


def test_a_page_that_lost_its_picture_says_so_and_keeps_rank_and_colour():
    # what a browser sends to a server that was started anew: the address, and a session that nobody knows
    at = calm(explore(picture="own", rank="77", color="rgb"))
    assert warnings(at) == [text.LOST]
    assert (rank(at), color(at)) == (77, "rgb")
    assert at.query_params == {"picture": "own", "rank": "77", "color": "rgb"}  # a reload says it again
    assert warnings(set_rank(at, 78)) == [text.LOST]
    drop(at, ("again.png", noisy(90, 100)))
    assert warnings(calm(at)) == []
    assert (heading(at), rank(at), color(at)) == ("` again.png `", 78, "rgb")


def test_choosing_another_picture_ends_the_matter():
    at = explore(picture="own", rank="77")
    at.button(key="pick_dusk").click().run()
    assert warnings(at) == []
    assert at.query_params == {"picture": "dusk", "rank": "77", "color": "gray"}


def test_a_comparison_that_lost_a_picture_says_so_and_keeps_the_others():
    at = calm(compare(pictures="page,own,noise", rank="30", measure="energy"))
    assert warnings(at) == [text.LOST]
    assert at.multiselect(key="compared").value == ["page", "noise"]
    assert at.query_params["pictures"] == "page,own,noise"
    at.multiselect(key="compared").set_value(["page"]).run()
    assert warnings(calm(at)) == []
    assert at.query_params["pictures"] == "page"


def test_a_session_that_has_its_picture_finds_it_again_by_its_address():
    at = drop(explore(rank="12"), ("mine.png", noisy(40, 50)))
    before = dict(at.query_params)
    at.button(key="pick_page").click().run()
    at.query_params = before
    at.run()
    assert heading(calm(at)) == "` mine.png `"
    assert warnings(at) == []


def test_the_address_of_a_comparison_names_dropped_pictures_only_as_own():
    at = drop(compare(pictures="page"), ("one.png", noisy(20, 30)), ("two.png", noisy(20, 31)))
    assert at.query_params["pictures"] == "page,own"
    assert warnings(at) == []


WRONG = (
    {"rank": "-3"},
    {"rank": "abc"},
    {"rank": "1e2"},
    {"rank": "²"},
    {"rank": ""},
    {"rank": "9" * 400},
    {"color": "hsv"},
    {"color": "RGB"},
    {"picture": "nothing"},
    {"picture": "own,page"},
    {"picture": "../../etc/passwd"},
    {"picture": "<script>alert(1)</script>"},
    {"pictures": ",,,"},
    {"measure": "bytes"},
    {"view": "1", "dropped": "2", "problems": "3", "rank_slider": "9"},
)


@pytest.mark.parametrize("address", WRONG, ids=lambda address: str(address)[:40])
def test_what_an_address_says_wrongly_is_ignored(address):
    at = calm(explore(**address))
    assert (heading(at), rank(at), color(at)) == ("Portrait", 50, "gray")
    assert at.query_params == {"picture": "portrait", "rank": "50", "color": "gray"}  # and corrected


@pytest.mark.parametrize("address", WRONG[-3:], ids=str)
def test_what_an_address_says_wrongly_of_compare_is_ignored(address):
    at = calm(compare(**address))
    assert at.multiselect(key="compared").value == ["portrait", "page", "tartan", "noise"]
    assert text.CHARTS["relative_error"][1] in figure(at)


def test_one_wrong_value_does_not_spoil_the_others():
    at = explore(picture="nothing", rank="20", color="mauve", more="than enough")
    assert (heading(at), rank(at), color(at)) == ("Portrait", 20, "gray")


@pytest.mark.parametrize("k", ["0", "301", "9999"])
def test_a_rank_out_of_reach_gives_one_within(k):
    at = calm(explore(rank=k))
    assert 1 <= rank(at) <= MAX_RANK


def test_a_rank_above_the_pictures_own_comes_back_with_a_larger_picture():
    at = drop(explore(rank="200"), ("small.png", noisy(20, 30)))
    assert rank(at) == 20
    at.button(key="pick_portrait").click().run()
    assert rank(at) == 200


def test_pictures_named_twice_or_too_often_are_compared_once():
    at = calm(compare(pictures="noise,noise,dusk"))
    assert at.multiselect(key="compared").value == ["noise", "dusk"]


def test_more_pictures_than_can_be_compared_do_not_break_the_page():
    at = calm(compare(pictures=",".join(["noise"] * 20)))
    assert at.multiselect(key="compared").value == ["noise"]


words = st.one_of(
    st.text(max_size=12), st.sampled_from([*SAMPLES, *MEASURES, "rgb", "gray", "ycbcr", "300", "0", "٣", "007"])
)


@given(
    st.dictionaries(
        st.sampled_from(["picture", "rank", "color", "pictures", "measure", "other"]),
        words | st.lists(words, max_size=12).map(",".join),
    )
)
@example({"pictures": ",".join(SAMPLES * 2)})
def test_every_address_gives_a_view_that_can_be_shown(address):
    view = state._from_address(state.View(), address)
    assert view.picture in pictures.samples()
    assert type(view.rank) is int
    assert 1 <= view.rank <= MAX_RANK
    assert view.color in text.COLORS
    assert view.measure in text.CHARTS
    assert set(view.compared) <= set(pictures.samples())
    assert 1 <= len(view.compared) == len(set(view.compared)) <= text.MAX_COMPARED


@given(st.sampled_from(SAMPLES), st.integers(1, MAX_RANK), st.sampled_from(COLORS), st.sampled_from(MEASURES))
def test_an_address_says_what_a_view_is(picture, k, planes, measure):
    address = {"picture": picture, "rank": str(k), "color": planes, "measure": measure}
    view = state._from_address(state.View(), address)
    assert (view.picture, view.rank, view.color, view.measure) == (picture, k, planes, measure)
