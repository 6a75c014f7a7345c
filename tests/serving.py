"""The app as a user starts it, in a process of its own: where it is, what it writes, what it takes of the machine."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
START = 60  # seconds that the server may take to answer on a busy machine
_TICKS = os.sysconf("SC_CLK_TCK")


class NotStartedError(Exception):
    """The app ended or was silent; the message is what it wrote."""


@dataclass
class Server:
    """The running app."""

    url: str
    log: Path
    process: subprocess.Popen

    def written(self) -> str:
        """Everything that it has written so far."""
        return self.log.read_text("utf-8", "replace")

    def memory(self, kind: str = "VmRSS") -> float:
        """Resident memory in MB, of the server and the processes that it has started; VmHWM is the most that was."""
        return sum(_status(pid, kind) for pid in self._family()) / 1000

    def cpu(self) -> float:
        """Seconds of CPU that all of them have used."""
        return sum(_cpu(pid) for pid in self._family())

    def _family(self) -> list[int]:
        family, found = [self.process.pid], 0
        while found < len(family):
            for task in Path(f"/proc/{family[found]}/task").glob("*/children"):
                family += map(int, _read(task).split())
            found += 1
        return family


@contextmanager
def running_app(folder: Path, port: int = 0, **environment: str) -> Iterator[Server]:
    """Serve the app on a free port with settings from the environment; stop it at the end."""
    if not port:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
    url, log = f"http://127.0.0.1:{port}", folder / "server.log"
    command = [sys.executable, "-m", "streamlit", "run", "app/main.py", "--server.headless", "true"]
    options = {"port": port, "address": "127.0.0.1", "fileWatcherType": "none"}
    for name, value in options.items():
        command += [f"--server.{name}", str(value)]
    clean = {name: value for name, value in os.environ.items() if not name.startswith("LOWRANK_")}
    with (
        log.open("ab") as out,
        subprocess.Popen(command, cwd=ROOT, stdout=out, stderr=out, env=clean | environment) as process,
    ):
        try:
            server = Server(url, log, process)
            _wait_until_healthy(server)
            yield server
        finally:
            process.kill()


def busy() -> float:
    """Seconds of CPU that everything on this machine has used."""
    user, nice, system, _, _, interrupts, soft, *_ = map(int, _read(Path("/proc/stat")).split("\n", 1)[0].split()[1:])
    return (user + nice + system + interrupts + soft) / _TICKS


def _wait_until_healthy(server: Server) -> None:
    end = time.monotonic() + START
    while time.monotonic() < end and server.process.poll() is None:
        try:
            with urllib.request.urlopen(f"{server.url}/_stcore/health", timeout=5) as answer:
                if answer.status == 200:
                    return
        except OSError:
            time.sleep(0.1)  # nothing to wait on before it listens
    raise NotStartedError(server.written())


def _status(pid: int, kind: str) -> float:
    lines = dict(line.split(":", 1) for line in _read(Path(f"/proc/{pid}/status")).splitlines())
    return float(lines[kind].split()[0]) * 1.024 if kind in lines else 0.0  # of 1024 bytes


def _cpu(pid: int) -> float:
    fields = _read(Path(f"/proc/{pid}/stat")).rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / _TICKS if fields else 0.0  # its own and its ended children's


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:  # it has ended
        return ""
