"""Make the picture of the app that stands in the README.

    python docs/screenshot.py [--url URL] [--out docs/app.png]

It starts the app on a free port, opens it in the system's Chromium (or the browser that CHROMIUM names), waits until
nothing moves any more and writes the PNG with at most 256 colours. With --url it looks at an app that runs already.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).parents[1]
SIZE = {"width": 1400, "height": 1130}
VIEW = "/?color=rgb"
PATIENCE = 60  # seconds
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@contextlib.contextmanager
def running_app() -> Iterator[str]:
    """Start the app on a free port; yield its address once it answers; stop it."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    settings = {"server.port": port, "server.address": "localhost", "server.headless": "true"}
    command = [sys.executable, "-m", "streamlit", "run", "app/main.py"]
    command += [f"--{name}={value}" for name, value in settings.items()]
    app = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
    try:
        url, deadline = f"http://localhost:{port}", time.monotonic() + PATIENCE
        while True:
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"{url}/_stcore/health").close()
                break
            if app.poll() is not None or time.monotonic() > deadline:
                raise SystemExit("The app does not answer.")
            time.sleep(0.2)
        yield url
    finally:
        app.terminate()
        app.wait()


def settle(page: Page) -> None:
    """Wait until the script has run, the pictures and the chart are drawn, and two looks in a row are the same."""
    page.wait_for_selector(".stage[data-ready]", timeout=1000 * PATIENCE)
    page.wait_for_selector("[data-testid=stPlotlyChart] .main-svg", timeout=1000 * PATIENCE)
    page.wait_for_selector("[data-testid=stApp][data-test-script-state=notRunning]", timeout=1000 * PATIENCE)
    before, deadline = b"", time.monotonic() + PATIENCE
    while before != (now := page.screenshot()) and time.monotonic() < deadline:
        before = now
        page.wait_for_timeout(500)


def picture(url: str) -> Image.Image:
    """Return what the first page looks like."""
    browser = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        raise SystemExit(f"A browser is needed: {', '.join(BROWSERS)}.")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser, args=["--no-sandbox"])
        page = chromium.new_page(viewport=SIZE, color_scheme="light", reduced_motion="reduce")
        page.goto(url + VIEW)
        settle(page)
        seen = page.screenshot()
        chromium.close()
    return Image.open(io.BytesIO(seen)).convert("RGB")


def main() -> None:
    """Parse the options and write the file."""
    parser = argparse.ArgumentParser(description="Make the picture of the app in the README.")
    parser.add_argument("--url", help="of an app that is running already")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "app.png")
    options = parser.parse_args()
    with contextlib.nullcontext(options.url) if options.url else running_app() as url:
        seen = picture(url)
    palette = seen.quantize(256, kmeans=1)  # as it is, the picture would take twice the bytes
    seen.quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG).save(options.out, optimize=True)


if __name__ == "__main__":
    main()
