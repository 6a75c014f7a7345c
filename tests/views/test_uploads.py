"""What is dropped on the pages: good files, no pictures, hostile names, and how many are kept."""

import html
import json
import re

import numpy as np
import pytest
from hostile_names import HOSTILE_NAMES
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.testing.v1 import AppTest

from app.ui import limits, text
from views.screen import (
    calm,
    compare,
    drop,
    elements,
    explore,
    figure,
    heading,
    interpreted,
    messages,
    noisy,
    numbers,
    pane,
    pictures_shown,
    png,
    rank,
    sample,
    to_compare,
    to_explore,
    warnings,
    without_code,
    words,
)

NO_PICTURES = {
    "empty": b"",
    "text": b"hello, this is no picture\n" * 50,
    "html": b"<!doctype html><script>alert(1)</script>",
    "svg": b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
    "pdf": b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\n",
    "eps": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n",
    "half a png": noisy(60, 50)[:900],
    "a png's head": noisy(60, 50)[:30],
    "a huge header": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + (60_000).to_bytes(4, "big") * 2 + b"\x08\x02\0\0\0" + b"\0" * 9,
}


def names(at):
    """The pictures that the gallery offers, first to last, without the samples."""
    keys = [(button.key or "") for button in at.button]
    dropped = [i for i, key in enumerate(keys) if key.startswith("pick_") and len(key) == len("pick_") + 32]
    return [at.button[i].label for i in dropped]


def impatient(at):
    at.default_timeout = 6  # seconds; a page that reruns without end is noticed soon
    return at


# -- good files -------------------------------------------------------------------------------------------------------


def test_a_dropped_picture_is_shown_at_the_rank_that_was_chosen():
    at = calm(drop(explore(rank="21"), ("my cat.png", noisy(80, 60))))
    assert heading(at) == "` my cat.png `"
    assert rank(at) == 21
    assert names(at) == ["` my cat.png `"]
    assert at.query_params == {"picture": "own", "rank": "21", "color": "gray"}  # no address names a dropped picture
    assert not at.file_uploader[0].value  # the place to drop is empty again


def test_the_last_of_several_is_shown_and_all_are_in_the_gallery():
    at = drop(explore(), *((f"{i}.png", noisy(30, 40, seed=i)) for i in range(3)))
    assert heading(at) == "` 2.png `"
    assert names(at) == ["` 2.png `", "` 1.png `", "` 0.png `"]


def test_the_same_bytes_twice_are_one_picture_under_the_newer_name():
    at = drop(drop(explore(), ("old.png", noisy(30, 40))), ("new.png", noisy(30, 40)))
    assert names(at) == ["` new.png `"]


def test_only_the_last_eight_are_kept():
    at = explore()
    for start in (0, 5):
        drop(at, *((f"{i}.png", noisy(20, 20, seed=i)) for i in range(start, start + 5)))
    assert names(at) == [f"` {i}.png `" for i in range(9, 1, -1)]
    assert len(names(at)) == limits.KEPT
    assert warnings(calm(at)) == [text.TOO_MANY.format(count=limits.KEPT)]
    assert warnings(at.run()) == []  # said once


def test_only_so_many_bytes_are_kept(monkeypatch):
    files = [(f"{i}.png", noisy(60, 60, seed=i)) for i in range(4)]
    monkeypatch.setattr(limits, "KEPT_BYTES", 2 * max(len(data) for _, data in files))
    at = drop(explore(), *files)
    assert names(at) == ["` 3.png `", "` 2.png `"]
    assert warnings(calm(at)) == [text.TOO_MANY.format(count=limits.KEPT)]
    monkeypatch.setattr(limits, "KEPT_BYTES", 10)
    assert names(drop(at, ("large.png", noisy(60, 60, seed=9)))) == ["` large.png `"]  # the one looked at stays


