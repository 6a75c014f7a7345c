"""The live viewer on the app's real pages, in a real browser: what it draws, and that hand, keys and Python agree."""

import io
import itertools
import re
from collections.abc import Iterator

import numpy as np
import pytest
import threadpoolctl
from PIL import Image
from playwright.sync_api import Route, expect

from app.ui import text
from browser.conftest import WAIT, WINDOW, watched
from browser.viewer_page import SAMPLES, Truth, ViewerPage, furthest, photograph, sample_truth
from lowrank import metrics
from lowrank.curves import error_curve
from lowrank.image import read_image
from lowrank.metrics import DIFFERENCE_LIMIT, difference_colors

pytestmark = pytest.mark.browser

MODES = text.VIEWER["modes"]


@pytest.fixture(scope="module", autouse=True)
def _one_blas_thread() -> Iterator[None]:
    """As the app has it: two threads on a busy machine wait for each other."""
    with threadpoolctl.threadpool_limits(1):
        yield


@pytest.fixture
def fresh(tab, server) -> Iterator[ViewerPage]:
    """A page that is not yet at any address."""
    viewer = ViewerPage(tab, server.url)
    yield viewer
    viewer.leave()


@pytest.fixture(scope="module")
def portrait(chrome, server) -> Iterator[ViewerPage]:
    """Explore with the portrait in grey, opened once; `viewer` puts it back for each test."""
    with chrome.new_context(viewport=WINDOW) as context:
        page = context.new_page()
        page.set_default_timeout(WAIT)
        with watched(page, server):
            viewer = ViewerPage(page, server.url).open(picture="portrait", rank=50, color="gray")
        yield viewer


@pytest.fixture
def viewer(portrait, server) -> Iterator[ViewerPage]:
    """The portrait in grey at rank 50, nothing moved."""
    with watched(portrait.page, server):
        portrait.reset()
        portrait.frames.clear()
        yield portrait


def check(viewer: ViewerPage, right: Truth, k: int) -> None:
    """The canvas shows rank k."""
    viewer.drawn(k)
    assert furthest(viewer.pixels(), right.rank(k)) <= 1, k


# -- what is drawn ----------------------------------------------------------------------------------------------------


#: A policy as a strict host sets it: scripts, but no WebAssembly.
_REFUSE_WASM = """
new MutationObserver((_, observer) => {
  if (!document.head) return;
  observer.disconnect();
  const policy = document.createElement('meta');
  policy.httpEquiv = 'Content-Security-Policy';
  policy.content = "script-src 'self' blob: 'unsafe-inline'";
  document.head.prepend(policy);
}).observe(document, { childList: true, subtree: true });
"""

_COMPILES = """() => {
  try { return !!new WebAssembly.Module(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0])); } catch { return false; }
}"""


def draws_every_rank(viewer: ViewerPage, color: str, some: int) -> None:
    """After 400 jumps the canvas shows so many ranks as NumPy computes them, and the first and the last."""
    rng = np.random.default_rng(0)
    viewer.jump(rng.integers(1, 301, 400).tolist())
    right = sample_truth("portrait", color)
    for k in [1, 50, 300, *rng.integers(1, 301, some).tolist()]:
        viewer.jump([k])
        check(viewer, right, k)


@pytest.mark.parametrize("color", ["gray", "rgb", "ycbcr"])
def test_every_rank_is_numpys_within_a_level_even_after_400_jumps(color, fresh):
    fresh.open(picture="portrait", color=color)
    assert fresh.page.evaluate(_COMPILES)
    draws_every_rank(fresh, color, 20)


@pytest.mark.parametrize(("wasm", "color"), [("absent", "gray"), ("refused", "rgb"), ("absent", "ycbcr")])
def test_so_it_is_by_javascript_where_a_browser_has_or_allows_no_webassembly(wasm, color, new_tab, server):
    viewer = ViewerPage(new_tab(), server.url)
    viewer.page.add_init_script("delete globalThis.WebAssembly" if wasm == "absent" else _REFUSE_WASM)
    viewer.open(picture="portrait", color=color)
    assert viewer.page.evaluate("typeof WebAssembly") == ("undefined" if wasm == "absent" else "object")
    assert not viewer.page.evaluate(_COMPILES)
    draws_every_rank(viewer, color, 5)  # of JavaScript's fewer, for it is slow


def test_a_throttled_processor_still_draws_what_the_hand_let_go_of(new_tab, server):
    viewer = ViewerPage(new_tab(), server.url).open(picture="portrait", color="rgb", rank=20)
    viewer.page.context.new_cdp_session(viewer.page).send("Emulation.setCPUThrottlingRate", {"rate": 4})
    viewer.grip()
    for k in (300, 3, 280, 10, 137):
        viewer.pull(k, steps=8)
    viewer.release()
    viewer.told(viewer.rank)
    assert abs(viewer.rank - 137) <= 1
    check(viewer, sample_truth("portrait", "rgb"), viewer.rank)


# -- the hand and Python ----------------------------------------------------------------------------------------------


