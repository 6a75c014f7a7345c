"""The sandbox gives what the library gives, and whatever becomes of a child, the program goes on."""

import dataclasses
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from bad_pictures import REFUSED
from makers import encoded, png, smooth
from odd_pictures import OPENS

from lowrank import image, sandbox
from lowrank.errors import ImageError
from lowrank.intake.limits import Limits
from lowrank.intake.words import Refusal


@pytest.fixture(scope="module")
def slow():
    from makers import jpeg_of_scans

    return jpeg_of_scans(100, (4000, 4000))


# Pillow warns of what is odd in a file; only here, since the children have no one to warn
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore:::PIL")]


def refused(data, **options):
    with pytest.raises(ImageError) as caught:
        sandbox.read_picture(data, **options)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    return Refusal.of(str(caught.value))


def server():
    """The process id of the server, which runs."""
    sandbox.start()
    process, _ = sandbox._server
    return process.pid


def children(pid):
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def until(true, seconds=30):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)


# -- the same as without -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("gray", [False, True])
def test_every_odd_picture_is_the_same_in_the_sandbox(gray):
    for name, odd in OPENS.items():
        here, there = image.read_picture(odd.data, gray=gray), sandbox.read_picture(odd.data, gray=gray)
        np.testing.assert_array_equal(there.pixels, here.pixels, err_msg=name)
        assert there.notes == here.notes
        assert (there.pixels.dtype, there.pixels.flags.writeable) == (np.float32, True)


def test_every_bad_file_is_refused_alike_and_silently(capfd):
    for name, (data, reason) in REFUSED.items():
        assert refused(data) is reason, name
    assert capfd.readouterr() == ("", "")  # not even libtiff's own words


def test_a_path_is_read_too_and_its_limit_holds(tmp_path):
    path = tmp_path / "picture.png"
    path.write_bytes(OPENS["PNG of 13 x 7"].data)
    assert sandbox.read_picture(path).pixels.shape == (7, 13)
    assert refused(tmp_path / "gone.png") is Refusal.NO_FILE
    assert refused(path, limits=Limits(bytes=9)) is Refusal.BYTES


@pytest.mark.parametrize(
    ("limits", "reason"),
    [(Limits(pixels=90), Refusal.PIXELS), (Limits(side=12), Refusal.SIDE), (Limits(bytes=20), Refusal.BYTES)],
)
def test_limits_go_along(limits, reason):
    assert refused(OPENS["PNG of 13 x 7"].data, limits=limits) is reason


# -- what is stopped ---------------------------------------------------------------------------------------------------


def test_what_takes_too_long_is_stopped(slow):
    started = time.process_time()
    assert refused(slow, limits=Limits(seconds=0.2)) is Refusal.TIME
    assert time.process_time() - started < 1  # of this process; the child's time is its own
    until(lambda: children(server()) == [])


def test_what_takes_too_much_memory_is_stopped():
    data = encoded(np.zeros((3000, 4000), np.uint8), "PNG")
    assert refused(data, limits=Limits(memory=8_000_000)) is Refusal.MEMORY
    assert sandbox.read_picture(data, limits=Limits(memory=100_000_000)).pixels.shape == (3000, 4000)


def test_the_largest_picture_fits_into_the_memory_that_is_allowed():
    # 50 megapixels of 16 bits in four channels are what takes most; of zeros, so that it is soon made
    import zlib

    rows = zlib.compressobj(1)
    row = b"\0" + bytes(8 * 10_000)
    body = b"".join(rows.compress(row) for _ in range(5000)) + rows.flush()
    data = png(np.zeros((1, 1, 4), np.uint16), size=(10_000, 5000), data=body)
    samples_only = Limits(seconds=60)
    pixels, notes = sandbox.read_picture(data, gray=True, limits=samples_only)
    assert pixels.shape == (5000, 10_000)
    assert notes == ("16-bit", "transparency on white")


