"""The pages as a hand and an eye know them: everything about their structure that the browser tests need is here.

Where a control or a picture is built differently one day, this file changes and the tests do not.
"""

import base64
import io
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlencode

import numpy as np
from PIL import Image
from playwright.sync_api import Download, Locator, Page, expect

from app.ui import text

File = tuple[str, str, bytes]  # name, MIME type, content

_ROOT = "document.querySelector('[data-testid=stBidiComponentIsolated]')?.shadowRoot"

# Settled: the script has ended, nothing on the page is left over from the run before it, every picture is loaded, all
# factors are there and drawn, and viewer, downloads or table name one rank.
_SETTLED = """() => {
    const all = (css, root = document) => [...root.querySelectorAll(css)];
    const app = document.querySelector('[data-testid="stApp"]');
    if (!app || app.dataset.testScriptState !== 'notRunning' || app.dataset.testConnectionState !== 'CONNECTED')
        return false;
    if (all('[data-stale="true"], [data-testid="stSpinner"], [data-testid="stSkeleton"]').length) return false;
    if (all('[data-testid="stMain"] img').some((img) => !img.complete || !img.naturalWidth)) return false;
    const root = ROOT, said = (css) => all('[data-testid="stMain"] ' + css).map((one) => one.innerText.trim());
    if (!root) return said('p').includes('COMPARE_EMPTY');
    const k = root.querySelector('.viewer')?.dataset.rank, stages = all('.stage', root);
    if (!k || root.querySelector('.entry').value !== k || root.querySelector('.slider').value !== k) return false;
    for (const stage of stages) {
        const { ready, rank } = stage.dataset, caption = stage.parentElement.querySelector('figcaption').innerText;
        if (!ready || ready.endsWith('-preview') || !stage.querySelector('.fit').width) return false;
        if (stages.length === 1 ? rank !== k : !caption.includes(`${'AT_RANK'.replace('{k}', rank)} `)) return false;
    }
    const chart = document.querySelector('.js-plotly-plot');
    if (!chart || !chart._fullLayout || !chart.querySelector('.xtitle')) return false;
    if (location.pathname.endsWith('/compare')) return said('p').includes('COMPARE_TABLE'.replace('{k}', k));
    const ssim = root.querySelector('dd[data-number=ssim]');
    if (!ssim || ssim.matches('.stale') || ssim.innerText === 'PENDING') return false;
    return said('button').includes('DOWNLOAD_PICTURE'.replace('{k}', k));
}""".replace("ROOT", _ROOT)

# Quiet, on the pages without a viewer: the script has ended, and something is there.
_QUIET = """() => {
    const find = (id, root = document) => root.querySelector(`[data-testid="${id}"]`);
    const app = find('stApp'), main = find('stMain');
    if (!app || app.dataset.testScriptState !== 'notRunning' || app.dataset.testConnectionState !== 'CONNECTED')
        return false;
    if (document.querySelector('[data-stale="true"]') || find('stSpinner') || find('stSkeleton')) return false;
    const charts = [...main.querySelectorAll('[data-testid="stPlotlyChart"]')];
    return !!main.querySelector('p') && charts.every((chart) => chart.querySelector('.xtitle'));
}"""
for _name in ("COMPARE_EMPTY", "AT_RANK", "COMPARE_TABLE", "PENDING", "DOWNLOAD_PICTURE"):
    _SETTLED = _SETTLED.replace(f"'{_name}'", f"'{getattr(text, _name)}'")

# A promise of the next run: what a click asks for is on its way for a while, and all looks settled meanwhile.
_NEXT_RUN = """() => {
    const app = document.querySelector('[data-testid="stApp"]');
    window.nextRun = new Promise((done) => new MutationObserver((_, observer) => {
        if (app.dataset.testScriptState === 'notRunning') return;
        observer.disconnect();
        done();
    }).observe(app, { attributes: true, attributeFilter: ['data-test-script-state'] }));
}"""

_PIXELS = """(canvas) => {
    const { width, height } = canvas;
    const { data } = canvas.getContext('2d').getImageData(0, 0, width, height);
    let text = '';
    for (let i = 0; i < data.length; i += 32768) text += String.fromCharCode(...data.subarray(i, i + 32768));
    return [height, width, btoa(text)];
}"""