def test_nothing_is_sent_while_the_hand_moves_and_all_follows_when_it_lets_go(viewer):
    curve = error_curve(read_image(SAMPLES / "portrait.jpg", gray=True), ranks=())
    seen = set()
    viewer.grip()
    for target in (60, 100, 200, 290, 150, 40, 7, 137):
        viewer.pull(target, steps=6)
        viewer.drawn()
        k = viewer.rank
        assert abs(k - target) <= 1
        assert viewer.number("psnr") == text.decibel(curve.psnr[k - 1])
        assert viewer.number("energy") == text.percent(curve.energy[k - 1])
        assert viewer.number("relative_error") == text.percent(curve.relative_error[k - 1])
        assert viewer.number("numbers") == text.count(curve.stored_numbers[k - 1])
        assert viewer.number("ratio") == text.ratio(curve.ratio[k - 1])
        assert viewer.number("bytes") == text.size(curve.bytes[k - 1])
        assert viewer.find("entry").input_value() == str(k)
        seen.add(viewer.number("psnr"))
    assert len(seen) == 8
    check(viewer, sample_truth("portrait", "gray"), k)
    assert viewer.frames == []
    assert "rank=50" in viewer.page.url

    viewer.release()
    viewer.told(k)
    expect(viewer.page.get_by_role("button", name=text.DOWNLOAD_FACTORS.format(k=k))).to_be_visible()
    viewer.idle()
    assert viewer.frames[0] == "sent"
    assert viewer.frames.count("sent") == 1
    check(viewer, sample_truth("portrait", "gray"), k)


def test_an_answer_that_comes_late_never_moves_the_slider_under_the_hand(viewer):
    """The hand takes hold again while Python still works on where it let go before."""
    viewer.grip()
    viewer.pull(200, steps=5)
    first = viewer.rank
    viewer.release()
    viewer.until(lambda: "sent" in viewer.frames)
    viewer.grip()
    viewer.pull(90, steps=5)
    held = viewer.rank
    assert held != first
    right = sample_truth("portrait", "gray")
    viewer.told(first)
    ssim = metrics.ssim(right.original / 255, right.rank(first) / 255)
    expect(viewer.page.locator("dd[data-number=ssim].stale")).to_have_text(text.decimals(ssim))  # the last answer
    viewer.drawn(held)
    assert viewer.find("slider").input_value() == str(held)
    check(viewer, sample_truth("portrait", "gray"), held)
    viewer.pull(30, steps=5)
    last = viewer.rank
    viewer.release()
    viewer.told(last)
    viewer.idle()
    check(viewer, sample_truth("portrait", "gray"), last)


def test_many_drags_in_a_row_end_where_the_last_one_did(viewer):
    for target in (100, 20, 250, 60, 180):
        viewer.grip()
        viewer.pull(target, steps=3)
        viewer.release()
    last = viewer.rank
    viewer.told(last)
    viewer.idle()
    assert abs(last - 180) <= 1
    check(viewer, sample_truth("portrait", "gray"), last)


def test_a_rank_chosen_by_a_target_moves_the_slider_and_is_marked(viewer):
    viewer.page.get_by_role("button", name=text.TARGET_SET).click()
    viewer.page.wait_for_function("() => !location.search.includes('rank=50')")
    viewer.idle()
    k = int(re.search(r"rank=(\d+)", viewer.page.url)[1])
    check(viewer, sample_truth("portrait", "gray"), k)
    assert viewer.find("slider").input_value() == str(k)


def test_the_number_can_be_typed(viewer):
    viewer.find("entry").fill("77")
    viewer.press("Enter")
    viewer.told(77)
    check(viewer, sample_truth("portrait", "gray"), 77)
    viewer.find("entry").fill("9999")
    viewer.press("Enter")
    viewer.told(300)
    expect(viewer.find("entry")).to_have_value("300")


# -- looks ------------------------------------------------------------------------------------------------------------


def original_of(viewer: ViewerPage) -> np.ndarray:
    """The original as the browser gets it."""
    answer = viewer.page.request.get(viewer.find("original").first.evaluate("(image) => image.src"))
    return np.asarray(Image.open(io.BytesIO(answer.body()))).astype(int)


def test_the_original_is_the_original(viewer):
    right = sample_truth("portrait", "gray").original
    seen = original_of(viewer)
    assert np.abs((seen if seen.ndim == 2 else seen[..., 0]) - right).max() == 0


def test_hold_shows_the_original_for_as_long_as_it_lasts(viewer):
    viewer.stop(5)
    viewer.drawn(5)
    rank_5 = viewer.look()
    hold = viewer.find("hold")
    hold.hover()
    viewer.page.mouse.down()
    original = viewer.look()
    viewer.page.mouse.up()
    again = viewer.look()
    assert np.abs(rank_5 - original).mean() > 5
    np.testing.assert_array_equal(rank_5, again)

    for part in ("stage", "hold"):
        viewer.focus(part)
        viewer.page.keyboard.down(" ")
        expect(viewer.find("original")).to_be_visible()
        held = viewer.look()
        viewer.page.keyboard.up(" ")
        expect(viewer.find("original")).to_be_hidden()
        inside = (slice(6, -6), slice(6, -6))  # the stage's focus ring lies on its edge
        np.testing.assert_array_equal(held[inside], original[inside])
        np.testing.assert_array_equal(viewer.look()[inside], rank_5[inside])


def test_hold_ends_when_the_focus_leaves_with_the_key_down(viewer):
    viewer.focus("stage")
    viewer.page.keyboard.down(" ")
    expect(viewer.find("original")).to_be_visible()
    viewer.focus("slider")
    viewer.page.keyboard.up(" ")
    expect(viewer.find("original")).to_be_hidden()


def parts(viewer: ViewerPage, original: np.ndarray, picture: np.ndarray) -> tuple[float, float]:
    """Where the original ends and where the picture begins, in shares of the stage; the divider's thumb is left out."""
    seen = viewer.look()[: -70 or None]
    same_left = (np.abs(seen - original[: len(seen)]).max((0, 2)) <= 2).cumprod().sum()
    same_right = (np.abs(seen - picture[: len(seen)]).max((0, 2)) <= 2)[::-1].cumprod().sum()
    width = seen.shape[1]
    return same_left / width, 1 - same_right / width


