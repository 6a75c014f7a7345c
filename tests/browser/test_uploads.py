"""Files that are no pictures and names that want to be more than names, in a real browser."""

import pytest
from playwright.sync_api import expect

from app.ui import text
from browser import pictures

pytestmark = pytest.mark.browser

NAMES = (
    "<img src=x onerror=alert(1)>.png",
    "![x](http://127.0.0.1:9/x.png).png",
    "$x$ :red[a] *b* `c`.png",
    "'><svg onload=alert(2)>.png",
    "<script>alert(3)<script>.png",
    "[link](javascript:alert(4)).png",
)
INJECTED = "img[src='x'], img[src*='127.0.0.1:9'], [onerror], [onload], .katex, main em, main a[href^='javascript']"


def test_hostile_names_stay_names(app):
    app.open()
    app.upload(*((name, "image/png", pictures.noise(i, 30, 40)) for i, name in enumerate(NAMES)))
    assert app.title == NAMES[-1]
    for name in NAMES[::-1]:
        expect(app.gallery.get_by_role("button", name=text.short(name), exact=True)).to_have_count(1)
    expect(app.page.locator(INJECTED)).to_have_count(0)

    app.go_to(text.COMPARE).clear_compared()
    app.upload_to_compare(*((name, "image/png", pictures.noise(i, 30, 40)) for i, name in enumerate(NAMES)))
    assert app.compared() == list(NAMES)
    legend = app.legend()
    assert len(legend) == len(NAMES)
    for name, entry in zip(NAMES, legend, strict=True):
        assert name.startswith(entry.removesuffix("…"))
    read = [line.rpartition(" : ")[0] for line in app.hover()[1:]]
    assert read == legend
    expect(app.page.locator(INJECTED)).to_have_count(0)
    app.page.get_by_role("button", name="Clear all").click()
    app.page.get_by_role("combobox", name=text.COMPARE_PICK).press("ArrowDown")
    for name in NAMES:
        expect(app.page.get_by_role("option", name=name, exact=True)).to_have_count(1)
    expect(app.page.locator(INJECTED)).to_have_count(0)


def test_a_file_that_is_no_picture_is_said_and_the_picture_stays(app):
    app.open(picture="rocket", rank=20)
    before = app.numbers(), app.picture().tobytes()
    app.drop(("<img src=x onerror=alert(1)>.png", "image/png", b"%PDF-1.7 this is no picture"))
    expect(app.messages()).to_have_count(1, timeout=8000)
    app.settled()
    said = app.messages().inner_text()
    assert said.startswith("<img src=x onerror=alert(1)>.png: This file is a PDF document, not a picture")
    assert "/" not in said
    assert (app.title, app.rank) == ("Rocket", 20)
    assert (app.numbers(), app.picture().tobytes()) == before
    expect(app.page.locator(INJECTED)).to_have_count(0)
    app.rank_by_number(21)
    assert app.messages().count() == 0  # said once


def test_a_target_out_of_reach_is_said_and_the_rank_stays(app):
    app.open(picture="noise", rank=33)
    app.set_target("psnr", 99)
    expect(app.messages()).to_have_count(1, timeout=8000)
    assert app.settled().rank == 33
