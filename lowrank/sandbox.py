"""Reading a picture in a process that may be killed: a hostile file costs a message, not the program.

A decoder cannot be stopped within one's own process, and may end it. So one small server process is kept, which has the
readers loaded and no threads, and forks a child for each picture. The child may take so much time and memory, then the
kernel ends it; what it decoded comes back through a socket, as plain bytes whose shape is checked. Nothing is pickled,
and the main module of the program that uses this is not run again, which is why it is not `multiprocessing`.

There are processes to fork on Linux and macOS (`AVAILABLE`); macOS does not hold the limit on memory.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import math
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import warnings
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from lowrank import image
from lowrank.errors import ImageError
from lowrank.image import Picture
from lowrank.intake.limits import DEFAULT, Limits
from lowrank.intake.samples import Samples
from lowrank.intake.words import Note, Refusal

#: Whether there is a sandbox on this system.
AVAILABLE = hasattr(os, "fork")

#: Seconds beyond a picture's own time after which its child is no longer waited for.
_GRACE = 5.0

# The server needs the readers and NumPy alone, so the package is entered by a side door: its face would import all.
_SERVER = """
import sys, types
lowrank = sys.modules["lowrank"] = types.ModuleType("lowrank")
lowrank.__path__ = [sys.argv[1]]
from lowrank.sandbox import serve
serve()
"""


def read_picture(source: bytes | str | os.PathLike[str], *, gray: bool = False, limits: Limits = DEFAULT) -> Picture:
    """Read a picture as `lowrank.image.read_picture` does, in a process of its own.

    Takes and returns the same; the first call starts the server, which takes a moment (see `start`).

    Raises
    ------
    ImageError
        As `lowrank.image.read_picture`, and if the picture takes more than ``limits.seconds`` or ``limits.memory``, or
        breaks its decoder.
    """
    data = source if isinstance(source, bytes) else image.read_file(source, limits)
    limits.check_bytes(len(data))
    request = {"limits": asdict(limits), "bytes": len(data)}
    for first in (True, False):
        server, connection = _child()
        started = time.monotonic()
        line = _Line(connection, started + limits.seconds + _GRACE)
        try:
            with connection:
                line.send(request, data)
                samples = _samples(line.receive_head(), line, limits)
            return image.developed(samples, gray=gray)
        except TimeoutError:
            break
        except (OSError, EOFError):  # the child is gone; its alarm is set after `started`
            if time.monotonic() - started >= limits.seconds:
                break
            if not (first and _has_ended(server)):
                raise Refusal.CRASH.error() from None
    raise Refusal.TIME.error()


def _samples(head: dict[str, Any], line: _Line, limits: Limits) -> Samples:
    """Take the child's answer, believing nothing of it."""
    match head:
        case {"refusal": str(text)} if Refusal.of(text):
            raise ImageError(text)
        case {
            "shape": [int(h), int(w), 1 | 2 | 3 | 4 as channels],
            "type": "u1" | "u2" | "f4" | "f8" as kind,
            "peak": int(peak) | float(peak),
            "orientation": 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 as orientation,
            "notes": [*notes],
        } if all(isinstance(note, str) and Note.of(note) for note in notes):
            limits.check_size(w, h)
            values = np.empty((h, w, channels), kind)
            line.receive_into(values.reshape(-1).view(np.uint8).data)
            if values.min() >= 0 and values.max() <= peak:  # false where there are NaN
                return Samples(values, peak, notes, orientation)
    raise Refusal.CRASH.error()


class _Line:
    """A connection between the program and a child: heads as JSON, what follows them as plain bytes."""

    def __init__(self, connection: socket.socket, deadline: float = math.inf) -> None:
        self._connection, self._deadline = connection, deadline

    def send(self, head: dict[str, Any], *bodies: Any) -> None:
        written = json.dumps(head).encode()
        for part in (struct.pack("<I", len(written)), written, *bodies):
            if part:  # who has all may have answered and gone, and then even nothing cannot be sent
                self._in_time()
                self._connection.sendall(part)

    def receive_head(self) -> dict[str, Any]:
        size = bytearray(4)
        self.receive_into(memoryview(size))
        written = bytearray(min(struct.unpack("<I", size)[0], 1 << 16))
        self.receive_into(memoryview(written))
        try:
            head = json.loads(written)
        except ValueError:
            raise EOFError from None
        return head if isinstance(head, dict) else {}

    def receive_into(self, room: memoryview) -> None:
        while room:
            self._in_time()
            got = self._connection.recv_into(room)
            if not got:
                raise EOFError
            room = room[got:]

    def _in_time(self) -> None:
        if self._deadline < math.inf:
            rest = self._deadline - time.monotonic()
            if rest <= 0:
                raise TimeoutError
            self._connection.settimeout(rest)


