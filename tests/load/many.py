"""What many users at once feel: the time from letting the slider go until all about that rank stands.

    make load                                  20 users, and ten at once with one and with all BLAS threads
    make load ARGS="users 20 60"               so many users for so many seconds
    make load ARGS="threads 10 15"             the same ten users with each setting of LOWRANK_THREADS

Users come one after the other, think for two seconds between two releases (with `threads` not at all), and look at the
samples and at pictures of their own. The machine should be idle otherwise. It talks over loopback only.
"""

from __future__ import annotations

import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from serving import Server, busy, running_app

from load.client import Tab
from load.photographs import photograph

_SAMPLES = ("portrait", "coffee", "rocket", "page", "tartan", "dusk", "gravel", "noise")


class User(threading.Thread):
    """Someone at a tab of their own, until told to stop."""

    def __init__(self, server: Server, number: int, think: float) -> None:
        super().__init__(daemon=True)
        self.server, self.number, self.think = server, number, think
        self.times: list[float] = []
        self.troubles: list[str] = []
        self.ready, self.go, self.stop = threading.Event(), threading.Event(), threading.Event()

    def run(self) -> None:
        """Open a page, and let the slider go again and again."""
        rng = np.random.default_rng(self.number)
        try:
            with Tab(self.server.url, f"picture={_SAMPLES[self.number % len(_SAMPLES)]}") as tab:
                tab.open()
                if self.number % 3 == 0:
                    tab.drop(("own.jpg", photograph(self.number, 640, 480)))
                self.ready.set()
                self.go.wait()
                self.stop.wait(rng.uniform(0, self.think))
                while not self.stop.is_set():
                    self.times.append(tab.release(int(rng.integers(1, 301))))
                    self.troubles += tab.messages
                    self.stop.wait(self.think * rng.uniform(0.75, 1.25))
        except Exception as error:
            self.troubles.append(repr(error))
        finally:
            self.ready.set()


@dataclass
class Felt:
    """What a crowd felt: times in ms, troubles, CPU for a release in ms, cores used by the server and by strangers."""

    times: np.ndarray
    troubles: list[str]
    cpu: float
    cores: float
    strangers: float

    def __str__(self) -> str:
        p50, p95 = np.percentile(self.times, (50, 95))
        return (
            f"{len(self.times)} releases, p50 {p50:.0f} ms, p95 {p95:.0f} ms, slowest {max(self.times):.0f} ms\n"
            f"  CPU for a release {self.cpu:.0f} ms; cores used by the app {self.cores:.2f}, by others on this machine "
            f"{self.strangers:.2f}\n  troubles: {len(self.troubles)} {' '.join(self.troubles[:5])}"
        )


def crowd(server: Server, count: int, seconds: float, think: float) -> Felt:
    """Let users do what they do for a while."""
    users = [User(server, number, think) for number in range(count)]
    for user in users:
        user.start()
        user.ready.wait()
    cpu, own, all_of_them, began = server.cpu(), time.process_time(), busy(), time.monotonic()
    for user in users:
        user.go.set()
    time.sleep(seconds)
    for user in users:
        user.stop.set()
    for user in users:
        user.join(120)
    took, used = time.monotonic() - began, server.cpu() - cpu
    strangers = busy() - all_of_them - used - (time.process_time() - own)
    times = 1000 * np.array([each for user in users for each in user.times] or [np.inf])
    troubles = [each for user in users for each in user.troubles]
    return Felt(times, troubles, 1000 * used / len(times), used / took, max(strangers, 0.0) / took)


def users(count: int = 20, seconds: float = 60) -> None:
    """So many users with two seconds of thought."""
    print(f"\n{count} users, 2 s of thought, {seconds:.0f} s")
    with running_app(Path(tempfile.mkdtemp())) as server:
        felt = crowd(server, count, seconds, 2.0)
        verdict = "holds" if np.percentile(felt.times, 95) <= 400 and not felt.troubles else "MISSED"
        print(f"{felt}\n  memory {server.memory():.0f} MB\n  p95 <= 400 ms and no trouble: {verdict}", flush=True)


def threads(count: int = 10, seconds: float = 15) -> None:
    """The same users without a thought, with one BLAS thread and with one on every core."""
    print(f"\n{count} users without a thought, {seconds:.0f} s each")
    for setting in ("1", "0"):
        with running_app(Path(tempfile.mkdtemp()), LOWRANK_THREADS=setting) as server:
            print(f"LOWRANK_THREADS={setting}: {crowd(server, count, seconds, 0.0)}", flush=True)


PARTS = {"users": users, "threads": threads}

if __name__ == "__main__":
    asked = sys.argv[1:]
    if not asked:
        for part in PARTS.values():
            part()
    else:
        PARTS[asked[0]](*map(int, asked[1:]))
