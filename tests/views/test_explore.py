"""Explore: what stands on the page for every kind of picture and rank, and that the numbers are the core's."""

import io

import numpy as np
import pytest
from PIL import Image
from test_viewer_payload import decoded

from app.ui import cached, scene, text
from app.ui.viewer.payload import Payload
from app.ui.words.files import SAVE
from lowrank import metrics, spectrum, storage
from lowrank.codec import inspect
from lowrank.color import COLORS, displayed, from_planes, mixing, to_planes
from lowrank.curves import CLASSIC_RANKS, error_curve
from lowrank.decompose import truncated_svd
from lowrank.errors import RankError
from lowrank.ranks import RULES, choose_rank
from lowrank.sheet import contact_sheet, sweep
from views.screen import (
    MEASURES,
    SAMPLES,
    about,
    calm,
    core,
    drop,
    explore,
    figure,
    heading,
    messages,
    noisy,
    numbers,
    pane,
    pictures_shown,
    png,
    rank,
    sample,
    set_color,
    set_rank,
    tab,
    to_compare,
    to_explore,
    viewer,
    words,
)


def expected_numbers(data, color, k):
    """What the core says of a picture at rank k, as the page writes it."""
    _, svd, reference = core(data, color)
    planes, m, n = svd.shape
    shown = displayed(from_planes(svd.reconstruct(k), color))
    return {
        "psnr": text.decibel(spectrum.psnr(svd)[k]),
        "ssim": text.decimals(metrics.ssim(reference, shown)),
        "energy": text.percent(spectrum.energy(svd)[k]),
        "relative_error": text.percent(spectrum.relative_error(svd)[k]),
        "numbers": text.count(storage.stored_numbers(m, n, int(svd.layers[k]))),
        "ratio": text.ratio(storage.compression_ratio(m, n, int(svd.layers[k]), planes)),
        "bytes": text.size(storage.stored_bytes(m, n, int(svd.layers[k]))),
        "pixels": text.size(planes * m * n),
    } | ({"ranks": text.split(svd.ranks[:, k - 1].tolist())} if color == "ycbcr" else {})


# -- first visit ------------------------------------------------------------------------------------------------------


def test_first_visit_shows_a_decomposed_sample():
    at = calm(explore())
    assert heading(at) == "Portrait"
    assert rank(at) == 50
    assert pane(at)["title"] == "Portrait"
    assert viewer(at)["highest"] == pane(at)["rank"] == 300
    assert set(numbers(at)) == set(text.NUMBERS)
    assert len(at.get("plotly_chart")) == 1
    assert [button.label for button in at.get("download_button")] == [
        "Picture at rank 50 (PNG)",
        "Contact sheet (PNG)",
        "Sweep from 1 to 50 (animated WebP)",
        "Curve (CSV)",
        "Factors at rank 50 (NPZ)",
        SAVE,
    ]
    assert not messages(at)


def test_the_first_chart_waits_until_the_first_picture_stands():
    at = tab()
    at.session_state["looked"] = False
    at.run()
    assert viewer(at)["waited"]
    assert not at.get("plotly_chart")
    assert text.CHART in [group.label for group in at.segmented_control]  # what is chosen there stands already
    at.run()
    assert not viewer(at)["waited"]
    before = figure(at)
    assert figure(set_rank(at, 20)) == before


def test_gallery_offers_every_sample_and_marks_the_chosen_one():
    at = explore()
    offered = [button for button in at.button if (button.key or "").startswith("pick_")]
    assert [button.key.removeprefix("pick_") for button in offered] == list(SAMPLES)
    assert [button.key for button in offered if button.proto.type == "primary"] == ["pick_portrait"]


@pytest.mark.parametrize("name", SAMPLES)
def test_every_sample_opens(name):
    at = calm(explore().button(key=f"pick_{name}").click().run())
    assert at.query_params["picture"] == name
    assert rank(at) == 50
    assert f"× {core(sample(name), 'gray')[0].shape[0]} pixels" in about(at)


def test_every_picture_has_an_alternative_text():
    at = explore()
    for element in at.get("image"):
        for image in element.proto.imgs:
            assert image.alt.strip()
    assert pane(at)["alt"].strip()
    (chart,) = at.get("plotly_chart")
    assert chart.proto.alt.startswith("Relative error against rank. ")


# -- rank -------------------------------------------------------------------------------------------------------------


