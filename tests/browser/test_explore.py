"""Explore in a real browser: the picture one sees is NumPy's, the numbers are its own, and files come down whole."""

import csv
import io
import re
from urllib.parse import urlsplit

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect
from serving import running_app

from app.ui import text
from browser import pictures
from browser.explore_page import AppPage

pytestmark = pytest.mark.browser


def assert_numpys_picture(app: AppPage, data: bytes, color: str) -> None:
    """The picture drawn is NumPy's at this rank to within one grey level, and nearer to it than to any other rank's."""
    shown, k = app.picture(), app.rank
    largest, mean = pictures.difference(shown, pictures.truncated(data, color, k))
    assert largest <= 1
    for other in {max(k - 1, 1), min(k + 1, app.highest)} - {k}:
        assert pictures.difference(shown, pictures.truncated(data, color, other))[1] > mean


def assert_own_numbers(app: AppPage, data: bytes, color: str) -> None:
    """Every number on the page is the one from its definition, to the digits written."""
    expected = pictures.numbers(data, color, app.rank)
    for name, said in app.numbers().items():
        match = re.fullmatch(r"([\d,.]+)(?: (dB|%|: 1|B|kB|MB))?", said)
        assert match, said
        written = match[1].replace(",", "")
        unit = {"B": 1, "kB": 1e3, "MB": 1e6}.get(match[2], 1)
        digits = len(written.partition(".")[2])
        assert abs(float(written) - expected[name] / unit) <= 0.501 * 10**-digits, (name, said, expected[name])


def test_a_photograph_by_mouse_and_by_keyboard(app):
    data = pictures.photograph()
    app.open().upload(("holiday.jpg", "image/jpeg", data))
    assert app.rank == 50
    assert app.highest == 300
    assert_numpys_picture(app, data, "gray")
    assert_own_numbers(app, data, "gray")

    app.rank_by_mouse(120)
    assert abs(app.rank - 120) <= 2
    assert_numpys_picture(app, data, "gray")
    assert_own_numbers(app, data, "gray")

    app.rank_by_mouse(8)
    assert abs(app.rank - 8) <= 2
    k = app.rank
    app.rank_by_keys("ArrowRight", "ArrowRight", "ArrowLeft", "ArrowUp")
    assert app.rank == k + 2
    assert_numpys_picture(app, data, "gray")

    app.rank_by_keys("Home")
    assert app.rank == 1
    assert_numpys_picture(app, data, "gray")
    assert_own_numbers(app, data, "gray")

    app.rank_by_keys("End")
    assert app.rank == 300
    assert_numpys_picture(app, data, "gray")
    assert app.messages().count() == 0


def test_a_photograph_on_its_side_in_colour(app):
    data = pictures.photograph(orientation=6, size=(320, 250))
    app.open(rank=30).upload(("upright.jpg", "image/jpeg", data))
    app.set_color("rgb")
    assert app.picture().shape == (320, 250, 3)  # stored 250 high and 320 wide
    assert app.highest == 250
    assert_numpys_picture(app, data, "rgb")
    assert_own_numbers(app, data, "rgb")

    app.rank_by_number(77)
    assert_numpys_picture(app, data, "rgb")
    assert_own_numbers(app, data, "rgb")

    app.rank_by_stop(10)
    assert_numpys_picture(app, data, "rgb")
    assert np.array_equal(app.original(), pictures.truncated(data, "rgb", 250))
    app.set_color("gray")
    assert (np.ptp(app.picture(), axis=2) == 0).all()
    assert_numpys_picture(app, data, "gray")


def test_a_held_arrow_key_moves_by_as_many_ranks_as_it_repeats(app):
    app.open(picture="portrait", rank=20)
    assert app.hold_key("ArrowRight", 20).rank == 40


