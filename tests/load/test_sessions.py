"""Many users of one server: what each may take, what none can reach of another's, and what is left when they go."""

import contextlib
import http.client
import re
import time
import uuid
from urllib.parse import urlsplit

import pytest
from bombs import BOMBS
from serving import running_app
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.runtime.memory_media_file_storage import _calculate_file_id
from views.screen import noisy, sample
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from app.ui import limits, text
from load.client import RefusedError, Tab
from load.photographs import photograph
from lowrank.intake.words import Refusal

OWN = noisy(60, 50, seed=1)


def media(tab):
    """Every address on the page that points to a file of its own."""
    pane = tab.viewer["panes"][0]
    return [pane["factors"]["url"], pane["original"]]


def thumbnails(tab):
    return [image.url for images in tab.elements["imgs"] for image in images.imgs]


# -- what is reachable ------------------------------------------------------------------------------------------------


def test_two_sessions_with_the_same_picture_have_no_address_in_common(tab):
    first, second = (tab().drop(("mine.png", OWN)) for _ in range(2))
    assert first.viewer["panes"][0]["curve"] == second.viewer["panes"][0]["curve"]
    assert set(media(first)).isdisjoint(media(second))
    for address in media(first):
        assert first.fetch(address)[0] == 200


def test_an_address_cannot_be_worked_out_from_the_picture(tab):
    page = tab().drop(("mine.png", OWN))
    for address, mime in zip(media(page), ("application/zip", "image/webp"), strict=True):
        status, headers, content = page.fetch(address)
        assert status == 200
        assert headers["content-type"] == mime
        guesses = [_calculate_file_id(content, mime, name) for name in (None, "", "mine.png", page.session)]
        name = re.fullmatch(r"/media/([0-9a-f]{32})\.\w+", address)[1]
        assert name not in guesses
        for guess in guesses:
            assert page.fetch(address.replace(name, guess))[0] == 404


def test_a_dropped_picture_s_thumbnail_has_no_address(tab):
    page = tab().drop(("mine.png", OWN))
    own, *samples = thumbnails(page)
    assert own.startswith("data:image/jpeg;base64,")
    assert all(address.startswith("/media/") for address in samples)


def test_a_download_has_an_address_of_its_sessions_own(tab):
    addresses = set()
    for page in (tab(), tab()):
        page.drop(("mine.png", OWN))
        button = page.elements["download_button"][0]
        message = BackMsg()
        asked = message.backend_operation_request
        asked.request_id, asked.session_id = "1", page.session
        asked.deferred_file.file_id = button.deferred_file_id
        address = page.ask_for(message).deferred_file.url
        status, headers, content = page.fetch(address)
        assert status == 200
        assert headers["content-disposition"] == 'attachment; filename="mine-rank50.png"'
        assert headers["cache-control"] == "no-store"
        assert content[:4] == b"\x89PNG"
        assert _calculate_file_id(content, "image/png", "mine-rank50.png") not in address
        addresses.add(address)
    assert len(addresses) == 2


def test_files_of_a_session_are_not_there_for_another(tab):
    first, second = tab(), tab()
    first.drop(("secret-name.png", OWN))
    second.rerun()
    for messages in second.elements.values():
        assert not any("secret-name" in str(message) for message in messages)
    assert second.query.startswith("picture=portrait")


def test_what_every_answer_tells_the_browser(tab):
    page = tab().drop(("mine.png", OWN))
    script = re.search(r'src="\./(static/js/[^"]+)"', page.fetch("/")[2].decode())[1]
    for address in (
        "/",
        "/compare",
        f"/{script}",
        "/_stcore/health",
        "/_stcore/host-config",
        *media(page),
        "/media/no.png",
    ):
        _, headers, _ = page.fetch(address)
        assert headers["x-content-type-options"] == "nosniff", address
        assert "wasm-unsafe-eval" in headers["content-security-policy"], address
        assert ("no-store" in headers.get("cache-control", "")) == address.startswith("/media/"), address