def test_the_rank_that_the_hand_let_go_at_is_the_pages():
    at = explore()
    for k in (20, 100, 5, 6, 300, 1):
        set_rank(at, k)
        assert rank(at) == k
        assert at.query_params["rank"] == str(k)
    assert viewer(at)["stops"] == list(CLASSIC_RANKS)


def test_a_rank_from_the_hand_is_no_turn_and_one_from_elsewhere_is():
    at = explore()
    before = viewer(at)["turn"]
    assert viewer(set_rank(at, 20))["turn"] == before  # or a late answer would move the slider under the hand
    assert viewer(choose(at, "psnr", 30.0))["turn"] == before + 1


def test_nothing_is_sent_again_when_the_rank_moves():
    at = explore(rank="20")
    before, chart = viewer(at), figure(at)
    after = viewer(set_rank(at, 21))
    assert after["panes"][0].pop("ssim") != before["panes"][0].pop("ssim")
    assert (before.pop("rank"), after.pop("rank")) == (20, 21)
    assert after == before
    assert figure(at) == chart


def test_a_lone_ssim_of_another_picture_or_colour_never_stands():
    at = explore(rank="20")
    seen = {numbers(at)["ssim"]}
    seen.add(numbers(set_color(at, "rgb"))["ssim"])
    seen.add(numbers(at.button(key="pick_coffee").click().run())["ssim"])
    assert len(seen) == 3


@pytest.mark.parametrize(
    ("name", "color"), [("portrait", "gray"), ("portrait", "rgb"), ("portrait", "ycbcr"), ("rocket", "gray")]
)
def test_numbers_are_the_cores(name, color):
    at = explore(picture=name, color=color, rank="1")
    for k in (1, 50, 300):
        set_rank(at, k)
        assert numbers(at) == expected_numbers(sample(name), color, k)


@pytest.mark.parametrize("channels", [None, 3])
def test_numbers_of_an_upload_are_the_cores(channels):
    data = noisy(70, 90, channels)
    at = drop(explore(), ("mine.png", data))
    for color in COLORS:
        if channels:
            set_color(at, color)
        for k in (1, 33, 70):
            set_rank(at, k)
            assert numbers(calm(at)) == expected_numbers(data, color if channels else "gray", k)


def test_the_numbers_of_the_app_are_numpys_within_a_thousandth():
    data = sample("portrait")
    planes = to_planes(core(data, "gray")[0], "gray").astype(float)
    s = np.linalg.svd(planes[0], compute_uv=False)
    readout = pane(explore())["readout"]
    for k in (1, 50, 300):
        lost = np.square(s[k:]).sum()
        psnr, error = 10 * np.log10(planes.size / lost), 100 * np.sqrt(lost / np.square(s).sum())
        assert float(readout["psnr"][k - 1].removesuffix(" dB")) == pytest.approx(psnr, abs=0.06)
        assert float(readout["relative_error"][k - 1].removesuffix(" %")) == pytest.approx(error, rel=1e-3, abs=0.051)


@pytest.mark.parametrize("color", COLORS)
def test_what_is_sent_draws_the_cores_pictures(color, sent):
    data = noisy(400, 350)
    image, svd, reference = core(data, color)
    at = set_color(drop(explore(), ("mine.png", data)), color)
    ((url, original),) = pictures_shown(at)
    spec = pane(at)["factors"]
    assert len(sent[url]) == spec["bytes"]
    shape = {name: spec[name] for name in ("rows", "columns", "planes", "rank", "bits")}
    u, v = decoded(Payload(sent[url], **shape))
    for k in (1, 12, 300):
        channels = np.einsum("kpm,kpn->mnp", u[:k], v[:k]) @ mixing(color).T
        drawn = np.rint(channels.clip(0, 255)).squeeze()
        assert np.abs(drawn - 255 * displayed(from_planes(svd.reconstruct(k), color))).max() <= 1
    picture = np.asarray(Image.open(io.BytesIO(sent[original])).convert("RGB"), float)
    assert np.array_equal(picture, np.rint(255 * reference.reshape(400, 350, -1)) * np.ones(3))
    assert (image.shape == reference.shape) == (color != "gray")
    assert spec["mixing"] == (mixing(color).ravel().tolist() if color == "ycbcr" else None)


def originals(sent):
    """The pictures that were sent to be laid over the viewer's, in order: WebP files, by their first bytes."""
    return [content for content in sent.values() if content[:4] == b"RIFF"]


