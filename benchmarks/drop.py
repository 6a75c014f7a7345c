"""Time the wait between dropping a photograph and holding the slider, on the app's real page in Chromium.

    python benchmarks/drop.py [SIZE ...]        sizes: 1024, 12MP; both by default

Each round drops another colour photograph, a JPEG as a camera writes it, so that nothing is remembered. The clock
starts when the server has the file (the end of the browser's upload). The first picture of a large photograph is the
preview's. The second table is where the server's time goes, stage by stage, in a process of its own. Where a goal
stands behind a line, missing it is said at the end and makes the exit code 1.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import Callable
from itertools import count

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # read when NumPy is imported; the app takes one thread, too
import numpy as np
from browser import ROOT, SIZES, VIEWER, WAIT_IDLE, chromium, encoded, photograph, served, tab
from playwright.sync_api import Browser, sync_playwright

ROUNDS = 5
GOALS = {
    ("1024", "first picture"): 0.5,
    ("12MP", "first picture"): 1.5,
    ("12MP", "all ranks"): 4.0,
    ("1024", "chart, after all ranks"): 2.0,
}

#: Notes when the upload had arrived, when a picture of that name was drawn, and when all of its ranks were there.
_NOTE = f"""
window.dropped = {{}};
new PerformanceObserver((list) => {{
  for (const one of list.getEntries()) {{
    if (one.name.includes('upload_file') && one.responseEnd) window.dropped.arrived ??= one.responseEnd;
  }}
}}).observe({{ type: 'resource', buffered: true }});
const note = () => {{
  const root = {VIEWER}, now = performance.now(), seen = window.dropped;
  const canvas = root?.querySelector('canvas.fit'), ready = root?.querySelector('.stage')?.dataset.ready ?? '';
  const named = canvas?.getAttribute('aria-label')?.includes(window.expected ?? '/');
  if (named && canvas.width) seen.painted ??= now;
  if (named && ready && !ready.includes('preview') && ready !== window.readyBefore) seen.all ??= now;
  const chart = document.querySelector('[data-testid=stPlotlyChart]');
  if (seen.all && chart?.getAttribute('aria-label')?.includes(window.expected)
      && chart.querySelectorAll('.scatterlayer .trace').length > 1) seen.chart ??= now;
  requestAnimationFrame(note);
}};
note();
"""


def photographs(size: str) -> Callable[[], bytes]:
    """Return a function that gives another photograph every time."""
    picture, turn = photograph(*SIZES[size]), count()

    def another() -> bytes:
        picture[:8, :8] = np.random.default_rng(next(turn)).integers(0, 256, (8, 8, 3))
        return encoded(picture, "JPEG", quality=92)

    return another


def drop(browser: Browser, app: str, name: str, jpeg: bytes) -> dict[str, float]:
    """Drop one picture; return seconds from its arrival to what is seen."""
    with tab(browser) as opened:
        page = opened.page
        page.add_init_script(_NOTE)
        page.goto(f"{app}/?picture=noise&rank=50&color=rgb&measure=psnr")
        page.wait_for_function(f"() => {VIEWER}?.querySelector('.stage')?.dataset.ready")
        page.wait_for_function(WAIT_IDLE)
        page.evaluate(
            f"""(name) => {{
          window.readyBefore = {VIEWER}.querySelector('.stage').dataset.ready;
          window.expected = name;
        }}""",
            name,
        )
        page.get_by_test_id("stFileUploader").locator("input[type=file]").set_input_files(
            {"name": name, "mimeType": "image/jpeg", "buffer": jpeg}
        )
        page.wait_for_function("() => window.dropped.chart")
        seen = page.evaluate("window.dropped")
    return {
        "first picture": (seen["painted"] - seen["arrived"]) / 1000,
        "all ranks": (seen["all"] - seen["arrived"]) / 1000,
        "chart, after all ranks": (seen["chart"] - seen["all"]) / 1000,
    }


def stages(jpeg: bytes, data: str) -> dict[str, float]:
    """Return the seconds of each step that the server takes for a picture."""
    sys.path.insert(0, str(ROOT))
    from app.ui import cached, scene

    key = (data, "rgb")
    steps: dict[str, Callable[[], object]] = {
        "decode": lambda: cached.pixels(data, jpeg),
        "thumbnail": lambda: cached.thumbnail(data, jpeg),
    }
    if cached.is_large(data, jpeg):
        steps |= {
            "preview: reduce": lambda: cached.preview_pixels(data, jpeg),
            "preview: decompose": lambda: cached.preview_factors(*key, jpeg),
            "preview: for the browser": lambda: scene._preview(*key, "stage", jpeg),
        }
    steps |= {
        "decompose": lambda: cached.factors(*key, jpeg),
        "for the browser": lambda: scene._full(*key, "stage", jpeg),
        "PSNR at every rank": lambda: cached.psnr_curve(*key, jpeg),
        "SSIM at one rank": lambda: cached.measured_ssim(*key, 50, jpeg),
    }
    found = {}
    for name, step in steps.items():
        start = time.perf_counter()
        step()
        found[name] = time.perf_counter() - start
    return found


def main(sizes: list[str]) -> None:
    """Print both tables, and what was missed."""
    print(f"load at the start: {', '.join(f'{x:.1f}' for x in os.getloadavg())} on {os.cpu_count()} processors")
    missed = []
    with sync_playwright() as playwright, served("app/main.py", ROOT) as app:
        browser = chromium(playwright)
        for size in sizes:
            another, height, width = photographs(size), *SIZES[size][:2]
            rounds = [drop(browser, app, f"drop-{i}.jpg", another()) for i in range(ROUNDS + 1)][
                1:
            ]  # the first warms up
            print(f"\n{height} x {width}, colour: seconds after the file has arrived; median (least, most) of {ROUNDS}")
            for name in rounds[0]:
                times = [one[name] for one in rounds]
                print(f"  {name:36}{statistics.median(times):7.2f}  ({min(times):.2f}, {max(times):.2f})")
                goal = GOALS.get((size, name))
                if goal and statistics.median(times) > goal:
                    missed.append(f"{size}: {name} took {statistics.median(times):.2f} s, not {goal} at most")
            print("  where the server's time goes:")
            for name, took in stages(another(), size).items():
                print(f"    {name:34}{took:7.3f}")
        browser.close()
    if missed:
        print("\nmissed:", *missed, sep="\n  ")
        sys.exit(1)
    print("\nall goals met")


if __name__ == "__main__":
    main(sys.argv[1:] or ["1024", "12MP"])