def test_the_divider_has_the_original_on_its_left_and_rank_k_on_its_right(viewer):
    viewer.stop(1)
    viewer.drawn(1)
    picture = viewer.look()
    viewer.find("hold").hover()
    viewer.page.mouse.down()
    original = viewer.look()
    viewer.page.mouse.up()

    viewer.find("beside").click()
    expect(viewer.find("beside")).to_have_attribute("aria-pressed", "true")
    assert parts(viewer, original, picture) == pytest.approx((0.5, 0.5), abs=0.01)

    stage = viewer.find("stage").bounding_box()
    y = stage["y"] + stage["height"] - 28
    viewer.page.mouse.move(stage["x"] + stage["width"] / 2, y)
    viewer.page.mouse.down()
    viewer.page.mouse.move(stage["x"] + 0.2 * stage["width"], y, steps=5)
    viewer.page.mouse.up()
    viewer.page.mouse.move(0, 0)
    assert parts(viewer, original, picture) == pytest.approx((0.2, 0.2), abs=0.01)
    assert viewer.rank == 1

    viewer.focus("divide")
    viewer.press("PageUp")
    ends, begins = parts(viewer, original, picture)
    assert 0.2 < ends <= begins < 0.5
    said = int(viewer.find("divide").get_attribute("aria-valuetext").removesuffix(" %"))
    assert said / 100 == pytest.approx(ends, abs=0.02)
    viewer.press("ArrowLeft", "ArrowLeft", "ArrowLeft", "ArrowLeft")
    assert parts(viewer, original, picture)[0] < ends
    viewer.press("End")
    assert parts(viewer, original, picture)[0] > 0.98
    viewer.press("Home")
    assert parts(viewer, original, picture)[1] < 0.02


@pytest.mark.parametrize("color", ["gray", "rgb", "ycbcr"])
def test_difference_has_the_colours_of_the_true_difference(color, request, fresh):
    viewer = request.getfixturevalue("viewer") if color == "gray" else fresh.open(picture="portrait", color=color)
    viewer.stop(20)
    viewer.mode(MODES["difference"])
    viewer.drawn(20)
    expect(viewer.find("scale")).to_be_visible()
    expect(viewer.find("scale")).to_have_text(text.VIEWER["differenceScale"])
    table = np.rint(255 * difference_colors(np.arange(-DIFFERENCE_LIMIT, DIFFERENCE_LIMIT + 1))).astype(int)
    seen = viewer.pixels()[..., :3].astype(int)

    right = sample_truth("portrait", color)
    true = (right.rank(20) - right.original).reshape(*seen.shape[:2], -1)
    near = [true + 0]  # what the canvas may be off by: a level in each channel
    if color == "gray":
        near += [true - 1, true + 1]
    else:
        near += [true + np.array(step) for step in itertools.product((-1, 0, 1), repeat=3) if any(step)]
    fits = np.zeros(seen.shape[:2], bool)
    for i, candidate in enumerate(near):
        largest = np.take_along_axis(candidate, np.abs(candidate).argmax(2, keepdims=True), 2)[..., 0]
        same = (table[np.clip(largest, -DIFFERENCE_LIMIT, DIFFERENCE_LIMIT) + DIFFERENCE_LIMIT] == seen).all(2)
        fits |= same
        if i == 0:
            assert same.mean() > 0.75
    assert fits.mean() > 0.9999  # where two channels differ as much, either may be drawn
    viewer.mode(MODES["picture"])
    expect(viewer.find("scale")).to_be_hidden()
    check(viewer, right, 20)


@pytest.mark.parametrize("color", ["gray", "ycbcr"])
def test_layer_k_is_numpys_kth_layer(color, request, fresh):
    right = sample_truth("portrait", color)
    viewer = request.getfixturevalue("viewer") if color == "gray" else fresh.open(picture="portrait", color=color)
    viewer.mode(MODES["layer"])
    with_chroma = [int(np.flatnonzero(s)[3]) + 1 for s in right.s[1:]]
    for k in (1, 5, 20, 100, *with_chroma):
        viewer.jump([k])
        viewer.drawn(k)
        layer, peak = right.layer(k), right.white(k)
        said = re.search(r"\+([\d.]+)", viewer.find("scale").inner_text())[1]
        assert float(said) == pytest.approx(peak, rel=0.06)
        seen = viewer.pixels()[..., 0 if color == "gray" else slice(3)].astype(int)
        assert np.abs(seen - (128 + 127 * layer / peak)).max() <= 2
        sure = np.abs(layer) > 0.05 * peak
        assert ((seen > 128) == (layer > 0))[sure].all()
    viewer.mode(MODES["picture"])
    check(viewer, right, viewer.rank)


# -- zoom -------------------------------------------------------------------------------------------------------------


def check_detail(viewer: ViewerPage, right: Truth, k: int) -> tuple[slice, slice]:
    """The sharp canvas shows its part of rank k in full size."""
    picture = right.rank(k)
    at = viewer.detail(*picture.shape[:2])
    viewer.until(lambda: viewer.pixels("detail").shape[:2] == picture[at].shape[:2])
    viewer.until(lambda: furthest(viewer.pixels("detail"), picture[at]) <= 1)
    return at