_NEEDLE = """(chart) => {
    const plot = document.querySelector(`.st-key-${chart} .js-plotly-plot`);
    const mark = plot.querySelector('.lowrank-needle');
    if (!mark || getComputedStyle(mark).visibility === 'hidden') return null;
    const { xaxis, yaxis } = plot._fullLayout, box = mark.getBoundingClientRect(), all = plot.getBoundingClientRect();
    const ring = box.width > 4, x = box.left + box.width / 2, y = box.top + (ring ? box.height / 2 : 0);
    return [mark.innerText, xaxis.p2d(x - all.left - xaxis._offset), yaxis.p2d(y - all.top - yaxis._offset)];
}"""


class AppPage:
    """Explore and Compare in one tab."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.url = url

    # -- going somewhere ----------------------------------------------------------------------------------------------

    def open(self, path: str = "/", **address: object) -> "AppPage":
        """Go to an address and wait for the page."""
        self.page.goto(self.url + path + (f"?{urlencode(address)}" if address else ""))
        return self.settled()

    def settled(self) -> "AppPage":
        """Wait until nothing is under way any more."""
        if re.search(r"/(learn|lora|open)\b", self.page.url):
            self.page.wait_for_function(_QUIET)
            return self
        self.page.wait_for_selector('[data-testid="stMain"] [data-testid="stFileUploader"]')
        self.page.wait_for_function(_SETTLED)
        return self

    @contextmanager
    def a_run(self) -> Iterator[None]:
        """Wait until Python has answered what is done within."""
        self.page.evaluate(_NEXT_RUN)
        yield
        self.page.evaluate("() => window.nextRun")
        self.settled()

    def until_connected(self, connected: bool) -> None:
        """Wait until the page has its server, or has noticed that it is gone."""
        state = "data-test-connection-state"
        waiting = expect(self.page.get_by_test_id("stApp"))
        (waiting.to_have_attribute if connected else waiting.not_to_have_attribute)(state, "CONNECTED")

    def go_to(self, name: str) -> "AppPage":
        """Click a page's name in the navigation."""
        self.page.get_by_role("link", name=name).click()
        self.page.wait_for_url("**/compare?*" if name == text.COMPARE else f"{self.url}/?*")
        return self.settled()

    def wait_for_address(self, part: str) -> "AppPage":
        """Wait until the address holds `part`."""
        self.page.wait_for_function("part => location.href.includes(part)", arg=part)
        return self.settled()

    @property
    def address(self) -> str:
        """Path and query of the address."""
        return self.page.evaluate("location.pathname + location.search")

    def back(self) -> "AppPage":
        """Press the browser's Back and wait until the page of that moment is there."""
        return self._move(-1)

    def forward(self) -> "AppPage":
        """Press the browser's Forward and wait."""
        return self._move(1)

    def _move(self, steps: int) -> "AppPage":
        before = self.page.evaluate("navigation.currentEntry.index")
        self.page.evaluate("steps => history.go(steps)", steps)
        self.page.wait_for_function("index => navigation.currentEntry.index === index", arg=before + steps)
        # the page follows its address: nothing else tells that the run for it has begun and ended
        self.page.wait_for_function(
            f"""() => {{
                const asked = new URLSearchParams(location.search), k = asked.get('rank'), name = asked.get('picture');
                const chosen = `.st-key-pick_${{name}} [data-testid="stBaseButton-primary"]`;
                return k && {_ROOT}?.querySelector('.viewer')?.dataset.rank === k
                    && (!name || document.querySelector(chosen));
            }}"""
        )
        return self.settled()

    # -- pictures -----------------------------------------------------------------------------------------------------

    def drop(self, *files: File) -> None:
        """Give files to the place where pictures are dropped."""
        payload = [{"name": name, "mimeType": kind, "buffer": data} for name, kind, data in files]
        self.page.locator('[data-testid="stFileUploader"] input[type=file]').set_input_files(payload)

    def upload(self, *files: File) -> "AppPage":
        """Drop pictures on Explore and wait until the last one is shown."""
        self.drop(*files)
        expect(self.title_element).to_have_text(files[-1][0])
        return self.settled()

    def pick(self, title: str) -> "AppPage":
        """Choose a picture from the gallery."""
        self.gallery.get_by_role("button", name=title, exact=True).click()
        expect(self.title_element).to_have_text(title)
        return self.settled()

    @property
    def gallery(self) -> Locator:
        """The row of thumbnails."""
        return self.page.locator(".st-key-gallery")

    @property
    def title_element(self) -> Locator:
        """The title of the picture that Explore shows."""
        return self.page.locator('[data-testid="stMain"] [data-testid="stMarkdown"] strong').first

    @property
    def title(self) -> str:
        """The title of the picture that Explore shows."""
        return self.title_element.inner_text().strip()

    def set_color(self, color: str) -> "AppPage":
        """Choose grey or colour."""
        self.page.get_by_role("radio", name=text.COLORS[color], exact=True).click()
        return self.wait_for_address(f"color={color}")

    def messages(self) -> Locator:
        """The error messages."""
        return self.page.locator('[data-testid="stAlert"]')

    @property
    def viewer(self) -> Locator:
        """The live viewer."""
        return self.page.locator(".viewer")

    def picture(self) -> np.ndarray:
        """Pixels of the (first) picture at rank k as the browser draws them, (h, w, 3), before they are fitted."""
        height, width, data = self.viewer.locator("canvas.fit").first.evaluate(_PIXELS)
        return np.frombuffer(base64.b64decode(data), np.uint8).reshape(height, width, 4)[..., :3].astype(int)

    def original(self) -> np.ndarray:
        """Pixels of the original that lies under the divider, (h, w, 3)."""
        address = self.viewer.locator("img.original").first.get_attribute("src")
        data = self.page.request.get(f"{self.url}{address}").body()
        return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"), int)

    def draw(self, mode: str) -> "AppPage":
        """Choose what is drawn: the picture, the difference, or the layer."""
        name = text.VIEWER["modes"][mode]
        self.viewer.get_by_role("radio", name=name, exact=True).check()
        self._two_frames()
        return self

    # -- rank ---------------------------------------------------------------------------------------------------------

    @property
    def slider(self) -> Locator:
        """The rank slider."""
        return self.viewer.get_by_role("slider", name=text.RANK, exact=True)

    @property
    def entry(self) -> Locator:
        """The rank as a number to type."""
        return self.viewer.get_by_role("spinbutton", name=text.VIEWER["entry"])

    @property
    def stops(self) -> Locator:
        """The classic ranks."""
        return self.viewer.get_by_role("group", name=text.VIEWER["stops"]).get_by_role("button")

    @property
    def rank(self) -> int:
        """The rank that the page shows."""
        return int(self.viewer.get_attribute("data-rank"))

    @property
    def highest(self) -> int:
        """The highest rank of the slider."""
        return int(self.slider.get_attribute("max"))

    def rank_by_keys(self, *keys: str) -> "AppPage":
        """Press keys on the slider, one after the other, each of which moves it."""
        for key in keys:
            before = str(self.rank)
            self.slider.press(key)
            expect(self.viewer).not_to_have_attribute("data-rank", before)
            self.settled()
        return self

    def hold_key(self, key: str, times: int) -> "AppPage":
        """Press a key again and again, as a held one repeats, without waiting for the page."""
        self.slider.focus()
        for _ in range(times):
            self.page.keyboard.press(key, delay=50)
        return self.settled()

    def rank_by_mouse(self, k: int) -> "AppPage":
        """Drag the slider's thumb to where rank k is."""
        self.slider.scroll_into_view_if_needed()
        box, thumb = self.slider.bounding_box(), 24

        def place(rank: int) -> float:
            return box["x"] + thumb / 2 + (box["width"] - thumb) * (rank - 1) / (self.highest - 1)

        y = box["y"] + box["height"] / 2
        self.page.mouse.move(place(self.rank), y)
        self.page.mouse.down()
        self.page.mouse.move(place(k), y, steps=12)
        self.page.mouse.up()
        return self.settled()

    def rank_by_number(self, k: int) -> "AppPage":
        """Type the rank."""
        self.entry.fill(str(k))
        self.entry.press("Enter")
        return self.at_rank(k)

    def rank_by_stop(self, k: int) -> "AppPage":
        """Click one of the classic ranks."""
        stop = self.stops.get_by_text(str(k), exact=True)
        stop.click()
        expect(stop).to_have_attribute("aria-pressed", "true")
        return self.at_rank(k)

    def at_rank(self, k: int) -> "AppPage":
        """Wait until the viewer stands at a rank and the page has followed."""
        expect(self.viewer).to_have_attribute("data-rank", str(k))
        return self.settled()

    # -- numbers ------------------------------------------------------------------------------------------------------

    def numbers(self) -> dict[str, str]:
        """The numbers of Explore by name."""
        pairs = self.viewer.locator(".numbers dd").evaluate_all("all => all.map(a => [a.dataset.number, a.innerText])")
        return {name: value.strip() for name, value in pairs}

    def download(self, label: str) -> Download:
        """Click a download button and wait for its file."""
        with self.page.expect_download() as waiting:
            self.page.get_by_role("button", name=label, exact=True).click()
        return waiting.value

    def set_target(self, rule: str, target: float | None = None) -> None:
        """Choose the rank by a rule."""
        chosen = self.page.get_by_role("combobox", name=text.TARGET_RULE)
        if chosen.input_value() != text.RULE_NAMES[rule]:
            self.open_menu(chosen)
            self.page.get_by_role("option", name=text.RULE_NAMES[rule], exact=True).click()
            expect(chosen).to_have_value(text.RULE_NAMES[rule])
        if target is not None:
            entry = self.page.get_by_role("spinbutton", name=text.TARGETS[rule])
            entry.fill(str(target))
            entry.press("Enter")
        self.settled()
        self.page.get_by_role("button", name=text.TARGET_SET).click()

    def open_menu(self, box: Locator) -> None:
        """Open the menu of a box to choose from; a page that still scrolls would close it again."""
        box.scroll_into_view_if_needed()
        box.focus()
        self._two_frames()
        box.press("ArrowDown")

    # -- chart --------------------------------------------------------------------------------------------------------

    @property
    def chart(self) -> Locator:
        """The chart."""
        return self.page.locator(".js-plotly-plot")

    def set_measure(self, measure: str) -> "AppPage":
        """Choose what is drawn."""
        short, title, _ = text.CHARTS[measure]
        self.page.get_by_role("radiogroup", name=text.CHART).get_by_text(short, exact=True).click()
        expect(self.chart.locator(".gtitle")).to_have_text([title])  # the old chart has left
        return self.settled()

    def legend(self) -> list[str]:
        """The names in the chart's legend."""
        self.chart.scroll_into_view_if_needed()
        return self.chart.locator(".infolayer .legend .legendtext").all_text_contents()

    def hover(self, x: float = 0.8, y: float = 0.5) -> list[str]:
        """Rest the mouse over the chart, at a share of its width and height, and return what is read out."""
        self.page.mouse.move(*self._in_chart(x, y))
        texts = self.page.locator(".js-plotly-plot .hoverlayer text")
        texts.first.wait_for()
        return texts.all_text_contents()

    def zoom(self, x: Sequence[float] = (0.3, 0.6), y: Sequence[float] = (0.3, 0.7)) -> list[list[float]]:
        """Drag over a part of the chart and return the axes' new ranges."""
        before = self.axes()
        self.page.mouse.move(*self._in_chart(x[0], y[0]))
        self.page.mouse.down()
        self.page.mouse.move(*self._in_chart(x[1], y[1]), steps=6)
        self.page.mouse.up()
        self.page.wait_for_function(f"before => JSON.stringify(({_AXES})()) !== before", arg=_compact(before))
        return self.axes()

    def axes(self) -> list[list[float]]:
        """The ranges of both axes."""
        return self.page.evaluate(_AXES)

    def _in_chart(self, x: float, y: float) -> tuple[float, float]:
        area = self.chart.locator(".nsewdrag").first
        area.scroll_into_view_if_needed()
        box = area.bounding_box()
        return box["x"] + box["width"] * x, box["y"] + box["height"] * y

    def needle(self, chart: str = "explore_chart") -> tuple[str, float, float] | None:
        """What the mark over a chart says, and where its point or its line stands; None where it is out of view."""
        found = self.page.evaluate(_NEEDLE, chart)
        return tuple(found) if found else None

    # -- Compare ------------------------------------------------------------------------------------------------------

    def clear_compared(self) -> "AppPage":
        """Take all pictures out of the comparison."""
        self.page.get_by_role("button", name="Clear all").click()
        expect(self.page.get_by_text(text.COMPARE_EMPTY)).to_be_visible()
        return self.settled()

    def compared(self) -> list[str]:
        """The names under the pictures of the strip."""
        return [caption.split(" · ")[0].strip() for caption in self.captions()]

    @property
    def captions_element(self) -> Locator:
        """What stands under the pictures, one element for each."""
        return self.viewer.locator("figcaption")

    def captions(self) -> list[str]:
        """What stands under the pictures."""
        return self.captions_element.all_inner_texts()

    def upload_to_compare(self, *files: File) -> "AppPage":
        """Drop pictures on Compare and wait until all of them are shown."""
        self.drop(*files)
        for name, _, _ in files:
            expect(self.captions_element.filter(has_text=name).first).to_be_visible()
        return self.settled()

    # -- looks --------------------------------------------------------------------------------------------------------

    def look(self, width: int, scheme: str) -> None:
        """Set the window's width, and light or dark; wait until the page wears it."""
        self.page.set_viewport_size({"width": width, "height": 900})
        self.page.emulate_media(color_scheme=scheme)
        self.page.wait_for_function(
            """([width, dark]) => {
                const color = getComputedStyle(document.querySelector('[data-testid="stApp"]')).backgroundColor;
                const brightness = color.match(/\\d+/g).slice(0, 3).reduce((sum, one) => sum + Number(one), 0) / 3;
                return innerWidth === width && (brightness < 128) === dark;
            }""",
            arg=[width, scheme == "dark"],
        )
        self.settled()

    def crowding(self) -> list[str]:
        """What does not fit: sideways scroll, blocks over each other, numbers cut off. Waits a moment for calm."""
        found: list[str] = []

        def calm() -> bool:
            found[:] = self.page.evaluate(_CROWDING)
            return not found

        self.until(calm)
        return found

    def until(self, holds: Callable[[], bool], tries: int = 50) -> bool:
        """Ask once a frame until it holds, for `tries` frames or so; return whether it does."""
        for _ in range(tries):
            if holds():
                return True
            self._two_frames()
        return False

    def _two_frames(self) -> None:
        self.page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")

    def unnamed_pictures(self) -> list[str]:
        """Pictures without an alternative text; the viewer's are canvases, and its originals decoration of them."""
        return self.page.evaluate(
            f"""() => [
                ...[...document.images].filter((image) => !image.alt.trim()),
                ...[...({_ROOT}?.querySelectorAll('.fit') ?? [])].filter(
                    (canvas) => canvas.getAttribute('role') !== 'img' || !canvas.getAttribute('aria-label')?.trim()),
            ].map((one) => one.outerHTML)"""
        )

    def tab(self) -> dict[str, Any]:
        """Press Tab; return the name of what has the focus now, its kind, and whether one sees that it has it."""
        self.page.keyboard.press("Tab")
        found = self.page.evaluate(_FOCUSED)
        if not found["visible"] and found["kind"] != "BODY":  # a thumb's looks cannot be asked for, only looked at
            self._two_frames()
            with_focus = self.page.screenshot(clip=found["box"], animations="disabled")
            element = self.page.evaluate_handle(f"() => {_DEEP}")
            element.evaluate("element => element.blur()")
            self._two_frames()
            found["visible"] = self.page.screenshot(clip=found["box"], animations="disabled") != with_focus
            element.evaluate("element => element.focus({ focusVisible: true })")
        return found


