"""The viewer as a test sees it: eyes on its canvases, hands on its controls, and NumPy's pictures to compare with."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import Locator, Page, expect

SAMPLES = Path(__file__).parents[2] / "sample_images"

_LUMA = np.array([0.299, 0.587, 0.114])

_READ = """(canvas) => {
  const { width, height } = canvas;
  const { data } = canvas.getContext('2d').getImageData(0, 0, width, height);
  let text = '';
  for (let i = 0; i < data.length; i += 32768) text += String.fromCharCode(...data.subarray(i, i + 32768));
  return [height, width, btoa(text)];
}"""

_TWO_FRAMES = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"

#: Asked once a frame: all stages are at the slider's rank, and nothing changed on any canvas for three frames.
_DRAWN = """() => {
  const root = document.querySelector('[data-testid=stBidiComponentIsolated]').shadowRoot;
  const { rank } = root.querySelector('.viewer').dataset;
  const there = [...root.querySelectorAll('.stage')].every((stage) => stage.dataset.rank === rank);
  let sum = 0;
  for (const canvas of root.querySelectorAll('.plane canvas')) {
    const { width, height } = canvas;
    if (!width || !height) continue;
    const { data } = canvas.getContext('2d').getImageData(0, 0, width, height);
    for (let i = 0; i < data.length; i += 7) sum = (sum * 31 + data[i]) | 0;
  }
  const before = window.drawnOnce;
  window.drawnOnce = { sum, times: there && before?.sum === sum ? before.times + 1 : 0 };
  return window.drawnOnce.times >= 2;
}"""


# -- what is right ----------------------------------------------------------------------------------------------------


class Truth:
    """A picture's rank-k pictures by NumPy alone, as grey levels: shape (h, w) or (h, w, 3)."""

    def __init__(self, samples: np.ndarray, color: str) -> None:
        picture = np.asarray(samples) / 255
        if picture.ndim == 3 and color == "gray":
            picture = picture @ _LUMA
        self.mix = np.eye(1 if picture.ndim == 2 else 3)  # what each plane adds to each channel
        if color == "ycbcr":
            luma = picture @ _LUMA
            picture = np.dstack([luma, (picture[..., 2] - luma) / 1.772, (picture[..., 0] - luma) / 1.402])
            green = -np.array([0.114 * 1.772, 0.299 * 1.402]) / 0.587
            self.mix = np.array([[1, 0, 1.402], [1, *green], [1, 1.772, 0]])
        self.planes = np.moveaxis(np.atleast_3d(picture), 2, 0)
        self.U, self.s, self.Vt = np.linalg.svd(self.planes, full_matrices=False)
        if color == "ycbcr":
            self._allot()

    def _allot(self) -> None:
        """Move each chroma layer to the rank at which it pays as much as luma's layer, one at a time."""
        gains = (self.mix**2).sum(0)[:, None] * self.s**2
        U, s, Vt = self.U.copy(), self.s.copy(), self.Vt.copy()
        for p in (1, 2):
            self.s[p], taken = 0, 0
            for k in range(s.shape[1]):
                if gains[p, taken] >= gains[0, k]:
                    self.U[p, :, k], self.s[p, k], self.Vt[p, k] = U[p, :, taken], s[p, taken], Vt[p, taken]
                    taken += 1

    @property
    def original(self) -> np.ndarray:
        return self._shown(self.planes)

    def rank(self, k: int) -> np.ndarray:
        return self._shown((self.U[..., :k] * self.s[:, None, :k]) @ self.Vt[:, :k])

    def layer(self, k: int) -> np.ndarray:
        """What rank k adds, in grey levels, not rounded; shape (h, w) or (h, w, 3)."""
        return np.moveaxis(np.tensordot(self.mix, self._layer(k), 1), 0, 2).squeeze()

    def white(self, k: int) -> float:
        """The grey levels that white stands for where the k-th layer is drawn alone: none can be more."""
        return float((np.abs(self.mix) @ np.abs(self._layer(k)).max((1, 2))).max())

    def _layer(self, k: int) -> np.ndarray:
        return 255 * self.s[:, k - 1, None, None] * self.U[..., k - 1, None] * self.Vt[:, k - 1, None]

    def fitted(self, k: int, rows: int, columns: int) -> np.ndarray:
        """Rank k averaged over areas to another size."""
        left, right = (_averaging(n, to) for n, to in zip(self.planes.shape[1:], (rows, columns), strict=True))
        return self._shown((left @ (self.U[..., :k] * self.s[:, None, :k])) @ (self.Vt[:, :k] @ right.T))

    def _shown(self, planes: np.ndarray) -> np.ndarray:
        channels = np.tensordot(self.mix, planes, 1).clip(0, 1)
        return np.moveaxis(np.rint(255 * channels).astype(int), 0, 2).squeeze()


def _averaging(n: int, to: int) -> np.ndarray:
    """The matrix that averages n pixels to fewer: entry (i, j) is the share of i that j covers."""
    edges, i = np.arange(to + 1) * n / to, np.arange(n)
    overlap = np.minimum(edges[1:, None], i + 1) - np.maximum(edges[:-1, None], i)
    return overlap.clip(0) * to / n