def test_a_large_picture_is_fitted_then_sharp_where_one_looks_closer(fresh):
    samples = photograph(1000, 1500, seed=4)
    right = Truth(samples, "gray")
    viewer = fresh.open(picture="portrait", rank=50)
    viewer.drop("large.png", samples)
    viewer.showing("large.png")
    rows, columns = viewer.pixels().shape[:2]
    assert rows * columns <= 1280 * 960 + 2000
    for k in (1, 50, 300):
        viewer.stop(k)
        viewer.drawn(k)
        assert furthest(viewer.pixels(), right.fitted(k, rows, columns)) <= 1
    expect(viewer.find("detail")).to_be_hidden()

    viewer.stop(100)
    viewer.focus("stage")
    viewer.press("+", "+", "+", "+")
    assert viewer.zoom() == 506
    first = check_detail(viewer, right, 100)
    viewer.stop(20)
    viewer.drawn(20)
    assert check_detail(viewer, right, 20) == first

    box = viewer.find("stage").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    before = viewer.view()
    viewer.page.mouse.move(x, y)
    viewer.page.mouse.down()
    viewer.page.mouse.move(x + 150, y + 100, steps=5)
    viewer.page.mouse.up()
    after = viewer.view()
    assert before[0] - after[0] == pytest.approx(150 / box["width"] * before[2], abs=1e-3)
    assert before[1] - after[1] == pytest.approx(100 / box["height"] * before[3], abs=1e-3)
    assert check_detail(viewer, right, 20) != first
    viewer.focus("stage")
    viewer.press("ArrowRight", "ArrowRight", "ArrowDown")
    assert viewer.view()[0] > after[0]
    assert viewer.view()[1] > after[1]
    assert viewer.rank == 20  # arrows on the picture move it, not the rank
    check_detail(viewer, right, 20)
    viewer.press(*["ArrowLeft"] * 60)
    assert viewer.view()[0] == pytest.approx(0, abs=1e-3)  # not past the edge
    check_detail(viewer, right, 20)

    viewer.find("hold").hover()
    viewer.page.mouse.down()
    expect(viewer.find("original")).to_be_visible()
    viewer.page.mouse.up()
    viewer.mode(MODES["difference"])
    at = viewer.detail(1000, 1500)
    table = np.rint(255 * difference_colors(np.arange(-DIFFERENCE_LIMIT, DIFFERENCE_LIMIT + 1))).astype(int)
    true = (right.rank(20) - right.original)[at].clip(-DIFFERENCE_LIMIT, DIFFERENCE_LIMIT) + DIFFERENCE_LIMIT
    viewer.until(lambda: (table[true] == viewer.pixels("detail")[..., :3]).all(2).mean() > 0.75, 30)
    viewer.mode(MODES["picture"])

    viewer.find("whole").click()
    assert viewer.zoom() == 100
    assert viewer.view() == pytest.approx((0, 0, 1, 1), abs=1e-3)
    expect(viewer.find("detail")).to_be_hidden()
    assert furthest(viewer.pixels(), right.fitted(20, rows, columns)) <= 1


def test_allotted_ranks_are_right_at_full_size_too(fresh):
    samples = photograph(1000, 1500, seed=6, channels=3)
    samples = (0.7 * samples.mean(2, keepdims=True) + 0.3 * samples).astype(np.uint8)  # less colour than light
    right = Truth(samples, "ycbcr")
    viewer = fresh.open(picture="portrait", rank=50, color="ycbcr")
    viewer.drop("large.png", samples)
    viewer.showing("large.png")
    rows, columns = viewer.pixels().shape[:2]
    for k in (1, 20, 100):
        viewer.stop(k)
        viewer.drawn(k)
        assert furthest(viewer.pixels(), right.fitted(k, rows, columns)) <= 1
        assert viewer.number("ranks") == text.split([np.count_nonzero(s[:k]) for s in right.s])
    viewer.focus("stage")
    viewer.press("+", "+", "+", "+")
    check_detail(viewer, right, 100)
    viewer.stop(20)
    viewer.drawn(20)
    check_detail(viewer, right, 20)


def test_a_run_that_was_overtaken_takes_nothing_away(new_tab, server):
    viewer = ViewerPage(new_tab(), server.url)
    viewer.page.add_init_script(
        """window.Blob = class extends Blob {
          constructor(parts, options) {
            const own = options?.type === 'text/javascript' && /class (Viewer|Needle) /.test(parts[0]);
            super(!own ? parts : [parts[0].replace('export default', '') + `
              export default (given) => {
                const clear = mount(given);
                (globalThis.clearings ??= []).push(clear);
                return clear;
              };`], options);
          }
        };"""
    )
    viewer.open(picture="portrait", rank=50)
    viewer.focus("stage")
    viewer.press("+", "+")
    viewer.mode(MODES["layer"])
    assert viewer.page.evaluate("clearings.length") >= 2  # the viewer's, and that of the mark in the chart
    viewer.page.evaluate("clearings.forEach((clear) => clear())")  # as Streamlit does when it has newer data already
    assert viewer.zoom() == 225
    viewer.stop(20)
    viewer.drawn(20)
    assert viewer.find("modes").get_by_role("radio", checked=True).get_attribute("value") == "layer"
    expect(viewer.page.locator(".lowrank-needle")).to_have_text(re.compile("20"))
    viewer.page.get_by_role("link", name="Learn").click()
    expect(viewer.page.locator(".lowrank-needle")).to_have_count(0)


