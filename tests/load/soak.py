"""What the server's memory does in the long run: over many releases, with large pictures, and when everyone has gone.

    make soak                           all of it, in about ten minutes
    make soak ARGS="releases 500"       one part: releases, pictures, pairs; how many
    make soak ARGS="pictures 10 rgb"    in colour

It starts the app itself, talks to it over loopback only, and prints each figure beside its goal.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from serving import running_app

from app.ui import limits
from load.client import Tab
from load.pairs import pairs, told_apart
from load.photographs import photograph

_WARM_UP = 100  # releases before the first one that counts
_REST = limits.BRIEF_SECONDS + 15  # seconds after which nothing brief is remembered
_RETURN = 180  # seconds in which memory has to come back


def say(what: str, figure: float, unit: str, goal: str = "", holds: bool | None = None) -> None:
    """Print a figure, its goal, and whether it holds."""
    verdict = "" if holds is None else f"   {'holds' if holds else 'MISSED'}"
    print(f"{what:58}{figure:9.1f} {unit:8}{goal}{verdict}", flush=True)


def releases(count: int = 2000) -> None:
    """Let one session's slider go again and again, on a sample and on a picture of its own."""
    with running(f"{count} releases of the slider") as server, Tab(server.url) as tab:
        tab.open()
        for i in range(_WARM_UP):
            tab.release(1 + i % 300)
        tab.drop(("own.jpg", photograph(0, 640, 480)))
        for i in range(_WARM_UP):
            tab.release(1 + i % 300)
        memory, cpu, began = [], server.cpu(), time.monotonic()
        for i in range(count):
            tab.release(1 + (i * 7) % 300)
            if i % 10 == 0:
                memory.append((i, server.memory()))
        took = time.monotonic() - began
        at, used = np.array(memory).T
        slope = 1000 * np.polyfit(at, used, 1)[0]
        say("memory at the start", used[0], "MB")
        say("memory at the end", used[-1], "MB")
        say("slope of a line through it", slope, "MB/1000", "<= 1", slope <= 1)
        say("CPU for a release", 1000 * (server.cpu() - cpu) / count, "ms")
        say("time for a release", 1000 * took / count, "ms")


def pictures(count: int = 10, color: str = "gray") -> None:
    """Open as many sessions with a 12 MP photograph each; then close them all."""
    with running(f"{count} sessions with a 12 MP photograph each, {color}") as server:
        with Tab(server.url) as first:
            first.open()
        time.sleep(_REST)
        start = server.memory()
        say("memory at the start, after one visit", start, "MB")
        tabs = [Tab(server.url, f"color={color}", patience=300).open() for _ in range(count)]
        took = []
        for i, tab in enumerate(tabs):
            data, began = photograph(i), time.monotonic()
            tab.drop((f"{i}.jpg", data))
            took.append(time.monotonic() - began)
            assert not tab.messages, tab.messages
        say("drop to rest, the median of them", float(np.median(took)), "s")
        say("memory when the last one stands", server.memory(), "MB", "<= 500", server.memory() <= 500)
        for i, tab in enumerate(tabs):
            tab.release(20 + i)
        say("memory after a release of each", server.memory(), "MB", "<= 500", server.memory() <= 500)
        say("the most that it ever was", server.memory("VmHWM"), "MB")
        time.sleep(_REST)
        say("memory while they look", server.memory(), "MB", "<= 500", server.memory() <= 500)
        for tab in tabs:
            tab.close()
        began, back = time.monotonic(), server.memory()
        while time.monotonic() - began < _RETURN and (back > start + 60 or time.monotonic() - began < limits.FAREWELL):
            time.sleep(1)
            back = server.memory()
        say("seconds until it is back", time.monotonic() - began, "s", f"<= {_RETURN}", back <= start + 60)
        say("memory then, above the start", back - start, "MB", "<= 60", back <= start + 60)


def one_pixel(count: int = 2000) -> None:
    """Tell two pictures apart that differ in one pixel."""
    began = time.monotonic()
    mixed_up = sum(not told_apart(*pair) for pair in pairs(count))
    print(f"\n{count} pairs of pictures of 1 to 12 MP that differ in one pixel ({time.monotonic() - began:.0f} s)")
    say("pairs that are not told apart", mixed_up, "", "0", mixed_up == 0)


def running(what: str):
    """Start the app for one part."""
    print(f"\n{what}")
    return running_app(Path(tempfile.mkdtemp()))


PARTS = {"releases": releases, "pictures": pictures, "pairs": one_pixel}

if __name__ == "__main__":
    asked = sys.argv[1:]
    if not asked:
        for part in PARTS.values():
            part()
    else:
        PARTS[asked[0]](*(int(word) if word.isdecimal() else word for word in asked[1:]))