def test_a_large_picture_is_shown_as_a_preview_first(sent):
    data = noisy(900, 820, None)
    at = drop(explore(rank="9"), ("large.png", data))
    assert not pane(calm(at))["preview"]
    assert pane(at)["factors"]["id"].endswith("-gray-stage")
    assert numbers(at) == expected_numbers(data, "gray", 9)
    assert [Image.open(io.BytesIO(each)).size for each in originals(sent)[-2:]] == [(273, 300), (820, 900)]
    sent.clear()
    at.button(key="pick_portrait").click().run()
    at.button(key=next(b.key for b in at.button if b.label == "` large.png `")).click().run()
    assert pictures_shown(at)[0][0] in sent
    assert len(originals(sent)) == 2  # portrait and large: no preview any more


def test_a_preview_shows_no_number_that_is_not_the_pictures():
    drawn = scene._preview("preview", "gray", "stage", noisy(900, 820, None))
    assert {said for column in drawn.readout.values() for said in column} == {text.PENDING}


# -- pictures of odd shapes -------------------------------------------------------------------------------------------


def test_a_small_picture_says_where_its_rank_ends():
    at = calm(drop(explore(rank="300", color="rgb"), ("small.png", noisy(40, 60))))
    assert rank(at) == 40
    assert "60 × 40 pixels, so its rank ends at 40." in about(at)
    assert viewer(at)["highest"] == 40
    assert viewer(at)["stops"] == [1, 5, 10, 20]
    assert numbers(at)["psnr"] == "over 100 dB"
    assert numbers(at)["ssim"] == "1.000"
    assert float(numbers(at)["relative_error"].split()[0]) < 1e-3
    assert numbers(at)["energy"] == "100 %"


@pytest.mark.parametrize(("h", "said"), [(299, True), (300, False), (301, False)])
def test_only_a_rank_that_ends_before_the_highest_is_spoken_of(h, said):
    at = drop(explore(), ("edge.png", noisy(h, 310, None)))
    assert ("its rank ends at" in about(at)) == said
    assert viewer(at)["highest"] == min(h, 300)


@pytest.mark.parametrize("shape", [(1, 1), (1, 1, 3), (1, 9), (9, 1, 3), (6, 200, 3)])
def test_tiny_pictures(shape):
    levels = np.random.default_rng(1).integers(0, 256, shape, np.uint8)
    at = calm(drop(explore(color="rgb"), ("tiny.png", png(levels))))
    highest = min(shape[:2])
    assert rank(at) == highest
    assert viewer(at)["highest"] == highest
    assert f"so its rank ends at {highest}." in about(at)
    assert numbers(at)["psnr"] == "over 100 dB"
    for measure in ("ssim", "singular_values"):
        calm(at.segmented_control(key="measure").set_value(measure).run())
    calm(to_compare(at))
    if len(shape) == 3:
        calm(set_color(at, "ycbcr"))
        calm(set_color(to_explore(at), "ycbcr"))


@pytest.mark.parametrize("level", [0, 128, 255])
def test_a_picture_of_one_colour_is_rank_one_and_shows_no_undefined_number(level):
    at = calm(drop(explore(rank="1"), ("plain.png", png(np.full((30, 40), level, np.uint8)))))
    assert numbers(at)["psnr"] == "over 100 dB"
    assert numbers(at)["energy"] == "100 %"
    assert float(numbers(at)["relative_error"].split()[0]) < 0.001
    for measure in ("ssim", "singular_values"):
        calm(at.segmented_control(key="measure").set_value(measure).run())


def test_a_grey_picture_has_no_choice_of_colour():
    at = drop(explore(color="rgb"), ("grey.png", noisy(40, 50, None)))
    choice = at.segmented_control(key="color_choice")
    assert choice.disabled
    assert choice.help == text.NO_COLOR
    in_color = numbers(at)
    assert in_color["pixels"] == text.size(40 * 50)  # one plane
    at.button(key="pick_portrait").click().run()
    assert not at.segmented_control(key="color_choice").disabled
    assert at.segmented_control(key="color_choice").value == "rgb"  # the choice waits for a picture with colour


def test_grey_and_colour_show_different_planes():
    at = explore()
    grey = numbers(at), pictures_shown(at)[0]
    colour = numbers(set_color(at, "rgb")), pictures_shown(at)[0]
    allotted = numbers(set_color(at, "ycbcr")), pictures_shown(at)[0]
    for name in ("psnr", "ssim", "numbers", "bytes"):
        assert len({shown[0][name] for shown in (grey, colour, allotted)}) == 3
    assert grey[0]["pixels"] != colour[0]["pixels"] == allotted[0]["pixels"]
    assert len({factors for _, (factors, _) in (grey, colour, allotted)}) == 3
    assert grey[1][1] != colour[1][1] == allotted[1][1]  # the original is the same, whatever it is decomposed into
    assert at.query_params["color"] == "ycbcr"