def test_zoom_by_buttons_wheel_and_double_click_keeps_what_one_points_at(viewer):
    box = viewer.find("stage").bounding_box()
    mouse, x, y = viewer.page.mouse, box["x"] + 0.25 * box["width"], box["y"] + 0.75 * box["height"]

    def pointed_at() -> tuple[float, float]:
        left, top, wide, high = viewer.view()
        return left + 0.25 * wide, top + 0.75 * high

    mouse.move(x, y)
    viewer.page.keyboard.down("Control")
    mouse.wheel(0, -120)
    viewer.until(lambda: viewer.zoom() > 100)
    viewer.page.keyboard.up("Control")
    assert pointed_at() == pytest.approx((0.25, 0.75), abs=2e-3)
    viewer.find("whole").click()
    mouse.dblclick(x, y)
    viewer.until(lambda: viewer.zoom() == 400)
    assert pointed_at() == pytest.approx((0.25, 0.75), abs=2e-3)
    mouse.dblclick(x, y)
    viewer.until(lambda: viewer.zoom() == 100)
    viewer.find("in").click()
    viewer.find("in").click()
    assert viewer.zoom() == 225
    left, top, wide, high = viewer.view()
    assert (left + wide / 2, top + high / 2) == pytest.approx((0.5, 0.5), abs=2e-3)
    viewer.find("out").click()
    assert viewer.zoom() == 150
    viewer.find("out").click()
    assert viewer.zoom() == 100
    expect(viewer.find("out")).to_be_disabled()


def test_the_wheel_scrolls_the_page_past_a_picture_without_the_focus(viewer):
    viewer.find("slider").focus()
    viewer.find("stage").hover()
    viewer.page.mouse.wheel(0, 200)
    viewer.until(lambda: viewer.page.get_by_test_id("stMain").evaluate("(main) => main.scrollTop") > 0)
    assert viewer.zoom() == 100


# -- preview, other pictures, other pages -----------------------------------------------------------------------------

#: Notes what is on the screen in every frame: {label, ready, rank, zoom, width, height, level}.
_WITNESS = """() => {
  window.seen = [];
  const look = () => {
    const root = document.querySelector('[data-testid=stBidiComponentIsolated]')?.shadowRoot;
    const canvas = root?.querySelector('canvas.fit');
    if (canvas) {
      const { width, height } = canvas;
      const at = width && canvas.getContext('2d').getImageData(width >> 1, height >> 1, 1, 1).data;
      window.seen.push({
        label: canvas.getAttribute('aria-label') ?? '', ready: root.querySelector('.stage').dataset.ready ?? '',
        rank: Number(root.querySelector('.viewer').dataset.rank), zoom: root.querySelector('.whole').textContent,
        width, height, level: at && at[3] ? at[0] : null,
      });
      window.onWitness?.(root, window.seen.at(-1));
    }
    requestAnimationFrame(look);
  };
  look();
}"""

#: As soon as a preview is there: another rank, and closer.
_MEDDLE = """() => {
  window.onWitness = (root, { ready, label }) => {
    if (!ready.includes('preview') || !label.includes('large.png')) return;
    window.onWitness = undefined;
    window.meddled = window.seen.length;
    const slider = root.querySelector('.slider');
    slider.value = 33;
    slider.dispatchEvent(new Event('input', { bubbles: true }));
    slider.dispatchEvent(new Event('change', { bubbles: true }));
    root.querySelector('.in').click();
    root.querySelector('.in').click();
  };
}"""


def test_a_preview_gives_way_to_the_picture_without_moving_rank_or_view(fresh):
    samples = photograph(1200, 900, seed=5)
    viewer = fresh.open(picture="portrait", rank=50)
    viewer.page.evaluate(_WITNESS)
    viewer.page.evaluate(_MEDDLE)
    viewer.drop("large.png", samples)
    viewer.showing("large.png")
    seen = viewer.page.evaluate("window.seen")
    meddled = viewer.page.evaluate("window.meddled")
    assert meddled, "there was no preview"
    after = seen[meddled + 1 :]
    assert {one["rank"] for one in after} == {33}
    assert {one["zoom"] for one in after} == {"225 %"}
    assert all(one["level"] is not None for one in after)  # never empty
    viewer.told(33)
    viewer.drawn(33)
    right = Truth(samples, "gray")
    viewer.find("whole").click()
    rows, columns = viewer.pixels().shape[:2]
    assert furthest(viewer.pixels(), right.fitted(33, rows, columns)) <= 1


def test_another_upload_leaves_no_picture_of_the_one_before(fresh):
    bright, dark = 200 + photograph(120, 160) // 5, photograph(120, 160, seed=1) // 5
    tall = photograph(300, 90, seed=2) // 5
    viewer = fresh.open(picture="portrait", rank=20)
    viewer.drop("bright.png", bright)
    viewer.showing("bright.png")
    viewer.page.evaluate(_WITNESS)
    for name, samples, highest in (("dark.png", dark, 120), ("tall.png", tall, 90), ("again.png", bright + 1, 120)):
        viewer.press("Home")
        viewer.drop(name, samples)
        viewer.showing(name)
        right = Truth(samples, "gray")
        assert viewer.find("slider").get_attribute("max") == str(highest)
        for k in (5, highest):
            viewer.find("entry").fill(str(k))
            viewer.press("Enter")
            check(viewer, right, k)
        viewer.told(highest)
    for one in viewer.page.evaluate("window.seen"):
        name = re.search(r"(\w+)\.png", one["label"])[1]
        if one["level"] is None:
            continue  # nothing is drawn yet
        assert (one["width"], one["height"]) == ((90, 300) if name == "tall" else (160, 120)), one
        assert (one["level"] > 150) == (name in ("bright", "again")), one


