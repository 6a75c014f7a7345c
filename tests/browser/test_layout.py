"""Every width and both themes fit; every control is reached and seen by keyboard; every picture has words."""

import pytest
from playwright.sync_api import expect

from app.ui import text
from browser import pictures

pytestmark = pytest.mark.browser

WIDTHS = (400, 800, 1440)
SCHEMES = ("light", "dark")


def crowding_everywhere(app):
    found = {}
    for scheme in SCHEMES:
        for width in WIDTHS:
            app.look(width, scheme)
            if crowded := app.crowding():
                found[width, scheme] = crowded
    return found


def test_explore_fits(app):
    app.open()
    assert crowding_everywhere(app) == {}
    assert app.unnamed_pictures() == []


def test_compare_fits(app):
    app.open("/compare")
    assert crowding_everywhere(app) == {}
    assert app.unnamed_pictures() == []


def test_a_very_long_name_fits(app):
    app.open().upload(("w" * 196 + ".png", "image/png", pictures.noise(3)))
    assert crowding_everywhere(app) == {}
    height = app.gallery.bounding_box()["height"]
    assert height < 260, "the gallery pushes the picture out of sight"


def test_explore_by_keyboard(app):
    app.open()
    expect(app.slider).to_be_visible()
    reached, unseen = [], []
    for _ in range(120):
        focused = app.tab()
        reached.append(focused["name"].replace("\n", " "))
        if not focused["visible"] and focused["kind"] != "BODY" and not focused["name"].startswith("Fullscreen"):
            unseen.append(focused)
        if text.LOG_VALUE in reached[-1]:
            break
    wanted = [
        *("Portrait", "Coffee", "Noise"),
        *("Upload", text.COLORS["gray"]),
        *(text.VIEWER["stage"], text.VIEWER["less"], text.RANK, text.VIEWER["more"], text.VIEWER["entry"]),
        *(text.VIEWER["play"], "1", "300", text.VIEWER["modes"]["picture"], text.VIEWER["beside"], text.VIEWER["hold"]),
        *(text.TARGET_RULE, text.TARGETS["psnr"], text.TARGET_SET),
        *(
            text.DOWNLOAD_PICTURE.format(k=50),
            text.DOWNLOAD_SHEET,
            text.DOWNLOAD_SWEEP.format(k=50),
            text.DOWNLOAD_CURVE,
        ),
        *(text.DOWNLOAD_FACTORS.format(k=50), text.CHARTS["relative_error"][0], text.LOG_RANK, text.LOG_VALUE),
    ]
    last = -1
    for name in wanted:
        places = [i for i, one in enumerate(reached) if one == name or one.endswith(f" {name}")]
        assert places, f"{name!r} is not reached by Tab: {reached}"
        assert places[0] > last, f"{name!r} comes too early"
        last = places[0]
    assert [focused["name"] or focused["kind"] for focused in unseen] == []


def test_the_stops_and_the_slider_work_without_a_mouse(app):
    app.open()
    app.stops.first.focus()
    for _ in range(3):
        app.page.keyboard.press("Tab")
    app.page.keyboard.press("Space")
    app.at_rank(20)
    app.page.get_by_role("button", name="Rocket", exact=True).focus()
    app.page.keyboard.press("Enter")
    expect(app.title_element).to_have_text("Rocket")
    app.settled()
    assert app.rank == 20