# -- cost -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "color"), [("portrait", "gray"), ("portrait", "rgb"), ("rocket", "gray")])
def test_the_sentence_is_right_on_both_sides_of_break_even(name, color):
    _, svd, _ = core(sample(name), color)
    planes, m, n = svd.shape
    in_bytes, in_numbers = storage.break_even_rank(m, n, "float32"), storage.break_even_rank(m, n)
    at = explore(picture=name, color=color)
    said, readout = viewer(at)["words"], pane(at)["readout"]
    assert pane(at)["breakEven"] == {"bytes": in_bytes, "numbers": in_numbers}  # the viewer says `larger` above it
    for k in (in_bytes - 1, in_bytes, in_bytes + 1):
        assert (k * planes * (m + n + 1) * 4 > planes * m * n) == (k > in_bytes)
        assert readout["bytes"][k - 1] == text.size(4 * k * planes * (m + n + 1))
    for word, until in (("smaller", "up to"), ("larger", "at")):
        assert said[word].startswith(f"At this rank the factors are {word} than the picture: ")
        assert said[word].endswith(f"{until} rank {in_bytes}; counted as numbers, {until} rank {in_numbers}.")
    marks = {mark["text"]: (mark["rank"], mark["high"]) for mark in viewer(at)["marks"]}
    assert marks == {text.BREAK_EVEN["bytes"]: (in_bytes, False), text.BREAK_EVEN["numbers"]: (in_numbers, False)}


@pytest.mark.parametrize("name", ["portrait", "rocket", "tartan"])
def test_where_ranks_are_allotted_the_sentence_follows_the_layers_that_are_there(name):
    _, svd, _ = core(sample(name), "ycbcr")
    planes, m, n = svd.shape
    at = calm(explore(picture=name, color="ycbcr"))
    said, found = viewer(at)["words"], pane(at)["breakEven"]
    size = svd.layers[1:] * (m + n + 1)
    for by, cost in (("bytes", 4), ("numbers", 1)):
        fits = np.count_nonzero(cost * size <= planes * m * n)
        assert found[by] == (fits if fits < 300 else None)
        place = text.EVERY_RANK if found[by] is None else f"up to rank {found[by]}"
        assert place in said["smaller"]
    assert pane(at)["readout"]["bytes"] == [text.size(4 * x) for x in size.tolist()]
    marks = {mark["text"]: mark["rank"] for mark in viewer(at)["marks"]}
    assert marks == {text.BREAK_EVEN[by]: rank for by, rank in found.items() if rank is not None}
    assert found["bytes"] > storage.break_even_rank(m, n, "float32")  # fewer numbers, so later


def test_a_small_picture_with_allotted_ranks_knows_its_break_even_at_full_rank_too():
    at = calm(drop(explore(color="ycbcr"), ("small.png", noisy(40, 60))))
    assert all(1 <= rank <= 40 for rank in pane(at)["breakEven"].values())
    assert text.EVERY_RANK not in viewer(at)["words"]["smaller"]


def test_a_ratio_below_one_says_so_only_past_break_even_by_numbers():
    _, m, n = core(sample("portrait"), "gray")[1].shape
    at = explore(rank=str(storage.break_even_rank(m, n)))
    assert float(numbers(at)["ratio"].split()[0]) >= 1
    set_rank(at, storage.break_even_rank(m, n) + 1)
    assert float(numbers(at)["ratio"].split()[0]) < 1


# -- target -----------------------------------------------------------------------------------------------------------

_TARGETS = {"psnr": 32.0, "ssim": 0.8, "relative_error": 0.12, "energy": 0.985, "bytes": 9000}


def choose(at, rule, target=None):
    at.selectbox(key="rule").set_value(rule).run()
    if target is not None:
        at.number_input(key=f"target_{rule}").set_value(target)
    return at.button(key="set_rank").click().run(timeout=6)