def test_there_and_back_between_the_pages(fresh):
    viewer = fresh.open(picture="portrait", rank=50)
    viewer.stop(100)
    viewer.told(100)
    viewer.idle()
    viewer.page.get_by_role("link", name=text.COMPARE).click()
    viewer.page.wait_for_url("**/compare?*")
    viewer.ready()
    viewer.drawn(100)
    assert furthest(viewer.pixels(), sample_truth("portrait", "gray").fitted(100, 480, 480)) <= 1
    viewer.stop(20)
    viewer.told(20)
    viewer.idle()
    viewer.page.get_by_role("link", name=text.EXPLORE).click()
    viewer.page.wait_for_url(f"{viewer.url}/?*")
    viewer.ready()
    check(viewer, sample_truth("portrait", "gray"), 20)
    viewer.find("slider").focus()
    viewer.press("ArrowRight")
    check(viewer, sample_truth("portrait", "gray"), 21)
    viewer.told(21)


def test_colour_and_grey_are_other_pictures(fresh):
    viewer = fresh.open(picture="portrait", rank=20, color="gray")
    for color in ("rgb", "ycbcr", "gray"):
        viewer.page.get_by_role("radio", name=text.COLORS[color], exact=True).click()
        expect(viewer.page).to_have_url(re.compile(f"color={color}"))
        expect(viewer.find("stage")).to_have_attribute("data-ready", re.compile(f"-{color}-"))
        viewer.idle()
        check(viewer, sample_truth("portrait", color), 20)


def test_the_panes_of_compare_move_together(fresh):
    viewer = fresh.open("compare", pictures="portrait,gravel", rank=20)
    stages = viewer.find("stage")
    expect(stages).to_have_count(2)
    viewer.find("slider").focus()
    viewer.press("ArrowRight", "ArrowRight", "PageUp")
    viewer.drawn(32)
    for pane, name in enumerate(("portrait", "gravel")):
        assert furthest(viewer.pixels(pane=pane), sample_truth(name, "gray").fitted(32, 480, 480)) <= 1
        expect(viewer.page.locator("figcaption").nth(pane)).to_contain_text(text.AT_RANK.format(k=32))
    viewer.told(32)
    expect(viewer.page.get_by_text(text.COMPARE_TABLE.format(k=32))).to_be_visible()

    stages.nth(1).focus()
    viewer.press("+", "+", "ArrowRight")
    assert viewer.view(0)[2] == pytest.approx(1 / 2.25, abs=1e-3)
    assert viewer.view(0) == pytest.approx(viewer.view(1), abs=1e-3)
    before, box = viewer.view(1), stages.nth(0).bounding_box()
    viewer.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    viewer.page.mouse.down()
    viewer.page.mouse.move(box["x"] + box["width"] / 2 + 40, box["y"] + box["height"] / 2 + 30, steps=4)
    viewer.page.mouse.up()
    assert viewer.view(1)[0] < before[0]
    assert viewer.view(0) == pytest.approx(viewer.view(1), abs=1e-3)
    viewer.find("whole").click()

    viewer.find("beside").click()
    viewer.find("divide").nth(1).focus()
    viewer.press("PageUp")
    lines = [viewer.find("divider").nth(i).evaluate("(line) => line.style.left") for i in range(2)]
    assert lines[0] == lines[1] != "50%"
    viewer.find("beside").click()
    viewer.mode(MODES["layer"])
    expect(viewer.find("scale").nth(0)).to_be_visible()
    expect(viewer.find("scale").nth(1)).to_be_visible()


def test_the_panes_of_compare_have_allotted_ranks_where_there_is_colour(fresh):
    viewer = fresh.open("compare", pictures="portrait,coffee,gravel", rank=20, color="ycbcr")
    viewer.find("slider").focus()
    for k in (20, 50):
        viewer.stop(k)
        viewer.drawn(k)
        for pane, (name, color) in enumerate((("portrait", "ycbcr"), ("coffee", "ycbcr"), ("gravel", "gray"))):
            seen = viewer.pixels(pane=pane)
            assert furthest(seen, sample_truth(name, color).fitted(k, *seen.shape[:2])) <= 1
    viewer.told(50)


@pytest.mark.parametrize("how", ["aborted", "missing", "cut short"])
def test_factors_that_do_not_arrive_are_told_and_the_page_goes_on(how, fresh, watch):
    """The server's answer is lost, an error, or ends too early."""
    viewer = fresh.open(picture="portrait", rank=20)

    def fail(route: Route) -> None:
        if how == "aborted":
            route.abort()
        elif how == "missing":
            route.fulfill(status=404, body="gone")
        else:
            answer = route.fetch()
            route.fulfill(response=answer, body=answer.body()[:20_000])

    viewer.page.route("**/media/*.zip", fail)
    viewer.page.get_by_role("button", name="Coffee", exact=True).click()
    expect(viewer.find("message")).to_have_text(text.VIEWER["lost"])
    expect(viewer.page.locator("canvas.fit")).to_have_attribute("aria-label", re.compile("espresso"))
    assert viewer.page.evaluate("(c) => c.width * c.height", viewer.page.locator("canvas.fit").element_handle()) in (
        0,
        600 * 400,
    )
    viewer.page.unroute("**/media/*.zip")
    viewer.page.get_by_role("button", name="Gravel", exact=True).click()
    viewer.showing("stones")
    expect(viewer.find("message")).to_be_hidden()
    check(viewer, sample_truth("gravel", "gray"), 20)
    watch.console[:] = [said for said in watch.console if not said.startswith("Failed to load resource")]


# -- play -------------------------------------------------------------------------------------------------------------

