"""Learn: a matrix drawn by hand is decomposed as NumPy would, and no random matrix of its rank is closer."""

import re

import numpy as np
import pytest
from playwright.sync_api import expect

from app.ui.hand import MATRICES
from app.ui.words import learn as words
from browser.test_layout import crowding_everywhere

pytestmark = pytest.mark.browser


@pytest.fixture
def hand(app):
    page = app.open("/learn").page
    expect(page.locator(".layer")).to_have_count(8)
    return page


def drawn(name):
    return np.array(MATRICES[name])


def number(page, name):
    return float(re.search(r"([\d.]+)\s%$", page.locator(f".{name}").inner_text())[1])


def sigmas(page):
    return [float(said.split("=")[1]) for said in page.locator(".layer").all_inner_texts()]


def relative_error(a, k):
    s = np.linalg.svd(a, compute_uv=False)
    return 100 * np.linalg.norm(s[k:]) / (np.linalg.norm(s) or 1)


@pytest.mark.parametrize("name", [name for name in MATRICES if name != words.EMPTY])
def test_layers_and_error_are_numpys(hand, name):
    hand.get_by_role("button", name=name, exact=True).click()
    a = drawn(name)
    assert sigmas(hand) == pytest.approx(np.linalg.svd(a, compute_uv=False), abs=0.006)
    expect(hand.locator(".rankSays")).to_have_text(words.HAND["rank"].format(rank=np.linalg.matrix_rank(a)))
    slider = hand.locator("#hand-rank")
    for k in (0, 1, 3, 8):
        slider.fill(str(k))
        assert number(hand, "missedSays") == pytest.approx(relative_error(a, k), abs=0.06)
        expect(hand.locator(".layer.in")).to_have_count(k)
        expect(hand.locator(".bars .in")).to_have_count(k)
        expect(hand.locator(".cost")).to_contain_text(f"{21 * k} numbers")


def test_of_nothing_no_share_is_told(hand):
    hand.get_by_role("button", name=words.EMPTY, exact=True).click()
    assert sigmas(hand) == [0] * 8
    for caption in ("rank", "kept", "missed", "bars", "best", "other"):
        expect(hand.locator(f".{caption}Says")).to_have_text(words.HAND["nothing"])
    expect(hand.locator(".tally")).to_be_empty()


def test_what_the_mouse_draws_is_decomposed(hand):
    cells = hand.locator(".matrix [role=gridcell]")
    first, last = cells.nth(0).bounding_box(), cells.nth(11).bounding_box()
    hand.mouse.move(first["x"] + 5, first["y"] + 5)
    hand.mouse.down()
    hand.mouse.move(last["x"] + 5, last["y"] + 5, steps=30)
    hand.mouse.up()
    a = drawn(words.HEART)
    a[0] = 1
    assert sigmas(hand) == pytest.approx(np.linalg.svd(a, compute_uv=False), abs=0.006)
    cells.nth(3).click()  # once more takes the ink away
    a[0, 3] = 0
    assert sigmas(hand) == pytest.approx(np.linalg.svd(a, compute_uv=False), abs=0.006)


def test_what_the_keyboard_draws_is_decomposed(hand):
    cells = hand.locator(".matrix [role=gridcell]")
    cells.nth(0).focus()
    for key in ("ArrowRight", "ArrowRight", "ArrowDown", "Space"):
        hand.keyboard.press(key)
    a = drawn(words.HEART)
    a[1, 2] = 1
    assert sigmas(hand) == pytest.approx(np.linalg.svd(a, compute_uv=False), abs=0.006)
    expect(cells.nth(14)).to_be_focused()
    expect(cells.nth(14)).to_have_attribute("aria-label", "Row 2, column 3: filled")


def test_no_random_matrix_is_nearer(hand):
    best = relative_error(drawn(words.HEART), 2)
    again = hand.get_by_role("button", name=words.HAND["labels"]["again"])
    errors = {number(hand, "otherSays")}
    for _ in range(30):
        again.click()
        errors.add(number(hand, "otherSays"))
    assert min(errors) > best
    assert len(errors) > 10  # they are random
    expect(hand.locator(".tally")).to_contain_text(f"Nearest of 31 so far: {min(errors):.1f}\u00a0%")


def test_thin_and_full_shapes(hand):
    thin = hand.locator(".shape").all_inner_texts()
    hand.get_by_text(words.HAND["forms"]["full"], exact=True).click()
    full = hand.locator(".shape").all_inner_texts()
    assert [said.split(" ", 1)[1] for said in thin] == ["8 × 12", "8 × 8", "8 × 8", "8 × 12"]
    assert [said.split(" ", 1)[1] for said in full] == ["8 × 12", "8 × 8", "8 × 12", "12 × 12"]


def test_it_fits(app, hand):
    assert crowding_everywhere(app) == {}
    assert app.unnamed_pictures() == []