def test_streamlit_is_told_to_let_go_of_every_file_that_is_not_kept(monkeypatch):
    # what it holds of a session counts against the session's limit
    removed, remove = [], MemoryUploadedFileManager.remove_file

    def recording(self, session_id, file_id):
        removed.append(file_id)
        remove(self, session_id, file_id)

    monkeypatch.setattr(MemoryUploadedFileManager, "remove_file", recording)
    at = drop(explore(), *((f"{i}.png", noisy(20, 20, seed=i)) for i in range(limits.KEPT)))
    first, *_, last = [picture.file for picture in at.session_state["dropped"].values()]
    assert removed == []
    drop(at, ("no.png", b"no picture"))
    assert len(removed) == 1
    drop(at, ("one more.png", noisy(20, 20, seed=99)))
    assert removed[1:] == [first]
    drop(at, ("7 again.png", noisy(20, 20, seed=limits.KEPT - 1)))
    assert removed[2:] == [last]


def test_a_picture_that_left_leaves_the_view_whole():
    at = drop(explore(), ("0.png", noisy(20, 20, seed=0)))
    at.button(key="pick_portrait").click().run()
    first = drop(explore(), *((f"{i}.png", noisy(20, 20, seed=i)) for i in range(9)))
    assert heading(calm(first)) == "` 8.png `"


def test_dropped_pictures_are_on_both_pages_and_survive_the_change():
    at = drop(explore(), ("mine.png", noisy(40, 50)))
    to_compare(at)
    assert "mine.png" in at.multiselect(key="compared").options
    to_explore(at)
    assert heading(at) == "` mine.png `"


def test_another_session_sees_nothing_of_it():
    drop(explore(), ("secret-name.png", noisy(33, 44)))
    assert not any("secret-name" in word for word in words(explore()))
    assert not any("secret-name" in word for word in words(compare()))


def test_two_pictures_of_one_name_are_two_pictures():
    at = drop(explore(), ("image.png", noisy(40, 50, seed=1)))
    first = numbers(at)
    drop(at, ("image.png", noisy(40, 50, seed=2)))
    assert names(at) == ["` image.png `"] * 2
    assert numbers(at) != first


def test_pictures_that_differ_in_one_pixel_give_different_numbers():
    # Streamlit hashes a sample of so large an array: keyed by it, the second picture would get the first one's answers
    levels = np.zeros((1024, 1024, 3), np.uint8)
    levels[10, 10] = 255
    one = png(levels)
    levels[500, 700] = 255
    two = png(levels)
    at = drop(explore(color="rgb", rank="1"), ("same.png", one))
    before = numbers(at), pictures_shown(at), figure(at)
    assert before[0]["psnr"] == "over 100 dB"  # one white pixel is of rank 1
    drop(at, ("same.png", two))
    after = numbers(calm(at)), pictures_shown(at), figure(at)
    assert after[0]["relative_error"] == "70.7 %"  # two are of rank 2, and rank 1 keeps half of the energy
    assert after[0]["energy"] == "50.0 %"
    assert after[0]["psnr"] != before[0]["psnr"]
    assert set(after[1][0]).isdisjoint(before[1][0])  # other factors, another original
    assert after[2] != before[2]


# -- no pictures ------------------------------------------------------------------------------------------------------


def test_what_is_no_picture_is_said_and_changes_nothing_on_explore(subtests):
    at = impatient(drop(explore(rank="33"), ("good.png", noisy(50, 60))))
    before = numbers(at), pictures_shown(at), figure(at)
    for kind, data in NO_PICTURES.items():
        with subtests.test(kind):
            drop(at, ("broken.png", data))
            (message,) = messages(calm(at))
            assert re.match(r"` broken\.png `: This (file|picture) [^<>{}]+\.$", message)
            assert heading(at) == "` good.png `"
            assert (numbers(at), pictures_shown(at), figure(at)) == before
            assert names(at) == ["` good.png `"]
    assert not messages(at.run())  # said once
    assert heading(drop(at, ("next.png", noisy(50, 60, seed=4)))) == "` next.png `"  # and the page still takes files


def test_what_is_no_picture_is_said_and_changes_nothing_on_compare():
    at = impatient(compare(pictures="page,noise"))
    before = figure(at)
    drop(at, ("broken.png", NO_PICTURES["text"]))
    (message,) = messages(calm(at))
    assert message.startswith("` broken.png `: ")
    assert figure(at) == before
    assert at.multiselect(key="compared").value == ["page", "noise"]