@pytest.mark.parametrize("color", COLORS)
@pytest.mark.parametrize("rule", RULES)
def test_every_rule_sets_the_rank_that_the_core_chooses(rule, color):
    data = noisy(96, 80)
    image, svd, _ = core(data, color)
    at = set_color(drop(explore(rank="7"), ("mine.png", data)), color)
    expected = choose_rank(svd, rule, _TARGETS.get(rule), image=image, color=color)
    assert rank(calm(choose(at, rule, _TARGETS.get(rule)))) == expected
    assert at.query_params["rank"] == str(expected)
    assert at.selectbox(key="rule").value == rule
    (marked,) = (mark for mark in viewer(at)["marks"] if mark["high"])
    assert marked["rank"] == expected
    assert marked["text"].startswith(text.RULE_NAMES[rule])


def test_the_mark_of_a_target_stays_with_its_picture_and_colour():
    at = choose(drop(explore(), ("mine.png", noisy(96, 80))), "psnr", 30.0)

    def marked():
        return [mark["text"] for mark in viewer(at)["marks"] if mark["high"]]

    assert marked() == ["PSNR 30 dB"]
    set_rank(at, 3)
    assert marked() == ["PSNR 30 dB"]  # the slider has left it
    set_color(at, "rgb")
    assert marked() == []
    set_color(at, "gray")
    choose(at, "bytes", 9000)
    assert marked() == ["Bytes 9 kB"]  # the last one
    at.button(key="pick_noise").click().run()
    assert marked() == []


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_at_its_default_agrees_with_the_core_on_a_sample(rule):
    image, svd, _ = core(sample("portrait"), "gray")
    at = choose(explore(), rule)
    assert rank(calm(at)) == choose_rank(svd, rule, image=image)
    assert RULES[rule].advice in [caption.value for caption in at.caption]


def test_every_rule_has_a_name_and_a_target_on_the_page():
    assert list(text.RULE_NAMES) == list(RULES)
    assert set(text.TARGETS) == {name for name, rule in RULES.items() if rule.default is not None}
    at = explore()
    assert at.selectbox(key="rule").options == list(text.RULE_NAMES.values())
    for name, rule in RULES.items():
        at.selectbox(key="rule").set_value(name).run()
        shown = [entry for entry in at.number_input if (entry.key or "").startswith("target_")]
        assert [entry.label for entry in shown] == ([text.TARGETS[name]] if rule.default is not None else [])
        if shown:
            assert (shown[0].min, shown[0].max) == (rule.lowest, rule.highest)
            assert shown[0].value == rule.default


@pytest.mark.parametrize(("rule", "target"), [("psnr", 99.0), ("ssim", 1.0), ("relative_error", 0.0), ("bytes", 1)])
def test_a_target_out_of_reach_is_said_and_keeps_the_rank(rule, target):
    image, svd, _ = core(sample("noise"), "gray")
    with pytest.raises(RankError) as refusal:
        choose_rank(svd, rule, target, image=image)
    at = choose(explore(picture="noise", rank="33"), rule, target)
    assert messages(calm(at)) == [str(refusal.value)]
    assert rank(at) == 33
    assert not messages(at.run())  # said once


def test_a_rule_that_wants_more_than_the_highest_rank_is_refused():
    rng = np.random.default_rng(5)
    data = png(np.rint(255 * rng.random((320, 320))).astype(np.uint8))
    image = core(data, "gray")[0]
    svd = truncated_svd(to_planes(image, "gray"))
    assert spectrum.psnr(svd)[cached.MAX_RANK] < 60
    assert choose_rank(svd, "psnr", 60.0, image=image) > cached.MAX_RANK
    at = choose(drop(explore(), ("noise.png", data)), "psnr", 60.0)
    assert messages(at) == ["No rank available here reaches this target. Ask for less, or allow a higher rank."]
    assert rank(at) == 50


# -- chart ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("measure", MEASURES)
def test_every_measure_is_drawn_and_stays_while_the_rank_moves(measure):
    at = drop(explore(), ("drawn.png", noisy(60, 50, seed=MEASURES.index(measure))))
    at.segmented_control(key="measure").set_value(measure).run()
    before = figure(calm(at))
    assert text.CHARTS[measure][1] in before
    for k in (1, 17, 50):
        set_rank(at, k)
        assert figure(calm(at)) == before


def test_the_chart_depends_on_colour_and_axes():
    at = drop(explore(), ("drawn.png", noisy(60, 50)))
    seen = {figure(at)}
    seen.add(figure(set_color(at, "rgb")))
    seen.add(figure(at.toggle(key="log_rank_explore").set_value(False).run()))
    seen.add(figure(at.toggle(key="log_value_explore").set_value(False).run()))
    assert len(seen) == 4