# -- the server, seen from the program ---------------------------------------------------------------------------------

_lock = threading.Lock()
_server: tuple[subprocess.Popen[bytes], socket.socket] | None = None


def start() -> None:
    """Start the server, if it does not run: so the first picture need not wait for it. Returns at once."""
    if AVAILABLE:
        with _lock:
            _running()


@atexit.register
def stop() -> None:
    """End the server; the next picture starts another."""
    global _server
    with _lock:
        server, _server = _server, None
    if server is not None:
        process, control = server
        control.close()  # which ends it
        process.wait()


def _running() -> tuple[subprocess.Popen[bytes], socket.socket]:
    """Return a server that runs, and the line to it; to be called under the lock."""
    global _server
    if _server is not None:
        process, control = _server
        if process.poll() is None:
            return process, control
        control.close()
    control, its_end = socket.socketpair()
    control.settimeout(_GRACE)
    with its_end:
        process = subprocess.Popen(
            [sys.executable, "-P", "-c", _SERVER, str(Path(__file__).parent)],
            stdin=its_end.fileno(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,  # where libtiff would write what a file tells it to
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
            start_new_session=True,  # Ctrl-C is for the program, which ends the server in its own time
        )
    _server = process, control
    return process, control


def _child() -> tuple[subprocess.Popen[bytes], socket.socket]:
    """Have a child forked; return the server, and the line to the child."""
    for _ in range(2):  # once more with a new server, should this one have been killed
        ours, its_end = socket.socketpair()
        try:
            with its_end, _lock:
                process, control = _running()
                try:
                    socket.send_fds(control, [b"."], [its_end.fileno()])
                except OSError:  # its sockets close a moment before it is gone, and it must not be met again
                    process.kill()
                    process.wait()
                    raise
            return process, ours
        except OSError:
            ours.close()
    raise Refusal.BUSY.error()


def _has_ended(process: subprocess.Popen[bytes]) -> bool:
    """Whether the server itself was killed, and with it the child."""
    try:
        process.wait(0.1)  # its sockets close a moment before it is gone
    except subprocess.TimeoutExpired:
        return False
    return True


# -- the server itself -------------------------------------------------------------------------------------------------


def serve() -> None:
    """Fork a child for each line that arrives on standard input, until the program hangs up."""
    warnings.simplefilter("ignore")
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel buries the children
    control = socket.socket(fileno=0)
    while True:
        message, lines, _, _ = socket.recv_fds(control, 1, 1)
        if not message:
            return
        if not os.fork():
            try:
                control.close()
                _work(_Line(socket.socket(fileno=lines[0])))
            finally:
                os._exit(0)
        os.close(lines[0])


def _work(line: _Line) -> None:
    """Read one picture within its limits, and answer."""
    request = line.receive_head()
    limits = Limits(**request["limits"])
    data = bytearray(request["bytes"])
    line.receive_into(memoryview(data))
    _confine(limits)
    try:
        samples = image.decoded(bytes(data), limits)
    except ImageError as error:
        line.send({"refusal": str(error)})
    else:
        head = {key: value for key, value in vars(samples).items() if key != "values"}
        head |= {"shape": samples.values.shape, "type": samples.values.dtype.str[1:]}
        line.send(head, np.ascontiguousarray(samples.values).reshape(-1).view(np.uint8).data)


def _confine(limits: Limits) -> None:
    """Ask the kernel to end this process when its time is over, and to give it no more than its memory."""
    import resource

    signal.setitimer(signal.ITIMER_REAL, limits.seconds)
    seconds = math.ceil(limits.seconds) + 1
    wishes = {resource.RLIMIT_CPU: seconds, resource.RLIMIT_CORE: 0, resource.RLIMIT_FSIZE: 0}
    with contextlib.suppress(OSError):  # no such file but on Linux
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        wishes[resource.RLIMIT_AS] = pages * resource.getpagesize() + limits.memory
    for kind, most in wishes.items():
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(kind, (most, most))