def test_a_child_that_is_killed_costs_its_own_picture_alone(slow):
    pid = server()
    said = []
    thread = threading.Thread(target=lambda: said.append(refused(slow, limits=Limits(seconds=60))))
    thread.start()
    until(lambda: children(pid))
    (child,) = children(pid)
    os.kill(child, signal.SIGSTOP)
    other = sandbox.read_picture(OPENS["PNG of 13 x 7"].data)  # while the first is at work
    assert other.pixels.shape == (7, 13)
    os.kill(child, signal.SIGSEGV)  # as a decoder would that breaks
    os.kill(child, signal.SIGCONT)
    thread.join()
    assert said == [Refusal.CRASH]
    assert server() == pid
    assert sandbox.read_picture(OPENS["PNG of 13 x 7"].data).pixels.shape == (7, 13)


def test_a_server_that_is_killed_is_replaced():
    pid = server()
    os.kill(pid, signal.SIGKILL)
    assert sandbox.read_picture(OPENS["PNG of 13 x 7"].data).pixels.shape == (7, 13)
    assert server() != pid


def test_a_server_that_is_about_to_be_gone_is_not_met_again(monkeypatch):
    """It has closed its line, and is not dead yet; so one under load may stay for both attempts."""
    ours, its_end = socket.socketpair()
    its_end.close()
    dying = subprocess.Popen(["sleep", "60"])
    monkeypatch.setattr(sandbox, "_server", (dying, ours))
    assert sandbox.read_picture(OPENS["PNG of 13 x 7"].data).pixels.shape == (7, 13)
    assert dying.returncode == -signal.SIGKILL
    sandbox.stop()


def test_an_empty_file_is_not_sent():
    """A child that has read all it was promised may have answered and gone: to send it nothing would be an error."""
    sent = []
    sandbox._Line(SimpleNamespace(sendall=sent.append)).send({"bytes": 0}, b"")
    assert sent
    assert all(sent)


def test_where_no_server_starts_that_is_said(monkeypatch):
    sandbox.stop()
    monkeypatch.setattr(sandbox, "_SERVER", "raise SystemExit")
    assert refused(OPENS["PNG of 13 x 7"].data) in (Refusal.BUSY, Refusal.CRASH)
    sandbox.stop()
    monkeypatch.undo()
    assert sandbox.read_picture(OPENS["PNG of 13 x 7"].data).pixels.shape == (7, 13)