def test_a_rank_above_a_small_pictures_own_comes_back_with_a_larger_one(app):
    app.open(rank=200).upload(("small.png", "image/png", pictures.noise(1, 40, 60)))
    assert app.rank == 40
    assert app.pick("Portrait").rank == 200


def test_a_target_sets_the_rank(app):
    data = pictures.photograph(size=(200, 180))
    app.open().upload(("small.jpg", "image/jpeg", data))
    app.set_target("energy", 0.99)
    app.set_target("psnr", 35)
    _, _, s, _ = pictures.decomposed(data, "gray")
    lost = np.append(np.cumsum((s[0] ** 2)[::-1])[::-1], 0)[1:]  # at k = 1, 2, ...
    with np.errstate(divide="ignore"):
        expected = 1 + int(np.argmax(10 * np.log10(200 * 180 / lost) >= 35))
    app.at_rank(expected)
    expect(app.viewer.locator(".marks .high")).to_have_text(["PSNR 35 dB"])
    assert_own_numbers(app, data, "gray")


def test_a_link_restores_the_view(app, new_tab):
    first = app.open(picture="page", rank=20, color="rgb")
    assert (first.title, first.rank) == ("Text page", 20)
    assert first.address == "/?picture=page&rank=20&color=rgb"
    first.pick("Rocket")
    first.rank_by_number(33)
    second = AppPage(new_tab(), app.url).open(first.address)
    assert (second.title, second.rank) == ("Rocket", 33)
    assert second.numbers() == first.numbers()
    apart = np.abs(second.picture().astype(int) - first.picture())
    assert apart.max() <= 1  # the layers were added up in another order
    assert apart.mean() < 1e-3


def test_back_and_forward(app):
    app.open(picture="dusk", rank=5)
    app.rank_by_number(9).wait_for_address("rank=9")
    app.pick("Gravel").wait_for_address("picture=gravel")
    app.back()
    assert (app.title, app.rank) == ("Sky", 9)
    app.back()
    assert (app.title, app.rank) == ("Sky", 5)
    app.forward()
    app.forward()
    assert (app.title, app.rank) == ("Gravel", 9)


def test_back_from_the_other_page(app):
    app.open(picture="dusk", rank=5)
    app.go_to(text.COMPARE)
    assert app.address.startswith("/compare?pictures=")
    for _ in range(2):  # Streamlit enters the page's name first, and its view after that
        if "compare" in app.address:
            app.back()
    assert app.address == "/?picture=dusk&rank=5&color=gray"
    assert (app.title, app.rank) == ("Sky", 5)


def test_the_first_picture_is_there_before_the_chart_asks_for_its_code(app):
    loads = "performance.getEntriesByType('resource').map((one) => [one.name, one.startTime, one.responseEnd])"
    times = app.open().page.evaluate(loads)
    ((_, _, factors),) = (one for one in times if one[0].endswith(".zip"))
    ((_, chart, _),) = (one for one in times if "PlotlyChart" in one[0])
    assert factors <= chart


def test_the_chart_comes_where_the_first_picture_does_not(tab, server, watch):
    tab.route("**/media/*.zip", lambda route: route.abort())
    tab.goto(server.url)
    expect(tab.locator(".viewer .message")).to_have_text(text.VIEWER["lost"])
    expect(tab.locator(".js-plotly-plot .xtitle")).to_be_visible()
    watch.console[:] = [said for said in watch.console if not said.startswith("Failed to load resource")]


def test_after_a_restart_of_the_server_the_first_click_counts(chrome, tmp_path):
    with chrome.new_context() as context:
        with running_app(tmp_path) as server:
            app = AppPage(context.new_page(), server.url).open()
        for click in (lambda: app.rank_by_stop(20), lambda: app.pick("Coffee")):
            app.until_connected(False)
            with running_app(tmp_path, port=urlsplit(server.url).port):
                app.until_connected(True)
                click()
                assert app.until(
                    lambda: (app.needle() or [""])[0] == text.AT_RANK.format(k=20)
                )  # the chart is back too
        assert (app.title, app.rank) == ("Coffee", 20)


