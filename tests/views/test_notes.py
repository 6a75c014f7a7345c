"""What the page says of how a picture was read; and that uploads, and only they, are read in the sandbox."""

import os
import signal
from pathlib import Path

import numpy as np
import pytest
from bad_pictures import REFUSED, WHOLE
from bombs import BOMBS
from makers import bytes_array, encoded, exif_block, heic, png, words

from app.ui import cached, pictures, store, text
from lowrank import sandbox
from lowrank.intake.words import Note
from views.screen import about, calm, drop, explore, heading, messages, noisy, sample

NOTED = {
    "16-bit": png(words(30, 40)),
    "rotated by EXIF": encoded(bytes_array(30, 40, 3), "JPEG", exif=exif_block(6)),
    "transparency on white": png(bytes_array(30, 40, 4)),
    "frame 1 of 2": heic(bytes_array(30, 40, 3), more=[bytes_array(30, 40, 3, seed=1)]),
    "16-bit, transparency on white": png(words(30, 40, 4)),
}


@pytest.mark.parametrize("said", NOTED)
def test_what_was_done_to_a_picture_stands_beside_its_size(said):
    at = calm(drop(explore(), ("mine.png", NOTED[said])))
    assert about(at).endswith(f"pixels, so its rank ends at 30. On reading: {said}.")


def test_nothing_is_said_where_nothing_was_done():
    assert "On reading" not in about(explore())
    assert "On reading" not in about(drop(explore(), ("plain.png", noisy(30, 40))))


def test_every_note_fits_the_sentence():
    for note in Note:
        said = text.ON_READING.format(notes=note.filled(bits=16, frames=6))
        assert said.startswith("On reading: ")
        assert "{" not in said


def test_a_heic_is_a_picture_like_any_other():
    at = calm(drop(explore(), ("IMG_1.HEIC", heic(bytes_array(50, 60, 3)))))
    assert heading(at) == "` IMG_1.HEIC `"
    assert "HEIC" in text.DROP_HELP.format(formats=pictures.READABLE, megapixels=50)


def pids():
    return sandbox._server[0].pid if sandbox._server else None


def test_uploads_are_decoded_in_the_sandbox_and_samples_are_not(monkeypatch):
    read = []
    for module in (sandbox, cached):
        name = "read_picture"
        monkeypatch.setattr(module, name, watched(getattr(module, name), read, module.__name__))
    for values in store.STORES:
        values.clear()
    explore()
    assert set(read) == {"app.ui.cached"}  # in this process
    read.clear()
    drop(explore(), ("mine.png", noisy(31, 41)))
    assert read == ["lowrank.sandbox"]
    read.clear()
    drop(explore(), ("portrait.jpg", sample("portrait") + b"?"))  # no longer the sample's bytes
    assert read == ["lowrank.sandbox"]


def watched(call, calls, name):
    def watching(*args, **options):
        calls.append(name)
        return call(*args, **options)

    return watching


def test_the_page_survives_whatever_is_dropped():
    at = drop(explore(), ("good.png", noisy(50, 60)))
    files = [*(data for data, _ in list(REFUSED.values())[::12]), *(make() for make, _ in list(BOMBS.values())[::8])]
    for data in files:
        drop(at, ("bad.png", data))
        (message,) = messages(calm(at))
        assert message.startswith("` bad.png `: This ")
    assert heading(at) == "` good.png `"
    drop(at, ("next.png", WHOLE["PNG"]))
    assert heading(at) == "` next.png `"


def test_the_page_survives_the_death_of_its_sandbox():
    at = drop(explore(), ("one.png", noisy(50, 60)))
    os.kill(pids(), signal.SIGKILL)
    drop(at, ("two.png", noisy(50, 60, seed=2)))
    assert messages(calm(at)) == []
    assert heading(at) == "` two.png `"
    assert Path(f"/proc/{pids()}").exists()


def test_pixels_are_decoded_once_and_read_only(monkeypatch):
    data, read = png(bytes_array(9, 8, 3)), []
    monkeypatch.setattr(sandbox, "read_picture", watched(sandbox.read_picture, read, "read"))
    first = cached.pixels("shared", data)
    assert np.array_equal(first, cached.pixels("shared", data))
    assert read == ["read"]
    assert not first.flags.writeable
    np.testing.assert_allclose(first, bytes_array(9, 8, 3) / 255, atol=1e-6)
    assert cached.notes("shared", data) == ()
