"""Files in a browser: .lrk saved on Explore opens on Open; a JPEG stands behind the divider; all of it fits."""

import io
import re

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

import lowrank
from app.ui import text
from app.ui.words import files as words
from browser.test_layout import crowding_everywhere
from lowrank.codec import decode, inspect

pytestmark = pytest.mark.browser


#: A part of the coffee, small enough that all its files are written in a moment.
CUP = ("cup.png", "image/png", lowrank.to_png(lowrank.read_image("sample_images/coffee.jpg")[60:180, 150:310]))


def open_file(app, name, data):
    app.open("/open")
    upload = {"name": name, "mimeType": "application/octet-stream", "buffer": data}
    app.page.locator('[data-testid="stFileUploader"] input[type=file]').set_input_files([upload])


def switch(app, label, settled=True):
    app.page.locator('[data-testid="stCheckbox"]').filter(has_text=label).locator("label").first.click()
    return app.settled() if settled else app


def test_a_saved_file_opens_without_the_original(app):
    app.open(rank=20).upload(CUP)
    data = app.download(words.SAVE).path().read_bytes()
    assert inspect(data).rank == 20
    open_file(app, "cup.lrk", data)
    picture = app.page.locator('[data-testid="stImage"] img')
    expect(picture).to_be_visible()
    shown = app.page.request.get(picture.evaluate("img => img.src")).body()
    np.testing.assert_allclose(lowrank.read_image(shown), decode(data), atol=1 / 255)
    app.settled()
    assert crowding_everywhere(app) == {}
    assert app.unnamed_pictures() == []
    png = app.download(words.OPEN_SAVE.format(k=20)).path().read_bytes()
    assert Image.open(io.BytesIO(png)).size == (160, 120)


def test_a_broken_file_is_a_sentence(app):
    open_file(app, "<b>x</b>.lrk", b"LRK and no more")
    expect(app.messages()).to_have_count(1)
    expect(app.messages()).not_to_contain_text("Traceback")


def test_a_jpeg_of_the_same_bytes_stands_behind_the_divider(app):
    app.open(rank=60).upload(CUP)
    switch(app, words.BESIDE)
    shown = app.viewer.locator("img.rival")
    expect(shown).to_be_visible()  # at once: it was asked for
    expect(app.viewer.locator(".side").first).to_have_text(words.BESIDE_VIEWER["left"])
    expect(app.viewer.locator(".side").last).to_have_text(text.AT_RANK.format(k=60))
    expect(app.viewer.locator("img.original")).to_be_hidden()
    data = app.page.request.get(f"{app.url}{shown.get_attribute('src')}").body()
    assert data.startswith(b"\xff\xd8")
    said = app.page.get_by_text("Behind the divider")
    expect(said).to_be_visible()


def test_weights_and_chart_fit(app):
    app.open(rank=20).upload(CUP)
    switch(app, words.WEIGH)
    switch(app, words.CHART, settled=False)
    expect(app.page.locator(".js-plotly-plot")).to_have_count(2, timeout=120_000)
    app.settled()
    app.page.locator(".st-key-rate_chart .lowrank-needle").wait_for()
    said, bits, psnr = app.needle("rate_chart")
    here = app.page.get_by_text(words.MARK[:10]).inner_text()
    assert said == text.AT_RANK.format(k=20)
    assert bits == pytest.approx(float(re.search(r"[0-9.]+(?= bits)", here)[0]), abs=0.005)  # a pixel
    assert psnr == pytest.approx(float(re.search(r"[0-9.]+(?= dB)", here.replace("\xa0", " "))[0]), abs=0.15)
    assert crowding_everywhere(app) == {}
    assert app.unnamed_pictures() == []