def test_a_break_even_line_is_drawn_where_the_rank_reaches_it():
    assert text.BREAK_EVEN["bytes"] in figure(explore())
    assert text.BREAK_EVEN["numbers"] in figure(explore())
    allotted = figure(explore(color="ycbcr"))
    assert text.BREAK_EVEN["bytes"] in allotted
    assert text.BREAK_EVEN["numbers"] not in allotted  # beyond the highest rank, and nobody knows where
    small = figure(drop(explore(), ("row.png", noisy(1, 60))))
    assert text.BREAK_EVEN["bytes"] not in small


# -- downloads --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("color", COLORS)
def test_downloads_are_what_they_say(downloads, color):
    data = noisy(90, 70)
    image, svd, _ = core(data, color)
    at = set_color(drop(explore(rank="12"), ("My picture (1).png", data)), color)
    assert rank(at) == 12
    made = {name: make() for name, make in downloads.items() if name.startswith("my-picture-1")}
    assert set(made) == {
        "my-picture-1-rank12.png",
        "my-picture-1-ranks.png",
        "my-picture-1-sweep.webp",
        "my-picture-1-curve.csv",
        "my-picture-1-rank12.npz",
        "my-picture-1-whole.lrk",
    }
    assert inspect(made["my-picture-1-whole.lrk"]).rank == 12
    picture = np.asarray(Image.open(io.BytesIO(made["my-picture-1-rank12.png"])))
    expected = 255 * displayed(from_planes(svd.reconstruct(12), color))
    assert np.abs(picture - expected).max() <= 1
    assert np.abs(picture - expected).mean() < 0.01

    sheet = np.asarray(Image.open(io.BytesIO(made["my-picture-1-ranks.png"])), float)
    expected = 255 * contact_sheet(image, svd, color=color, ranks=[1, 5, 10, 20, 50])
    assert sheet.shape == expected.shape
    assert np.abs(sheet - expected).mean() < 0.1

    assert made["my-picture-1-sweep.webp"] == sweep(image, svd, color=color, last=12)
    with Image.open(io.BytesIO(made["my-picture-1-sweep.webp"])) as film:
        assert film.format == "WEBP"
        assert film.n_frames == 12

    assert made["my-picture-1-curve.csv"].decode() == error_curve(image, svd, color=color).to_csv()

    with np.load(io.BytesIO(made["my-picture-1-rank12.npz"]), allow_pickle=False) as factors:
        U, s, Vt = factors["U"], factors["s"], factors["Vt"]
        assert factors["total"].shape == svd.total.shape
    assert U.shape[-1] == s.shape[-1] == Vt.shape[-2] == 12
    assert np.allclose((U * s[..., None, :]) @ Vt, svd.reconstruct(12), atol=1e-5)


# -- between the pages ------------------------------------------------------------------------------------------------


def test_rank_colour_and_picture_survive_a_visit_to_compare():
    at = set_color(set_rank(explore(picture="coffee"), 77), "rgb")
    to_compare(at)
    assert rank(at) == 77
    to_explore(at)
    assert (heading(at), rank(at)) == ("Coffee", 77)
    assert at.segmented_control(key="color_choice").value == "rgb"


def test_rule_target_and_axes_survive_a_visit_to_compare():
    at = explore()
    at.selectbox(key="rule").set_value("energy").run()
    at.number_input(key="target_energy").set_value(0.95).run()
    at.toggle(key="log_rank_explore").set_value(False).run()
    to_explore(to_compare(at))
    assert at.selectbox(key="rule").value == "energy"
    assert at.number_input(key="target_energy").value == 0.95
    assert at.toggle(key="log_rank_explore").value is False


def test_no_word_of_the_page_is_written_twice_over():
    at = explore()
    assert len(set(map(str.lower, (button.label for button in at.button)))) == len(at.button)
    assert text.UNEXPECTED not in words(at)


def test_the_page_says_how_near_to_the_best_the_factors_are():
    at = explore()
    assert text.EXACT in [caption.value for caption in at.caption]  # of a small picture
    assert text.ALLOTTED_EXACT in [caption.value for caption in set_color(at, "ycbcr").caption]


def test_a_release_whose_run_was_cut_short_is_heard_of_in_the_next_one():
    at = explore(rank="20")
    at.session_state["viewer"] = {"rank": [33, 1]}  # as the browser has it; no callback told of it
    at.run()
    assert at.session_state["view"].rank == 33
    set_rank(at, 40)
    assert at.session_state["view"].rank == 40  # and only once
