"""What is remembered: within its bound in bytes and entries, each session's own, and gone with it."""

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.ui import cached, limits, pictures, session, store
from app.ui.store import Store
from views.screen import explore, noisy


@pytest.fixture
def acting():
    """Act for a session: what is asked for is its own."""

    def act(who):
        session._acting.set(who)

    token = session._acting.set(None)
    yield act
    session._acting.reset(token)


sizes = st.lists(st.tuples(st.integers(0, 20), st.integers(0, 60_000)), max_size=60)


@given(sizes)
def test_a_store_never_holds_more_than_it_may(puts):
    held, most = Store(100_000), 100_000
    for key, size in puts:
        held.put(("who", key), bytes(size))
        assert held.bytes <= most
        assert len(held) <= most // store._ENTRY
        assert held.get(("who", key)) == bytes(size)


def test_what_was_not_asked_for_the_longest_leaves_first():
    held = Store(3 * (store._ENTRY + 100))
    for key in "abc":
        held.put(("who", key), bytes(100))
    held.get(("who", "a"))
    held.put(("who", "d"), bytes(100))
    assert [held.get(("who", key)) is None for key in "abcd"] == [False, True, False, False]


def test_what_is_larger_than_all_may_be_is_kept_alone():
    held = Store(100_000)
    held.put(("who", "small"), b"x")
    held.put(("who", "large"), bytes(200_000))
    assert held.get(("who", "small")) is None
    assert held.get(("who", "large")) == bytes(200_000)
    held.put(("who", "small"), b"x")
    assert held.get(("who", "large")) is None
    assert held.get(("who", "small")) == b"x"


def test_the_number_of_tiny_entries_is_bounded_as_well():
    held = Store(100_000)
    for i in range(1000):
        held.put(("who", i), i)
    assert len(held) == 100_000 // (store._ENTRY + 8)


def test_a_session_takes_its_entries_along_and_no_others():
    held = Store(10**6)
    for who in ("me", "you"):
        for key in range(3):
            held.put((who, key), b"x")
    assert held.drop("me") == 3
    assert held.get(("me", 0)) is None
    assert held.get(("you", 0)) == b"x"
    assert held.drop("me") == 0


def test_what_is_brief_goes_by_itself():
    held = Store(10**6, seconds=0.05)
    held.put(("who", "key"), b"x")
    assert held.get(("who", "key")) == b"x"
    time.sleep(0.1)  # longer than it may last
    assert held.get(("who", "key")) is None
    held.expire()
    assert held.bytes == 0


def test_arrays_and_bytes_are_counted_to_the_byte():
    data = noisy(40, 50)
    assert store.size(data) == len(data)
    svd = cached.factors("size", "rgb", data)
    arrays = (svd.U, svd.s, svd.Vt, svd.total, svd.rest, svd.ranks)
    assert store.size(svd) == sum(x.nbytes for x in arrays) + 2 * 8
    assert store.size({"a": [b"12", "345"], "b": (np.zeros(3), None)}) == 5 + 24 + 8
    assert store.size(object()) == store._OBJECT


def test_the_bounds_are_those_of_the_limits():
    assert store.shown._values.maxsize + store.factors._values.maxsize <= limits.REMEMBERED
    assert store.brief._values.maxsize == limits.BRIEF


def test_no_session_is_given_what_another_one_computed(acting):
    data, seen = noisy(30, 40), []

    @store.remembered(queued=lambda digest, data: False)
    def made(digest, data):
        seen.append(session.current())
        return len(seen)

    acting("me")
    assert [made("digest", data) for _ in range(2)] == [1, 1]
    acting("you")
    assert made("digest", data) == 2
    assert made.is_known("digest")
    acting("third")
    assert not made.is_known("digest")
    assert seen == ["me", "you"]
    assert store.shown.drop("me") == 1
    acting("me")
    assert made("digest", data) == 3
    store.shown.drop("me")
    store.shown.drop("you")


def test_what_comes_from_a_sample_is_everybodys(acting):
    sample = pictures.samples()[explore().session_state["view"].picture]
    for who in ("me", "you"):
        acting(who)
        assert cached.factors.is_known(sample.digest, "gray")


def test_work_for_a_download_is_its_sessions_whoever_does_it(acting):
    acting("me")
    ask = session.bound(session.current)
    acting("you")
    assert ask() == "me"
    assert session.current() == "you"


def test_two_digests_of_two_contents():
    a, b = noisy(30, 40, seed=1), noisy(30, 40, seed=2)
    assert store.digest(a) == store.digest(bytes(a)) != store.digest(b)
    assert len(store.digest(a)) == 32  # 128 bits
