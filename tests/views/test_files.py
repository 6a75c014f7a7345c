"""Files on Explore and Open: every figure is that of a file that was written, and what is saved opens again."""

import json

import numpy as np
import pytest

import lowrank
from app.ui import files, filing, pictures, text
from app.ui.words import files as words
from lowrank import rivals
from lowrank.codec import decode, encode, inspect
from lowrank.color import from_planes, to_planes
from views.screen import calm, drop, explore, messages, set_rank

#: A part of the coffee, small enough that all its files are written in a moment.
CUP = lowrank.read_image(pictures.samples()["coffee"].data)[60:180, 150:310]
DATA = lowrank.to_png(CUP)
DIGEST = "cup"
GREY = from_planes(to_planes(lowrank.read_image(DATA), "gray"), "gray")


def cup(rank):
    """Explore with the cup dropped on it."""
    return calm(drop(explore(rank=str(rank)), ("cup.png", DATA)))


def switch(at, key):
    at.toggle(key=key).set_value(True)
    return calm(at.run(timeout=120))


def metrics(at):
    return {one.label: one.value for one in at.metric}


def test_the_weights_are_those_of_files():
    at = cup(5)
    assert not at.metric  # nothing heavy without being asked
    at = switch(at, "weigh")
    data = encode(GREY, rank=5)
    reached = rivals.rate(GREY, "whole", data).psnr
    shown = metrics(at)
    assert shown[words.CODECS["whole"]] == text.size(len(data))
    assert shown[words.UPLOAD] == text.size(len(DATA))
    for codec in ("patches", "jpeg", "png"):
        assert shown[words.CODECS[codec]] == text.size(len(rivals.same_psnr(GREY, codec, reached)))
    assert any(words.AT.format(k=5, psnr=text.decibel(reached)) in one.value for one in at.markdown)


def test_the_weights_follow_the_rank():
    at = switch(cup(5), "weigh")
    before = metrics(at)
    after = metrics(calm(set_rank(at, 9)))
    assert before[words.CODECS["whole"]] != after[words.CODECS["whole"]]
    assert after[words.CODECS["whole"]] == text.size(len(encode(GREY, rank=9)))


@pytest.mark.parametrize(
    ("weights", "says"),
    [
        ({"whole": 900, "patches": 60, "jpeg": 100, "png": 0}, "SVD of patches 0.6 times"),
        ({"whole": 900, "patches": 150, "jpeg": 100}, "JPEG is the smallest"),
        ({"whole": 900, "patches": 150, "jpeg": 0}, "JPEG does not reach"),
    ],
)
def test_the_verdict(weights, says):
    said = filing.verdict(weights)
    assert says in said
    assert "{" not in said


def test_the_chart_has_the_benchmarks_figures():
    at = switch(cup(5), "draw_rates")
    chart = json.loads(at.get("plotly_chart")[-1].proto.spec)
    shown = {trace["name"]: trace for trace in chart["data"]}
    assert set(shown) == {words.CODECS[codec] for codec in files.CURVES}
    for codec in ("jpeg", "patches"):
        rates = sorted(rivals.rate_curve(GREY, codec), key=lambda one: one.bytes)
        assert shown[words.CODECS[codec]]["y"] == [one.psnr for one in rates]
        assert shown[words.CODECS[codec]]["x"] == [one.bits_per_pixel for one in rates]


def test_the_chart_stays_while_the_rank_moves():
    at = switch(cup(5), "draw_rates")
    before = at.get("plotly_chart")[-1].proto.spec
    assert calm(set_rank(at, 9)).get("plotly_chart")[-1].proto.spec == before


@pytest.mark.parametrize(("target", "value"), [("rank", 5), ("psnr", 30.0), ("max_bytes", 3000)])
@pytest.mark.parametrize("arrangement", ["whole", "patches"])
def test_what_is_saved_meets_its_target(arrangement, target, value):
    data = files.lrk(DIGEST, "gray", arrangement, target, value, DATA)
    assert inspect(data).arrangement == arrangement
    if target == "rank":
        assert inspect(data).rank <= value
    if target == "psnr":
        assert lowrank.psnr(GREY, decode(data)) >= 30 - 0.1
    if target == "max_bytes":
        assert len(data) <= 3000


def test_the_jpeg_beside_is_no_larger():
    data, size = files.jpeg_beside(DIGEST, "gray", 60, DATA)
    assert len(data) <= size == len(encode(GREY, rank=60))
    assert data.startswith(b"\xff\xd8")
    at = switch(cup(60), "jpeg_beside")
    assert words.BESIDE_SHOWN.format(jpeg=text.size(len(data)), k=60, lrk=text.size(size)) in [
        c.value for c in at.caption
    ]


def test_no_jpeg_so_small_is_said():
    at = switch(cup(1), "jpeg_beside")
    assert words.BESIDE_NONE.format(k=1) in [c.value for c in at.caption]


@pytest.mark.parametrize("shape", [(1, 1), (5, 5), (40, 40)])
def test_a_flat_picture_has_files_too(shape):
    at = calm(drop(explore(), ("flat.png", lowrank.to_png(np.full(shape, 0.5, np.float32)))))
    at = switch(at, "weigh")
    assert metrics(at)[words.CODECS["png"]]
    switch(at, "draw_rates")


# Open


def opened(data, name="x.lrk"):
    at = explore().switch_page("views/open.py").run()
    at.file_uploader(key="open").set_value([(name, data, "")]).run()
    return calm(at)


@pytest.mark.parametrize("color", ["gray", "rgb"])
def test_a_file_opens_without_its_original(color):
    image = CUP if color == "rgb" else GREY
    data = encode(image, rank=12)
    at = opened(data)
    shown = metrics(at)
    assert shown[words.OPEN_FACTS["size"]] == f"{image.shape[1]} × {image.shape[0]}"
    assert shown[words.OPEN_FACTS["bytes"]] == text.size(len(data))
    (slider,) = at.slider
    assert (slider.min, slider.max) == (1, inspect(data).rank)
    calm(slider.set_value(3).run())
    made = lowrank.read_image(files.opened(color, 3, data))
    assert lowrank.psnr(decode(data, rank=3), made) > 50


@pytest.mark.parametrize("arrangement", ["whole", "patches"])
def test_a_file_of_rank_0_opens_too(arrangement):
    data = encode(np.full((64, 64), 0.5, np.float32), psnr=40, arrangement=arrangement)
    assert not messages(opened(data))
    made = lowrank.read_image(files.opened(f"flat-{arrangement}", inspect(data).rank, data))
    np.testing.assert_allclose(made, 0.5, atol=0.01)


def test_a_side_longer_than_webp_counts_leaves_the_others():
    wide = np.random.default_rng(0).random((2, 16_400)).astype(np.float32)
    switch(calm(drop(explore(rank="2"), ("wide.png", lowrank.to_png(wide)))), "draw_rates")


@pytest.mark.parametrize("data", [b"", b"LRK", b"<svg>", b"\x89PNG\r\n\x1a\n" + bytes(90)])
def test_what_is_no_lrk_file_is_refused_in_a_sentence(data):
    (said,) = messages(opened(data))
    assert ".lrk" in said.replace("\\", "")


def test_a_damaged_file_is_refused():
    data = bytearray(encode(GREY, rank=5))
    data[len(data) // 2] ^= 1
    (said,) = messages(opened(bytes(data)))
    assert "damaged" in said