_NOTE_RANKS = """(viewer) => {
  window.ranks = [];
  new MutationObserver(() => window.ranks.push(Number(viewer.dataset.rank)))
    .observe(viewer, { attributes: true, attributeFilter: ['data-rank'] });
}"""


def ranks_of(viewer: ViewerPage) -> list[int]:
    """The ranks shown since `_NOTE_RANKS`, each change once."""
    return [k for k, _ in itertools.groupby(viewer.page.evaluate("window.ranks"))]


def test_play_sweeps_from_1_to_where_it_started_and_stops_there(viewer):
    viewer.page.locator(".viewer").evaluate(_NOTE_RANKS)
    play = viewer.find("play")
    play.click()
    expect(play).to_have_text(text.VIEWER["pause"])
    expect(play).to_have_text(text.VIEWER["play"])
    ranks = ranks_of(viewer)
    assert ranks[0] <= 5
    assert ranks == sorted(ranks)
    assert ranks[-1] == 50
    assert len(ranks) > 8  # a sweep, however slow the machine
    check(viewer, sample_truth("portrait", "gray"), 50)
    assert viewer.frames == []  # Python knows this rank already


def test_play_can_be_stopped_on_the_way(viewer):
    viewer.stop(300)
    viewer.told(300)
    viewer.idle()
    viewer.find("play").click()
    viewer.until(lambda: 5 < viewer.rank < 250)
    viewer.find("play").click()
    expect(viewer.find("play")).to_have_text(text.VIEWER["play"])
    k = viewer.rank
    assert k < 300
    viewer.told(k)
    viewer.idle()
    check(viewer, sample_truth("portrait", "gray"), k)


def test_play_steps_over_the_classic_ranks_where_motion_is_not_wanted(new_tab, server):
    viewer = ViewerPage(new_tab(reduced_motion="reduce"), server.url).open(picture="portrait", rank=5)
    viewer.page.locator(".viewer").evaluate(_NOTE_RANKS)
    viewer.find("play").click()
    expect(viewer.find("play")).to_have_text(text.VIEWER["pause"])
    expect(viewer.find("play")).to_have_text(text.VIEWER["play"])
    assert ranks_of(viewer) == [1, 5]
    moving = viewer.page.locator(".viewer").evaluate(
        """(viewer) => [...viewer.querySelectorAll('*')].filter((one) => {
          const style = getComputedStyle(one);
          return style.animationName !== 'none' || !/^(0s(, )?)+$/.test(style.transitionDuration);
        }).map((one) => one.className)"""
    )
    assert moving == []


# -- keys, names, sizes -----------------------------------------------------------------------------------------------


def test_keys_on_the_slider(viewer):
    viewer.focus("slider")
    for key, k in [
        ("ArrowRight", 51),
        ("ArrowUp", 52),
        ("ArrowLeft", 51),
        ("ArrowDown", 50),
        ("PageUp", 60),
        ("PageDown", 50),
        ("End", 300),
        ("ArrowRight", 300),
        ("PageUp", 300),
        ("PageDown", 290),
        ("Home", 1),
        ("ArrowLeft", 1),
        ("PageDown", 1),
        ("PageUp", 11),
    ]:
        viewer.press(key)
        assert viewer.rank == k, key
        assert viewer.find("slider").input_value() == str(k)
    viewer.told(11)
    viewer.idle()
    check(viewer, sample_truth("portrait", "gray"), 11)


def test_a_key_held_down_tells_python_once(viewer):
    viewer.focus("slider")
    for _ in range(20):
        viewer.page.keyboard.down("ArrowRight")  # without coming up: as the keyboard repeats it
    viewer.page.keyboard.up("ArrowRight")
    viewer.told(70)
    viewer.idle()
    assert viewer.frames.count("sent") == 1
    check(viewer, sample_truth("portrait", "gray"), 70)


@pytest.mark.parametrize("part", ["slider", "stage", "play"])
def test_digits_go_to_the_classic_ranks_and_plus_minus_0_zoom(viewer, part):
    viewer.focus(part)
    for digit, k in enumerate((1, 5, 10, 20, 50, 100, 200, 300), 1):
        viewer.press(str(digit))
        assert viewer.rank == k
        pressed = viewer.find("stops").locator("button[aria-pressed=true]")
        expect(pressed).to_have_text(str(k))
    viewer.press("+", "+")
    assert viewer.zoom() == 225
    viewer.press("-")
    assert viewer.zoom() == 150
    viewer.press("0")
    assert viewer.zoom() == 100
    assert viewer.rank == 300


def test_digits_in_the_number_field_are_digits(viewer):
    viewer.find("entry").press("Control+a")
    viewer.page.keyboard.type("28")
    assert viewer.find("entry").input_value() == "28"
    viewer.press("Enter")
    viewer.told(28)


def test_screen_readers_hear_rank_and_psnr(viewer):
    slider = viewer.page.get_by_role("slider", name=text.RANK)
    expect(slider).to_have_count(1)
    slider.focus()
    viewer.press("ArrowRight")
    said = slider.get_attribute("aria-valuetext")
    assert said == f"{text.AT_RANK.format(k=51)}, {viewer.number('psnr')}"
    assert said.endswith("dB")
    canvas = viewer.page.locator("canvas.fit")
    assert canvas.get_attribute("role") == "img"
    assert canvas.get_attribute("aria-label").startswith(text.AT_RANK.format(k=51))
    viewer.mode(MODES["difference"])
    assert MODES["difference"] in canvas.get_attribute("aria-label")
    viewer.page.get_by_role("spinbutton", name=text.VIEWER["entry"]).wait_for()
    viewer.page.get_by_role("button", name=text.VIEWER["less"]).wait_for()
    viewer.page.get_by_role("group", name=text.VIEWER["stops"]).wait_for()
    viewer.page.get_by_role("radiogroup", name=text.VIEWER["mode"]).wait_for()
    viewer.find("beside").click()
    viewer.page.get_by_role("slider", name=text.VIEWER["divider"]).wait_for()