@cache
def sample_truth(name: str, color: str) -> Truth:
    (file,) = SAMPLES.glob(f"{name}.[jp]*g")
    with Image.open(file) as image:
        return Truth(np.asarray(image.convert("RGB" if image.mode != "L" else "L")), color)


def photograph(height: int, width: int, seed: int = 0, channels: int | None = None) -> np.ndarray:
    """Make a picture with a falling spectrum of full rank, uint8: waves, edges and grain."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    planes = []
    for _ in range(channels or 1):
        plane = rng.normal(0, 0.02, (height, width))
        for i in range(1, 12):
            a, b, c = rng.uniform(-40, 40, 3)
            plane += 0.15 / i * np.sign(np.sin(a * x + b * y + c)) + 0.1 / i * np.sin(b * x * y + a * y)
        planes.append(plane)
    picture = np.rint(255 * (0.5 + np.stack(planes, 2)).clip(0, 1)).astype(np.uint8)
    return picture if channels else picture[..., 0]


def png(samples: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(samples).save(stream, "PNG", compress_level=1)
    return stream.getvalue()


def furthest(pixels: np.ndarray, right: np.ndarray) -> int:
    """Return the largest difference in grey levels between a canvas and a picture."""
    assert (pixels[..., 3] == 255).all()
    seen = pixels[..., :3].astype(int)
    assert seen.shape[:2] == right.shape[:2], (seen.shape, right.shape)
    return int(np.abs(seen - (right if right.ndim == 3 else right[..., None])).max())


# -- the page ---------------------------------------------------------------------------------------------------------


class ViewerPage:
    """A page of the app with a viewer on it."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.frames: list[str] = []  # "sent" and "received", in order
        self.page.on("websocket", self._listen)
        self.url = url

    def _listen(self, socket) -> None:
        socket.on("framesent", lambda _: self.frames.append("sent"))
        socket.on("framereceived", lambda _: self.frames.append("received"))

    def leave(self) -> None:
        """Listen to the tab no longer: another test is to have it."""
        self.page.remove_listener("websocket", self._listen)

    def open(self, path: str = "", **address: object) -> ViewerPage:
        query = "&".join(f"{name}={value}" for name, value in address.items())
        self.page.goto(f"{self.url}/{path}?{query}")
        self.ready()
        return self

    def find(self, part: str) -> Locator:
        """A part of the viewer by its class."""
        return self.page.locator(f".viewer .{part}")

    # -- waiting

    def ready(self) -> None:
        """Wait until the factors of every pane and the chart are there, and Python has nothing left to do."""
        ready = re.compile(".")
        expect(self.find("stage").first).to_have_attribute("data-ready", ready, timeout=60_000)  # the first one imports
        self.page.wait_for_function(
            """() => {
              const host = document.querySelector('[data-testid=stBidiComponentIsolated]');
              const stages = [...host?.shadowRoot.querySelectorAll('.stage') ?? []];
              return stages.length && stages.every((s) => s.dataset.ready && !s.dataset.ready.includes('preview'))
                && document.querySelector('.js-plotly-plot .xtitle');
            }"""
        )
        self.idle()
        self.drawn()

    def idle(self) -> None:
        """Wait until no script runs, and the last number that Python measures after all else is there."""
        expect(self.page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning")
        if self.find("stage").count() == 1:
            expect(self.page.locator("dd[data-number=ssim]:not(.stale)")).to_have_text(re.compile(r"\d"))
            expect(self.page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning")

    def drawn(self, rank: int | None = None) -> None:
        """Wait until the pictures show the rank that the slider stands at (or `rank`)."""
        if rank is not None:
            expect(self.page.locator(".viewer")).to_have_attribute("data-rank", str(rank))
        self.page.evaluate("() => { window.drawnOnce = undefined; }")
        self.page.wait_for_function(_DRAWN)

    def frame(self) -> None:
        """Wait until what was asked for has been drawn: two frames."""
        self.page.evaluate(_TWO_FRAMES)

    def told(self, rank: int) -> None:
        """Wait until Python knows the rank: the address and the downloads say it."""
        expect(self.page).to_have_url(re.compile(rf"[?&]rank={rank}(&|$)"))
        if self.find("stage").count() == 1:
            expect(self.page.get_by_role("button", name=f"Picture at rank {rank} (PNG)")).to_be_visible()

    def until(self, holds: Callable[[], bool], frames: int = 600) -> None:
        """Wait for what only the test knows of, looking once a frame."""
        for _ in range(frames):
            if holds():
                return
            self.frame()
        raise AssertionError("it never came")

    # -- eyes

    @property
    def rank(self) -> int:
        self.frame()  # what was moved a moment ago is drawn in the next one
        return int(self.page.locator(".viewer").get_attribute("data-rank"))

    def number(self, key: str) -> str:
        return self.page.locator(f"dd[data-number={key}]").inner_text()

    def pixels(self, canvas: str = "fit", pane: int = 0) -> np.ndarray:
        """Read a canvas back: RGBA, shape (h, w, 4)."""
        height, width, data = self.page.locator(f"canvas.{canvas}").nth(pane).evaluate(_READ)
        return np.frombuffer(base64.b64decode(data), np.uint8).reshape(height, width, 4)

    def look(self) -> np.ndarray:
        """What the eye sees of the first stage: RGB, shape (h, w, 3)."""
        self.frame()
        box = self.find("stage").first.bounding_box()
        picture = self.page.screenshot(clip=box, style=".side { visibility: hidden }")  # which say what is drawn there
        image = Image.open(io.BytesIO(picture))
        return np.asarray(image.convert("RGB")).astype(int)

    def zoom(self) -> int:
        """The zoom in per cent, as the button says it."""
        said = self.find("whole").inner_text()
        return int(said.removesuffix(" %")) if said.endswith("%") else 100

    def view(self, pane: int = 0) -> tuple[float, float, float, float]:
        """Which part of the picture a stage shows: left, top, width, height in shares of it."""
        return tuple(
            self.find("stage")
            .nth(pane)
            .evaluate(
                """(stage) => {
                  const [a, b] = [stage, stage.querySelector('.plane')].map((e) => e.getBoundingClientRect());
                  return [(a.x - b.x) / b.width, (a.y - b.y) / b.height, a.width / b.width, a.height / b.height];
                }"""
            )
        )

    def detail(self, height: int, width: int) -> tuple[slice, slice]:
        """Wait until the sharp canvas covers what the stage shows, and return its rows and columns in the picture."""
        expect(self.find("detail")).to_be_visible()
        self.page.wait_for_function(
            """() => {
              const root = document.querySelector('[data-testid=stBidiComponentIsolated]').shadowRoot;
              const [s, d] = ['.stage', '.detail'].map((name) => root.querySelector(name).getBoundingClientRect());
              const plane = root.querySelector('.plane').getBoundingClientRect();
              return d.left <= Math.max(s.left, plane.left) + 1 && d.right >= Math.min(s.right, plane.right) - 1
                && d.top <= Math.max(s.top, plane.top) + 1 && d.bottom >= Math.min(s.bottom, plane.bottom) - 1
                && d.width <= s.width + 0.05 * plane.width && d.height <= s.height + 0.05 * plane.height;
            }"""
        )
        top, left, tall, wide = self.find("detail").evaluate(
            "(canvas) => ['top', 'left', 'height', 'width'].map((side) => parseFloat(canvas.style[side]) / 100)"
        )
        row, column = round(top * height), round(left * width)
        return slice(row, row + round(tall * height)), slice(column, column + round(wide * width))

    # -- hands

    def focus(self, part: str) -> None:
        self.find(part).first.focus()

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def stop(self, rank: int) -> None:
        """Click on one of the classic ranks."""
        self.find("stops").get_by_role("button", name=str(rank), exact=True).click()

    def at(self, rank: float) -> tuple[float, float]:
        """Where the slider's thumb stands for a rank."""
        box, highest = self.find("slider").bounding_box(), int(self.find("slider").get_attribute("max"))
        share = (rank - 1) / (highest - 1)
        return box["x"] + 12 + share * (box["width"] - 24), box["y"] + box["height"] / 2

    def grip(self) -> None:
        """Take hold of the slider's thumb."""
        self.page.mouse.move(*self.at(self.rank))
        self.page.mouse.down()

    def pull(self, rank: int, steps: int = 1) -> None:
        self.page.mouse.move(*self.at(rank), steps=steps)

    def release(self) -> None:
        self.page.mouse.up()

    def jump(self, ranks: list[int]) -> None:
        """Move the slider to one rank after the other as fast as it can be drawn, four in each frame."""
        self.find("slider").evaluate(
            """async (slider, ranks) => {
              for (const [i, rank] of ranks.entries()) {
                slider.value = rank;
                slider.dispatchEvent(new Event('input', { bubbles: true }));
                if (i % 4 === 3) await new Promise((done) => requestAnimationFrame(done));
              }
            }""",
            ranks,
        )

    def mode(self, name: str) -> None:
        self.find("modes").get_by_role("radio", name=name, exact=True).check()
        self.frame()

    def drop(self, name: str, samples: np.ndarray) -> None:
        """Give the page a picture of one's own."""
        self.page.get_by_test_id("stFileUploader").locator("input[type=file]").set_input_files(
            {"name": name, "mimeType": "image/png", "buffer": png(samples)}
        )

    def showing(self, title: str) -> None:
        """Wait until the viewer shows the picture of that name, all of it."""
        expect(self.page.locator("canvas.fit").first).to_have_attribute("aria-label", re.compile(re.escape(title)))
        self.ready()

    def reset(self) -> None:
        """Put everything back to where a page opens: rank 50, the whole picture, nothing beside it."""
        self.page.mouse.up()
        self.page.get_by_test_id("stMain").evaluate("(main) => main.scrollTo(0, 0)")
        if self.find("beside").get_attribute("aria-pressed") == "true":
            self.find("beside").click()
        self.find("modes").get_by_role("radio").first.check()
        self.find("whole").click()
        self.stop(50)
        self.told(50)
        self.idle()
        self.drawn(50)