def _compact(value: object) -> str:
    return str(value).replace(" ", "")


_AXES = """() => {
    const layout = document.querySelector('.js-plotly-plot')._fullLayout;
    return [layout.xaxis.range, layout.yaxis.range];
}"""

# Boxes are cut to what their scrolling ancestors show of them.
_CROWDING = """() => {
    const found = [];
    for (const one of [document.documentElement, document.body, ...document.querySelectorAll('[data-testid="stMain"]')])
        if (one.scrollWidth > one.clientWidth)
            found.push(`${one.dataset.testid || one.tagName}: ${one.scrollWidth} wide in ${one.clientWidth}`);
    const shown = (element) => {
        let { left, top, right, bottom } = element.getBoundingClientRect();
        for (let a = element.parentElement; a && a.dataset.testid !== 'stMain'; a = a.parentElement) {
            if (getComputedStyle(a).overflow === 'visible') continue;
            const box = a.getBoundingClientRect();
            left = Math.max(left, box.left); right = Math.min(right, box.right);
            top = Math.max(top, box.top); bottom = Math.min(bottom, box.bottom);
        }
        return { element, left, top, right, bottom };
    };
    const name = (one) => one.element.innerText.trim().slice(0, 30).replace(/\\s+/g, ' ')
        || one.element.querySelector('img')?.alt.slice(0, 30) || one.element.className;
    const blocks = [...document.querySelectorAll('[data-testid="stMain"] [data-testid="stElementContainer"]')]
        .filter((element) => element.checkVisibility({ visibilityProperty: true })).map(shown)
        .filter((one) => one.right - one.left > 1 && one.bottom - one.top > 1);
    const width = document.documentElement.clientWidth;
    blocks.forEach((a, i) => {
        if (a.left < -1 || a.right > width + 1) found.push(`${name(a)}: beyond the window`);
        for (const b of blocks.slice(i + 1)) {
            if (a.element.contains(b.element)) continue;
            const wide = Math.min(a.right, b.right) - Math.max(a.left, b.left);
            const high = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
            if (wide > 1 && high > 1) found.push(`${name(a)} and ${name(b)}: ${wide} x ${high}`);
        }
    });
    const viewer = ROOT?.querySelector('.viewer');
    const parts = [...viewer?.querySelectorAll(
        '.stage, figcaption, dt, dd, button, .entry, .rank .name, .slider, .modes label, .marks span, .sentence') ?? []]
        .filter((one) => one.checkVisibility({ visibilityProperty: true }) && one.getBoundingClientRect().width > 1);
    const limit = viewer?.getBoundingClientRect();
    const said = (one) => one.innerText?.trim().slice(0, 30) || one.className;
    parts.forEach((a, i) => {
        const box = a.getBoundingClientRect();
        if (box.left < limit.left - 1 || box.right > limit.right + 1) found.push(`${said(a)}: beyond the viewer`);
        if (a.matches('dt, dd, button, .name, .sentence, label') && a.scrollWidth > a.clientWidth + 1)
            found.push(`${said(a)}: cut off`);
        for (const b of parts.slice(i + 1)) {
            const other = b.getBoundingClientRect();
            // a mark's line crosses the slider on purpose, its words must not cross other words
            if ([a, b].some((one) => one.matches('.slider')) && [a, b].some((one) => one.matches('.marks span')))
                continue;
            if (a.matches('.marks .high') !== b.matches('.marks .high')) continue; // the one above, the other below
            const wide = Math.min(box.right, other.right) - Math.max(box.left, other.left);
            const high = Math.min(box.bottom, other.bottom) - Math.max(box.top, other.top);
            if (wide > 1 && high > 1)
                found.push(`${said(a)} and ${said(b)}: ${wide.toFixed()} x ${high.toFixed()} in the viewer`);
        }
    });
    return found;
}""".replace("ROOT", _ROOT)