_CONTROLS = "button:visible, input:visible, .stage"


def test_every_target_is_at_least_24_pixels_wide_and_high(viewer):
    viewer.find("beside").click()
    controls = viewer.page.locator(".viewer").locator(_CONTROLS)
    assert controls.count() >= 21
    for control in controls.all():
        box = control.bounding_box()
        assert min(box["width"], box["height"]) >= 24, control.evaluate("(one) => one.outerHTML.slice(0, 80)")


def test_every_control_is_reached_by_tab_and_shows_the_focus(viewer):
    viewer.find("beside").click()
    viewer.focus("stage")
    look = """() => {
      const root = document.querySelector('[data-testid=stBidiComponentIsolated]').shadowRoot;
      const one = root.activeElement;
      if (!one) return null;
      const style = getComputedStyle(one.matches('.modes input') ? one.parentElement : one);
      return {
        name: one.className || one.value || one.textContent, range: one.type === 'range',
        outline: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2,
      };
    }"""
    seen = []
    viewer.press("Shift+Tab", "Tab")
    while (one := viewer.page.evaluate(look)) and len(seen) < 40:
        seen.append(one["name"])
        if one["range"]:  # its thumb shows it, which no style tells: look
            part = "divide" if one["name"] == "divide" else "slider"
            box = viewer.find(part).bounding_box()
            focused = viewer.page.screenshot(clip=box)
            viewer.find(part).evaluate("(one) => one.blur()")
            assert viewer.page.screenshot(clip=box) != focused, one
            viewer.find(part).focus()
            viewer.press("Shift+Tab", "Tab")
        else:
            assert one["outline"], one
        viewer.press("Tab")
    for name in (
        "stage",
        "divide",
        "less",
        "slider",
        "more",
        "entry",
        "play",
        "beside",
        "hold",
        "whole",
        "in",
        "picture",
    ):
        assert name in seen, (name, seen)
    assert len(seen) == len(set(seen))


def test_touch(new_tab, server):
    viewer = ViewerPage(new_tab(has_touch=True, is_mobile=True, viewport={"width": 400, "height": 800}), server.url)
    viewer.open(picture="portrait", rank=50)
    viewer.find("stops").get_by_role("button", name="20", exact=True).tap()
    viewer.told(20)
    viewer.idle()
    check(viewer, sample_truth("portrait", "gray"), 20)

    viewer.find("slider").scroll_into_view_if_needed()
    cdp = viewer.page.context.new_cdp_session(viewer.page)

    def touch(kind: str, *points: tuple[float, float]) -> None:
        cdp.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y} for x, y in points]})

    viewer.frames.clear()
    touch("touchStart", viewer.at(20))
    for k in (40, 80, 120, 160, 200):
        touch("touchMove", viewer.at(k))
        viewer.frame()
    k = viewer.rank
    assert abs(k - 200) <= 3
    check(viewer, sample_truth("portrait", "gray"), k)
    assert viewer.frames == []
    touch("touchEnd")
    viewer.told(k)
    viewer.idle()

    viewer.find("stage").scroll_into_view_if_needed()
    box = viewer.find("stage").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    touch("touchStart", (x - 20, y), (x + 20, y))
    touch("touchMove", (x - 30, y), (x + 30, y))
    touch("touchMove", (x - 60, y), (x + 60, y))
    touch("touchEnd")
    viewer.until(lambda: viewer.zoom() > 150)  # two fingers zoom
    assert viewer.rank == k


@pytest.mark.parametrize("path", ["", "compare"])
def test_nothing_scrolls_sideways_and_the_viewer_wears_the_theme(path, fresh):
    viewer = fresh.open(path, rank=20)
    for scheme, width in (("light", 1280), ("light", 400), ("dark", 400), ("dark", 1280)):
        viewer.page.emulate_media(color_scheme=scheme)
        viewer.page.set_viewport_size({"width": width, "height": 900})
        viewer.page.wait_for_function(
            """([dark, width]) => {
              const levels = (color) => color.match(/[\\d.]+/g).slice(0, 3).map(Number);
              const mean = (color) => levels(color).reduce((sum, one) => sum + one, 0) / 3;
              const root = document.querySelector('[data-testid=stBidiComponentIsolated]').shadowRoot;
              const text = mean(getComputedStyle(root.querySelector('.viewer')).color);
              const ground = mean(getComputedStyle(document.querySelector('[data-testid=stApp]')).backgroundColor);
              return innerWidth === width && (dark ? text - ground : ground - text) > 128;
            }""",
            arg=[scheme == "dark", width],
        )
        viewer.frame()
        beyond = viewer.page.evaluate(
            """() => {
              const root = document.querySelector('[data-testid=stBidiComponentIsolated]').shadowRoot;
              const pages = [document.documentElement, document.querySelector('[data-testid=stMain]')];
              const wide = pages.filter((one) => one.scrollWidth > one.clientWidth).map((one) => one.tagName);
              for (const one of root.querySelectorAll('.viewer *')) {
                const { left, right } = one.getBoundingClientRect();
                const inside = one.closest('.stage') || (left >= -1 && right <= innerWidth + 1);
                if (!inside) wide.push(one.className || one.tagName);
              }
              return wide;
            }"""
        )
        assert beyond == [], (scheme, width)