def test_good_and_broken_files_at_once():
    at = impatient(explore())
    files = [("a.png", noisy(30, 40)), ("b.png", b"no"), ("c.png", noisy(30, 40, seed=1)), ("d.png", b"")]
    drop(at, *files)
    assert [message.split(":")[0] for message in messages(calm(at))] == ["` b.png `", "` d.png `"]
    assert names(at) == ["` c.png `", "` a.png `"]


def test_hostile_names_of_broken_files_stay_literal_in_the_messages():
    at = drop(impatient(explore()), *((name, b"no picture") for name in HOSTILE_NAMES))
    said = messages(calm(at))
    assert len(said) == len(HOSTILE_NAMES)
    for name, message in zip(HOSTILE_NAMES, said, strict=True):
        assert message.startswith(text.literal(name))
        assert without_code(message).startswith(": This file is not a picture")
        assert "\n" not in message


# -- hostile names ----------------------------------------------------------------------------------------------------


INTERPRETED = re.compile(r"<img|!\[|\]\(|:red|\$x|etc/passwd|aaaa|\n")


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_a_hostile_name_stays_literal(name, downloads):
    at = calm(drop(explore(), (name, noisy(24, 30))))
    printed = " ".join("".join(c if c.isprintable() else " " for c in name).split())
    assert heading(at) == text.literal(name)
    assert printed in heading(at)
    assert without_code(heading(at)).strip() == ""
    assert [value for value in map(without_code, interpreted(at)) if INTERPRETED.search(value)] == []
    if len(printed) > len(".png"):
        assert [value for value in map(without_code, interpreted(at)) if printed in value] == []
    offered = [file for file in downloads if not file.startswith("portrait-")]
    assert len(offered) == 6
    assert [file for file in offered if not re.fullmatch(r"[a-z0-9-]{1,80}\.(png|webp|csv|npz|lrk)", file)] == []


@pytest.mark.parametrize("names", [HOSTILE_NAMES[i : i + 7] for i in range(0, 40, 7)])
def test_hostile_names_stay_literal_on_compare(names):
    files = [(name, noisy(24, 30, seed=i)) for i, name in enumerate(names)]
    at = calm(drop(compare(pictures="noise"), *files))
    assert [value for value in map(without_code, interpreted(at)) if INTERPRETED.search(value)] == []
    assert list(at.dataframe[0].value["picture"]) == ["Noise", *names]  # cells of text
    entries = [trace["name"] for trace in json.loads(figure(at))["data"]]
    assert entries[0] == "Noise"
    for name, entry in zip(names, entries[1:], strict=True):
        assert not re.search("[<>]", entry)
        whole = html.unescape(entry)
        assert whole == name or (len(whole) < 30 and name.startswith(whole.removesuffix("…")))


def test_long_names_do_not_hide_the_numbers():
    at = drop(explore(), ("a" * 296 + ".png", noisy(24, 30)))
    assert rank(at) == 24
    assert pane(at)["title"] == "a" * 296 + ".png"
    assert all(element is not None for element in elements(at))


def test_a_sample_dropped_by_its_owner_is_an_upload_like_any_other():
    at = drop(explore(), ("portrait.jpg", sample("portrait")))
    assert heading(at) == "` portrait.jpg `"
    assert at.query_params == {"picture": "own", "rank": "50", "color": "gray"}


def test_files_whose_run_was_cut_short_are_taken_in_by_the_next_one():
    at = AppTest.from_string(
        "import streamlit as st\n"
        "from app.ui import pictures\n"
        "def take(arrived):\n"
        "    st.session_state.turns = st.session_state.get('turns', 0) + 1\n"
        "    if st.session_state.turns == 1:\n"
        "        st.stop()  # as the next message from the browser does\n"
        "    st.session_state.taken = [one.title for one in arrived]\n"
        "pictures.drop_zone('here', take)\n"
        "st.text(str(st.session_state.get('taken')))\n",
        default_timeout=10,
    ).run()
    drop(at, ("mine.png", noisy(8, 9)))
    assert not at.text
    assert [one.value for one in at.run().text] == ["['mine.png']"]
    assert at.session_state["turns"] == 2