def test_statistics_and_the_interface_for_programs_are_closed(tab):
    page = tab()
    assert page.fetch("/_stcore/metrics")[0] == 404
    assert page.fetch("/_stcore/metrics?families=cache_memory_bytes")[0] == 404
    assert page.fetch("/_stcore/agent/interact", body=b"{}")[0] == 403
    assert "not_available" in page.fetch("/_stcore/agent/mcp", body=b"{}")[2].decode()


# -- who may ask ------------------------------------------------------------------------------------------------------


def test_a_page_from_elsewhere_cannot_open_a_session(server):
    stream = f"{server.url.replace('http', 'ws')}/_stcore/stream"
    with pytest.raises(InvalidStatus), connect(stream, origin="http://elsewhere.example"):
        pass


def test_a_file_without_the_page_s_token_is_refused(tab):
    page = tab()
    page._token = "another"
    with pytest.raises(RefusedError) as refused:
        page.put("a.png", OWN)
    assert refused.value.status == 403


def test_a_file_for_no_session_is_refused(tab):
    page = tab()
    page.session = str(uuid.uuid4())
    with pytest.raises(RefusedError) as refused:
        page.put("a.png", OWN)
    assert refused.value.status == 400


def test_a_browser_that_clears_the_caches_clears_its_own_state_only(tab):
    first, second = (tab().drop(("mine.png", OWN)) for _ in range(2))
    hostile = BackMsg(clear_cache=True)
    second.send(hostile)
    second.rerun()
    first.release(20)
    assert first.viewer["panes"][0]["title"] == "mine.png"
    assert first.messages == []


# -- how much ---------------------------------------------------------------------------------------------------------


def test_a_session_s_files_are_counted(tab):
    page = tab()
    for i in range(limits.SESSION_FILES):
        page.put(f"{i}.png", OWN)
    with pytest.raises(RefusedError) as refused:
        page.put("one more.png", OWN)
    assert refused.value.status == 413
    tab().put("another session's.png", OWN)