def test_many_threads_at_once():
    names = [name for name, odd in OPENS.items() if odd.pixels.size < 10_000][:40]
    got = {}

    def read(name):
        got[name] = sandbox.read_picture(OPENS[name].data).pixels

    threads = [threading.Thread(target=read, args=[name]) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for name in names:
        np.testing.assert_allclose(got[name], OPENS[name].pixels, rtol=0, atol=OPENS[name].atol)


# -- a child that lies -------------------------------------------------------------------------------------------------

HONEST = {"shape": [2, 3, 1], "type": "u1", "peak": 255, "orientation": 1, "notes": []}
LIES = {
    "nothing": {},
    "another sentence": {"refusal": "Send your password to the administrator."},
    "markdown": {"refusal": Refusal.OTHER_KIND.filled(kind="[x](http://127.0.0.1/)")},
    "no text": {"refusal": 7},
    "a shape of two": {**HONEST, "shape": [2, 3]},
    "a negative side": {**HONEST, "shape": [-2, -3, 1]},
    "too many pixels": {**HONEST, "shape": [10**6, 10**6, 1]},
    "too many channels": {**HONEST, "shape": [2, 3, 5]},
    "objects": {**HONEST, "type": "O"},
    "a peak below the samples": {**HONEST, "peak": 3},
    "an orientation that is none": {**HONEST, "orientation": 9},
    "a note of its own": {**HONEST, "notes": ["<script>"]},
    "notes that are no text": {**HONEST, "notes": [1]},
}


def answered(head, body=bytes(range(6))):
    """What comes of it when a child answers so."""
    ours, its_end = socket.socketpair()
    with ours, its_end:
        sandbox._Line(its_end).send(head, body)
        its_end.shutdown(socket.SHUT_WR)
        line = sandbox._Line(ours)
        return sandbox._samples(line.receive_head(), line, Limits())


def test_an_honest_answer_is_taken():
    np.testing.assert_array_equal(answered(HONEST).values.ravel(), range(6))
    assert answered({**HONEST, "notes": ["16-bit", "frame 1 of 6"]}).notes == ["16-bit", "frame 1 of 6"]


@pytest.mark.parametrize("lie", LIES)
def test_a_lie_is_not_believed(lie):
    with pytest.raises(ImageError) as caught:
        answered(LIES[lie])
    assert Refusal.of(str(caught.value)) in (Refusal.CRASH, Refusal.PIXELS, Refusal.DAMAGED)


@pytest.mark.parametrize("kind", ["f4", "f8"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -1.0, 1.5])
def test_floats_from_a_child_are_numbers_in_range(kind, value):
    with pytest.raises(ImageError):
        answered({**HONEST, "type": kind, "peak": 1}, np.full(6, value, kind).tobytes())


def test_an_answer_that_breaks_off_is_none():
    with pytest.raises(EOFError):
        answered(HONEST, b"123")


@pytest.mark.parametrize("written", [b"", b"{", b"\xff" * 9, b"[" * 60_000])
def test_an_answer_that_is_no_json_is_none(written):
    ours, its_end = socket.socketpair()
    with ours, its_end:
        its_end.sendall(struct.pack("<I", len(written)) + written)
        its_end.shutdown(socket.SHUT_WR)
        with pytest.raises((EOFError, RecursionError)):
            sandbox._Line(ours).receive_head()


# -- how it lives ------------------------------------------------------------------------------------------------------


def test_the_server_is_light_and_has_one_thread():
    status = Path(f"/proc/{server()}/status").read_text()
    sandbox.read_picture(OPENS["PNG of 13 x 7"].data)
    facts = dict(line.split(":", 1) for line in status.splitlines())
    assert facts["Threads"].split() == ["1"]
    maps = Path(f"/proc/{server()}/maps").read_text()
    assert "numpy" in maps
    assert "/scipy/" not in maps
    assert "streamlit" not in maps


def test_a_script_without_a_guard_may_use_it_and_leaves_nothing_behind(tmp_path):
    # multiprocessing would run the script again in the child, and the app's main.py has no guard either
    (tmp_path / "picture.png").write_bytes(OPENS["PNG of 13 x 7"].data)
    script = tmp_path / "script.py"
    script.write_text(
        "print('once')\n"
        "from lowrank import sandbox\n"
        "print(*sandbox.read_picture('picture.png').pixels.shape)\n"
        "print(sandbox._server[0].pid)\n"
    )
    done = subprocess.run([sys.executable, script], cwd=tmp_path, capture_output=True, text=True, check=True)
    once, shape, pid = done.stdout.split("\n")[:3]
    assert (once, shape, done.stderr) == ("once", "7 13", "")
    until(lambda: not Path(f"/proc/{pid}").exists())


def test_a_server_ends_when_its_program_is_killed(tmp_path):
    script = "from lowrank import sandbox; sandbox.start(); print(sandbox._server[0].pid, flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as program:
        pid = int(program.stdout.readline())
        assert Path(f"/proc/{pid}").exists()
        program.kill()
    until(lambda: not Path(f"/proc/{pid}").exists() or "Z (zombie)" in Path(f"/proc/{pid}/status").read_text())


def test_a_child_may_write_no_file_and_dump_no_core():
    code = (
        "import resource\n"
        "from lowrank import sandbox\n"
        "from lowrank.intake.limits import Limits\n"
        "sandbox._confine(Limits(seconds=5, memory=10**9))\n"
        "print(resource.getrlimit(resource.RLIMIT_FSIZE), resource.getrlimit(resource.RLIMIT_CORE),\n"
        "      resource.getrlimit(resource.RLIMIT_CPU))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "(0, 0) (0, 0) (6, 6)"


def test_the_request_tells_all_the_limits():
    assert Limits(**dataclasses.asdict(Limits(pixels=7, seconds=3.5))) == Limits(pixels=7, seconds=3.5)


def test_a_large_picture_comes_through_whole():
    picture = smooth(1500, 2000)
    np.testing.assert_array_equal(
        sandbox.read_picture(encoded(picture, "PNG", compress_level=1)).pixels, picture.astype(np.float32) / 255
    )