_DEEP = """(() => {
    let element = document.activeElement;
    while (element.shadowRoot?.activeElement) element = element.shadowRoot.activeElement;
    return element;
})()"""

# Looks of the focused element and its surroundings, with the focus and after it is taken away for a moment.
_FOCUSED = """() => {
    const element = DEEP;
    if (element === document.body) return { name: '', kind: 'BODY', visible: false };
    const labelled = [...element.labels ?? []].map((label) => label.innerText).join(' ');
    const own = element.tagName === 'MAIN' ? 'main' : element.innerText;
    const name = element.getAttribute('aria-label') || labelled || own || '';
    const near = [element];
    for (let a = element.parentElement, i = 0; a && i < 4; a = a.parentElement, i++) near.push(a, ...a.children);
    const looks = () => near.map((one) => {
        const s = getComputedStyle(one);
        return [s.outlineStyle + s.outlineWidth + s.outlineColor, s.boxShadow, s.borderColor, s.backgroundColor].join();
    }).join();
    for (const one of near) one.style.transition = 'none';
    const focused = looks();
    element.blur();
    const blurred = looks();
    element.focus({ focusVisible: true });
    const { x, y, width, height } = element.getBoundingClientRect();
    return {
        name: name.trim(), kind: element.getAttribute('role') || element.type || element.tagName,
        visible: focused !== blurred,
        box: { x: Math.max(x - 8, 0), y: Math.max(y - 8, 0), width: width + 16, height: height + 16 },
    };
}""".replace("DEEP", _DEEP)