def test_one_clicks_on_the_thumbnail_or_on_its_name(app):
    app.open(picture="portrait")
    for name in ("Rocket", "Coffee"):
        picture = app.gallery.locator("[data-testid=stVerticalBlock]", has_text=name).locator("img").bounding_box()
        for share in (0.05, 0.95):
            app.pick("Sky")
            app.page.mouse.click(picture["x"] + share * picture["width"], picture["y"] + share * picture["height"])
            expect(app.title_element).to_have_text(name)
            app.settled()


def test_downloads(app):
    data = pictures.photograph(size=(240, 200))
    app.open(rank=12, color="rgb").upload(("My holiday.jpg", "image/jpeg", data))
    assert app.rank == 12
    expected = pictures.truncated(data, "rgb", 12).astype(float)

    def fetched(label: str, name: str) -> io.BytesIO:
        download = app.download(label)
        assert download.suggested_filename == name
        return io.BytesIO(download.path().read_bytes())

    picture = Image.open(fetched(text.DOWNLOAD_PICTURE.format(k=12), "my-holiday-rank12.png"))
    assert picture.format == "PNG"
    assert np.abs(np.asarray(picture, float) - expected).max() <= 1

    with np.load(fetched(text.DOWNLOAD_FACTORS.format(k=12), "my-holiday-rank12.npz"), allow_pickle=False) as arrays:
        planes = (arrays["U"] * arrays["s"][:, None]) @ arrays["Vt"]
        total = arrays["total"]
    levels = np.moveaxis(np.rint(255 * planes.clip(0, 1)), 0, 2)
    assert np.abs(levels - expected).max() <= 1
    assert np.allclose(total, (pictures.decomposed(data, "rgb")[0] ** 2).sum((1, 2)), rtol=1e-5)

    table = fetched(text.DOWNLOAD_CURVE, "my-holiday-curve.csv").read().decode()
    rows = list(csv.DictReader(io.StringIO(table)))
    assert [int(row["k"]) for row in rows] == list(range(1, 201))
    for k in (1, 5, 50, 100):
        own, row = pictures.numbers(data, "rgb", k), rows[k - 1]
        assert float(row["psnr_measured"]) == pytest.approx(own["psnr_measured"], abs=0.01)
        assert float(row["psnr"]) == pytest.approx(own["psnr"], abs=0.01)
        assert float(row["ssim"]) == pytest.approx(own["ssim"], abs=1e-3)
        assert 100 * float(row["energy"]) == pytest.approx(own["energy"], rel=1e-5)
        assert 100 * float(row["relative_error"]) == pytest.approx(own["relative_error"], rel=1e-3)
        assert (int(row["stored_numbers"]), int(row["bytes"])) == (own["numbers"], own["bytes"])
        assert float(row["ratio"]) == pytest.approx(own["ratio"])

    sweep = Image.open(fetched(text.DOWNLOAD_SWEEP.format(k=12), "my-holiday-sweep.webp"))
    assert (sweep.format, sweep.n_frames) == ("WEBP", 12)

    sheet = Image.open(fetched(text.DOWNLOAD_SHEET, "my-holiday-ranks.png"))
    assert sheet.format == "PNG"
    assert sheet.width > 4 * 400  # four pictures in a row
    assert sheet.height > 2 * 340  # two rows: ranks 1, 5, 10, 20, 50, 100, 200
    # downloading changes nothing on the page
    assert app.settled().rank == 12


def test_measured_curves_can_be_looked_at_while_the_rank_moves(app):
    app.open().upload(("noise.png", "image/png", pictures.noise(1)))
    for measure in ("psnr", "ssim"):
        app.set_measure(measure)
        app.rank_by_keys("ArrowLeft")
        expect(app.page.locator('[data-testid="stException"]')).to_have_count(0)
        assert app.axes()