@pytest.mark.parametrize("length", ["said", "not said"])
def test_a_file_beyond_the_limit_is_refused(tab, length):
    page, border = tab(), "border"
    parts = urlsplit(page.url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=60)
    head = f'--{border}\r\nContent-Disposition: form-data; name="f"; filename="a.png"\r\n\r\n'.encode()
    size = 61 * 1024 * 1024
    headers = {**page._headers, "X-Xsrftoken": page._token, "Content-Type": f"multipart/form-data; boundary={border}"}
    if length == "said":
        headers["Content-Length"] = str(size)
    chunks = [head, *[bytes(2**20)] * (size // 2**20 + 1), f"\r\n--{border}--\r\n".encode()]
    body = iter(chunks if length != "said" else chunks[:1])
    with contextlib.closing(connection):
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # it does not listen to the end
            path = f"/_stcore/upload_file/{page.session}/f"
            connection.request("PUT", path, body, headers, encode_chunked=length != "said")
        with contextlib.suppress(http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError):
            assert connection.getresponse().status == 413
    assert page.rerun().messages == []


def test_all_sessions_together_and_their_number_are_bounded(tmp_path):
    large = noisy(500, 700, seed=5)
    with running_app(tmp_path, LOWRANK_UPLOADS_MB="2", LOWRANK_SESSIONS="2") as server:
        with Tab(server.url) as first, Tab(server.url) as second:
            first.open()
            second.open()
            for i in range(2_000_000 // len(large)):
                (first, second)[i % 2].put(f"{i}.png", large)
            with pytest.raises(RefusedError) as refused:
                first.put("one more.png", large)
            assert refused.value.status == 503
            with pytest.raises(InvalidStatus):
                Tab(server.url)
        with Tab(server.url) as third:  # there is room again
            third.open()


def test_a_setting_that_makes_no_sense_is_said_in_a_sentence(tmp_path):
    from serving import NotStartedError

    for name, value in (("LOWRANK_THREADS", "two"), ("LOWRANK_SESSIONS", "0"), ("LOWRANK_CACHE_MB", "much")):
        with pytest.raises(NotStartedError) as told, running_app(tmp_path, **{name: value}):
            pass
        assert f"{name} is '{value}'. Set it to a whole number" in str(told.value)
        assert "Traceback" not in str(told.value)
        (tmp_path / "server.log").unlink()


# -- together, and one after the other --------------------------------------------------------------------------------


def test_another_session_s_slider_works_while_large_pictures_are_decomposed(tab):
    light, heavy = tab(), [tab() for _ in range(limits.JOBS + 1)]
    for i, page in enumerate(heavy):
        page.upload((f"{i}.jpg", photograph(i)))
    for page in heavy:
        page.ask()
    for rank in (20, 30, 40):
        light.release(rank)
        assert light.viewer["rank"] == rank
    assert not all(page.has_rested() for page in heavy)
    for page in heavy:
        page.rest()
        assert page.messages == []


def test_bombs_in_one_session_cost_it_a_message_each_and_no_other_session_its_slider(server, tab):
    light, hostile = tab().drop(("mine.png", OWN)), tab()
    bombs = [(f"{i}.png", make(), entry) for i, (make, entry) in enumerate(BOMBS.values())]
    most = server.memory("VmHWM")
    for first in range(0, len(bombs), 8):
        some = bombs[first : first + 8]
        hostile.upload(*((name, data) for name, data, _ in some))
        hostile.ask()
        for rank in (20, 30, 40):
            light.release(rank)
            assert light.viewer["rank"] == rank
            assert light.messages == []
        hostile.rest()
        said = [message.split(": ", 1) for message in hostile.messages]
        assert [name for name, _ in said] == [text.literal(name) for name, _, _ in some]
        assert [Refusal.of(message) for _, message in said] == [entry for _, _, entry in some]
    assert server.memory("VmHWM") - most < 200  # the sandbox's own processes included


def test_a_session_that_waits_is_told_its_place_until_it_is_its_turn(tab):
    pages = [tab() for _ in range(limits.JOBS + 2)]
    for i, page in enumerate(pages):
        page.upload((f"{i}.jpg", photograph(10 + i)))
    for page in pages:
        page.ask()
    for page in pages:
        page.rest()
    assert text.BUSY.format(place=1) in {body for page in pages for body in page.said}
    assert all(page.messages == [] for page in pages)


def test_a_tab_that_comes_back_finds_its_picture(server):
    with Tab(server.url) as first:
        first.open().drop(("mine.png", OWN))
        session = first.session
    with Tab(server.url, first.query, session=session) as again:
        again.open()
        assert again.session == session
        assert again.viewer["panes"][0]["title"] == "mine.png"
        assert again.messages == []


def test_a_closed_tab_is_forgotten(tmp_path):
    with running_app(tmp_path, LOWRANK_FAREWELL_SECONDS="2") as server:
        with Tab(server.url) as first:
            first.open().drop(("mine.png", OWN))
            session = first.session
        end = time.monotonic() + 60
        while time.monotonic() < end:
            time.sleep(5)  # longer than it takes to be forgotten, and nobody else comes
            with Tab(server.url, first.query, session=session) as late:
                late.open()
                if late.session != session:
                    break
        assert late.session != session
        assert late.messages == [text.LOST]
        assert late.query == "picture=own&rank=50&color=gray"


def test_after_a_restart_a_page_says_what_it_lost_and_keeps_rank_and_colour(tmp_path):
    with running_app(tmp_path) as server, Tab(server.url, "rank=17&color=rgb") as tab:
        tab.open().drop(("mine.png", OWN))
        assert tab.viewer["panes"][0]["title"] == "mine.png"
    with (
        running_app(tmp_path, port=urlsplit(server.url).port) as server,
        Tab(server.url, tab.query, session=tab.session) as again,
    ):
        again.open()
        assert again.messages == [text.LOST]
        assert again.query == "picture=own&rank=17&color=rgb"
        assert again.viewer["rank"] == 17
        again.drop(("mine.png", OWN))
        assert again.messages == []
        assert again.viewer["panes"][0]["title"] == "mine.png"
        assert again.viewer["rank"] == 17


def test_a_session_keeps_its_picture_over_a_sample_s_clear_name(tab):
    page = tab("picture=page&rank=12")
    page.drop(("page.png", sample("page")))
    assert page.query == "picture=own&rank=12&color=gray"
