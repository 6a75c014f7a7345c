"""What the benchmarks in a real browser share: photographs, the served app, pages in Chromium."""

from __future__ import annotations

import io
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from playwright.sync_api import Browser, Page, Playwright

ROOT = Path(__file__).parents[1]

#: name -> height, width, sample picture
SIZES = {"512": (512, 512, "portrait"), "1024": (1024, 1024, "coffee"), "12MP": (3000, 4000, "portrait")}

#: Tells in the page whether Python is done with the last run.
WAIT_IDLE = """() => document.querySelector('[data-testid=stApp]')?.dataset.testScriptState === 'notRunning'"""

#: The viewer on the page.
VIEWER = "document.querySelector('[data-testid=stBidiComponentIsolated]')?.shadowRoot"


def photograph(height: int, width: int, sample: str) -> np.ndarray:
    """Resample a sample picture and put texture and grain on it, as a larger photograph would have; RGB, uint8."""
    (file,) = (ROOT / "sample_images").glob(f"{sample}.[jp]*g")
    with Image.open(file) as image:
        if image.size == (width, height):
            return np.asarray(image.convert("RGB"))
        picture = np.asarray(image.convert("RGB").resize((width, height), Image.Resampling.BICUBIC), np.float32)
    rng = np.random.default_rng(0)
    texture = np.zeros((height, width), np.float32)
    for octave in (2, 4, 8):
        grain = rng.standard_normal((height // octave, width // octave)).astype(np.float32)
        texture += np.asarray(Image.fromarray(grain).resize((width, height), Image.Resampling.BICUBIC))
    picture += 2 * texture[..., None] + rng.standard_normal(picture.shape, np.float32)
    return np.rint(picture.clip(0, 255)).astype(np.uint8)


def encoded(picture: np.ndarray, kind: str = "PNG", **options: object) -> bytes:
    """Encode a picture as a user would send it."""
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, kind, **options)
    return stream.getvalue()


def chromium(playwright: Playwright) -> Browser:
    """Start the system's Chromium, or the one that CHROMIUM names."""
    names = ("chromium", "chromium-browser", "google-chrome")
    path = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, names)), None)
    return playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])


@contextmanager
def served(script: str, cwd: Path) -> Iterator[str]:
    """Run a Streamlit script and yield its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = {"server.headless": "true", "server.address": "127.0.0.1", "server.port": str(port)}
    options |= {"server.fileWatcherType": "none", "browser.gatherUsageStats": "false"}
    command = [
        sys.executable,
        "-m",
        "streamlit",
        "run",
        script,
        *(f"--{key}={value}" for key, value in options.items()),
    ]
    with subprocess.Popen(command, cwd=cwd, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            url = f"http://127.0.0.1:{port}"
            end = time.monotonic() + 60
            while True:
                try:
                    with urllib.request.urlopen(f"{url}/_stcore/health", timeout=5):
                        break
                except OSError:
                    if process.poll() is not None or time.monotonic() > end:
                        sys.exit(f"{script} did not start.")
                    time.sleep(0.1)
            yield url
        finally:
            process.terminate()


@dataclass
class Tab:
    """A page in a context of its own, and the websocket messages on it."""

    page: Page
    messages: list[str] = field(default_factory=list)


@contextmanager
def tab(browser: Browser) -> Iterator[Tab]:
    """Open a page in a context of its own."""
    with browser.new_context(viewport={"width": 1280, "height": 1000}) as context:
        opened = Tab(context.new_page())
        opened.page.set_default_timeout(300_000)

        def listen(socket: Any) -> None:
            socket.on("framesent", lambda _: opened.messages.append("sent"))
            socket.on("framereceived", lambda _: opened.messages.append("received"))

        opened.page.on("websocket", listen)
        yield opened
