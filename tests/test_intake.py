"""Every file either opens as the picture that it is, or ends in one sentence of the catalogue."""

import ast
import json
import os
import warnings
from pathlib import Path

import numpy as np
import pytest
from bad_pictures import OTHERS, REFUSED, WHOLE
from bombs import BOMBS
from hypothesis import given
from hypothesis import strategies as st
from makers import bare_tiff, bytes_array, encoded, exif, heic, jpeg_of_scans, png, tiff, words
from odd_pictures import OPENS, STRIPS

from lowrank.errors import ImageError
from lowrank.image import read_image, read_picture
from lowrank.intake.limits import DEFAULT, Limits
from lowrank.intake.sniff import EXTENSIONS, FORMATS, sniff
from lowrank.intake.words import READABLE, Note, Refusal

ROOT = Path(__file__).parents[1]

# libtiff and Pillow warn of what is odd in a file; that is not for those who look at the picture
pytestmark = pytest.mark.filterwarnings("ignore:::PIL")


def refused(source, **options):
    """The refusal that reading `source` ends in, said as the catalogue has it and in no other words."""
    with pytest.raises(ImageError) as caught:
        read_image(source, **options)
    message = str(caught.value)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    for private in ("Error", "Exception", "PIL", "Pillow", "<", "0x", "Traceback", "/", "\\x"):
        assert private not in message or "name" in Refusal.of(message).value, message
    return Refusal.of(message)


# -- all of them -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", OPENS)
def test_an_odd_picture_opens_as_what_it_is(name):
    odd = OPENS[name]
    pixels, notes = read_picture(odd.data)
    assert notes == odd.notes
    assert pixels.shape == odd.pixels.shape
    assert pixels.dtype == np.float32
    assert pixels.flags.c_contiguous
    assert pixels.flags.writeable
    assert pixels.min() >= 0
    assert pixels.max() <= 1
    np.testing.assert_allclose(pixels, odd.pixels, rtol=0, atol=odd.atol)  # so nothing was clipped either


@pytest.mark.parametrize("name", REFUSED)
def test_a_bad_file_is_refused_for_the_right_reason(name):
    data, reason = REFUSED[name]
    for _ in range(2):  # a Pillow image whose load failed "works" the second time, half black
        assert refused(data) is reason


def test_there_are_enough_of_them():
    assert len(OPENS) >= 150
    assert len(REFUSED) + len(BOMBS) >= 150
    assert len({odd.data for odd in OPENS.values()}) >= 150
    assert {sniff(odd.data) for odd in OPENS.values()} == set(FORMATS)


def levels(name):
    return np.unique(read_image(OPENS[name].data)).size / np.unique(OPENS[name].pixels.astype(np.float32)).size


@pytest.mark.parametrize("name", [name for name, odd in OPENS.items() if {"16-bit", "floating point"} & {*odd.notes}])
def test_deep_samples_keep_their_levels(name):
    assert levels(name) >= 0.99


def test_ten_bits_keep_their_levels():
    assert levels("HEIC of 10 bits") >= 0.99


# -- what it is --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", OTHERS)
def test_what_people_drop_by_mistake_is_named(kind):
    for data in OTHERS[kind]:
        with pytest.raises(ImageError) as caught:
            read_image(data)
        assert str(caught.value) == f"This file is {kind}, not a picture that can be read here. Give a {READABLE} file."


def test_no_decoder_sees_what_is_no_picture():
    for files in OTHERS.values():
        for data in files:
            if not data.startswith((b"II*\0", b"MM\0*")):  # of a raw file that begins as a TIFF the header is read
                with pytest.raises(ImageError):
                    sniff(data)


@pytest.mark.parametrize("name", WHOLE)
def test_a_format_is_known_by_its_first_bytes(name):
    assert sniff(WHOLE[name][:64]) == next(codec for codec in FORMATS if codec in name)


def test_the_endings_are_those_of_the_formats():
    assert {"jpg": "jpeg", "tif": "tiff", "heif": "heic"}.keys() | {name.lower() for name in FORMATS} == {*EXTENSIONS}
    assert all(name in READABLE for name in FORMATS)


# -- limits ------------------------------------------------------------------------------------------------------------

SMALL = {
    **{name: WHOLE[name] for name in ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WebP", "AVIF", "HEIC")},
    "TIFF that Pillow does not know": tiff(np.zeros((48, 64, 3), np.float32), photometric="rgb"),
}


@pytest.mark.parametrize("name", SMALL)
def test_the_limits_hold_for_every_format_and_not_a_pixel_sooner(name):
    data = SMALL[name]
    h, w = read_image(data).shape[:2]
    exact = Limits(pixels=h * w, side=max(h, w), bytes=len(data), frames=1)
    assert read_image(data, limits=exact).shape[:2] == (h, w)
    assert refused(data, limits=Limits(pixels=h * w - 1)) is Refusal.PIXELS
    assert refused(data, limits=Limits(side=max(h, w) - 1)) is Refusal.SIDE
    assert refused(data, limits=Limits(bytes=len(data) - 1)) is Refusal.BYTES


@pytest.mark.parametrize("name", [name for name, odd in OPENS.items() if any("frame" in note for note in odd.notes)])
def test_frames_are_limited(name):
    (frames,) = (int(note.split()[-1]) for note in OPENS[name].notes if "frame" in note)
    assert read_image(OPENS[name].data, limits=Limits(frames=frames)) is not None
    assert refused(OPENS[name].data, limits=Limits(frames=frames - 1)) is Refusal.FRAMES


def test_scans_are_limited():
    data = jpeg_of_scans(30, (64, 48))
    assert read_image(data, limits=Limits(scans=30)).shape == (48, 64)
    assert refused(data, limits=Limits(scans=29)) is Refusal.SCANS


def test_a_file_on_disk_is_not_read_beyond_the_limit(tmp_path):
    path = tmp_path / "large.png"
    path.write_bytes(WHOLE["PNG"])
    assert read_image(path, limits=Limits(bytes=path.stat().st_size)).ndim == 3
    os.truncate(path, 10**12)  # sparse: a terabyte of nothing
    assert refused(path) is Refusal.BYTES


@pytest.mark.parametrize("size", [(7072, 7072), (10_000, 6000), (1000, 50_001)])
@pytest.mark.parametrize("make", [bytes_array, words], ids=["8 bit", "16 bit"])
def test_how_large_it_is_and_may_be_is_said(size, make):
    with pytest.raises(ImageError) as caught:
        read_image(png(make(1, 1, 3), size=size))
    has = {7072: "50.1", 10_000: "60", 1000: "50.1"}[size[0]]
    assert f"It has {has} megapixels. Reduce it to at most 50 megapixels." in str(caught.value)


# -- what is said ------------------------------------------------------------------------------------------------------


def test_nothing_but_the_catalogue_raises_an_image_error():
    made = []
    for path in (ROOT / "lowrank").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "ImageError":
                made.append(path.name)
    assert sorted(made) == ["sandbox.py", "words.py"]  # the sandbox passes on what a child said, if it is in there


@pytest.mark.parametrize("catalogue", [Refusal, Note])
def test_what_is_said_is_recognised_and_nothing_else(catalogue):
    fields = {
        "kind": "a video",
        "format": "TIFF",
        "has": "60.5",
        "limit": 100,
        "name": "'a b.png'",
        "bits": 16,
        "frames": 6,
    }
    for entry in catalogue:
        said = entry.filled(**fields)
        assert catalogue.of(said) is entry
        assert "{" not in said
        assert catalogue.of(said + " <b>") is None
    assert catalogue.of("") is None


def test_every_refusal_says_what_is_wrong_and_what_to_do():
    for entry in Refusal:
        wrong, *_, todo = entry.value.split(". ")
        assert wrong[0].isupper()
        assert todo.split()[0] in ("Give", "Save", "Export", "Reduce", "Crop", "Check", "Try")
        assert entry.value.endswith(".")
        assert len(entry.value) <= 130


def test_a_file_that_is_not_there_is_named_without_its_folder(tmp_path):
    with pytest.raises(ImageError, match=r"^There is no file 'gone.png'\.") as caught:
        read_image(tmp_path / "secret" / "gone.png")
    assert "secret" not in str(caught.value)
    assert refused(tmp_path) is Refusal.NO_ACCESS
    for name in ("", "x" * 5000):
        assert refused(name) in (Refusal.NO_ACCESS, Refusal.NO_FILE)
    with pytest.raises(ImageError, match=r"'a\\x00b\.png'"):
        read_image("a\0b.png")


def test_libraries_do_not_write_to_the_terminal(capfd):
    for data, _ in REFUSED.values():
        refused(data)
    out, err = capfd.readouterr()
    assert out == ""
    # libtiff and its JPEG decoder write to file descriptor 2 themselves; only the sandbox can close that
    assert [line for line in err.splitlines() if not line.startswith(("TIFF", "ZIP", "LZW", "JPEGLib"))] == []


# -- damage at random --------------------------------------------------------------------------------------------------


def opens_or_is_refused(data, most=64 * 80 * 2):
    """A picture of a sane size and values, or one sentence: nothing else comes of `data`."""
    said = ""
    try:
        pixels, notes = read_picture(data, limits=Limits(pixels=most))
    except ImageError as error:
        said = str(error)
    if said:
        assert Refusal.of(said)
        return
    assert pixels.size <= 3 * most
    assert pixels.dtype == np.float32
    assert pixels.min() >= 0
    assert pixels.max() <= 1
    assert all(Note.of(note) for note in notes)


@pytest.mark.parametrize("name", WHOLE)
@given(drawn=st.data())
def test_flipped_bytes_and_cuts(name, drawn):
    data = bytearray(WHOLE[name])
    early = st.integers(0, min(200, len(data) - 1))  # where the headers are
    for _ in range(drawn.draw(st.integers(1, 6))):
        data[drawn.draw(st.one_of(early, st.integers(0, len(data) - 1)))] = drawn.draw(st.integers(0, 255))
    opens_or_is_refused(bytes(data[: drawn.draw(st.one_of(st.none(), st.integers(0, len(data))))]))


@given(first=st.sampled_from([*WHOLE]), second=st.sampled_from([*WHOLE]), drawn=st.data())
def test_splices(first, second, drawn):
    a, b = WHOLE[first], WHOLE[second]
    cut, at = drawn.draw(st.integers(0, len(a))), drawn.draw(st.integers(0, len(b)))
    opens_or_is_refused(a[:cut] + b[at:])
    opens_or_is_refused(a[:cut] + b[at : at + 50] + a[cut:])
    opens_or_is_refused(a[:cut] + a[min(cut + 8, len(a)) :])


@given(name=st.sampled_from(["JPEG", "progressive JPEG", "PNG", "16-bit PNG", "GIF"]), drawn=st.data())
def test_what_was_cut_is_never_half_a_picture(name, drawn):
    assert refused(WHOLE[name][: drawn.draw(st.integers(0, len(WHOLE[name]) - 1))])


@given(
    st.binary(max_size=200), st.sampled_from([b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF89a", b"BM", b"II*\0"])
)
def test_noise_is_refused(noise, signature):
    assert refused(signature + noise)


# -- 295 odd files, where they are at hand -----------------------------------------------------------------------------

CORPUS = Path(os.environ.get("LOWRANK_CORPUS") or ROOT.parent / "shared" / "corpus")
MANIFEST = CORPUS / "manifest.jsonl"
ENTRIES = [json.loads(line) for line in MANIFEST.read_text().splitlines()] if MANIFEST.exists() else []


def test_the_corpus_of_odd_files_opens_or_is_refused_as_it_should(record_property, subtests):
    record_property("corpus", len(ENTRIES))
    print(f"{len(ENTRIES)} files of the corpus at hand")
    assert not os.environ.get("LOWRANK_CORPUS") or ENTRIES, "LOWRANK_CORPUS names a folder without a manifest"
    for entry in ENTRIES:
        expect, path = entry["expect"], CORPUS / entry["path"]
        with subtests.test(entry["path"]):
            if expect["outcome"] == "error":
                assert refused(path)
                continue
            try:
                pixels = read_image(path)
            except ImageError:
                assert expect["outcome"] == "either"
                continue
            assert np.isfinite(pixels).all()
            if expect["outcome"] == "opens":
                assert list(pixels.shape[:2]) == expect["hw"]
                assert np.unique(pixels).size == expect.get("levels", np.unique(pixels).size)


# -- by the way --------------------------------------------------------------------------------------------------------


def test_a_larger_limit_than_pillows_own_holds():
    # Pillow warns from 89 megapixels on, and refuses from 179 on; the readers are asked for the header alone here
    data = png(bytes_array(1, 1), size=(20_000, 10_000))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert refused(data, limits=Limits(pixels=10**9)) is Refusal.DAMAGED
        assert refused(data) is Refusal.PIXELS


def test_a_heic_is_turned_as_its_boxes_say():
    # Writers say it twice, in a box of HEIC, which is what counts, and in EXIF
    upright = bytes_array(48, 64, 3)
    data = heic(np.rot90(upright), exif=b"Exif\0\0" + exif(6))
    np.testing.assert_allclose(read_image(data), upright / 255, atol=1e-6)


def test_the_defaults_are_those_of_the_app():
    assert (DEFAULT.pixels, DEFAULT.scans, DEFAULT.seconds) == (50_000_000, 100, 10)


def test_strips_in_any_order_and_shared_are_a_picture():
    places = [8 + 640 * i for i in range(8)]
    np.testing.assert_allclose(
        read_image(bare_tiff(places[::-1], [640] * 8, STRIPS.tobytes())),
        STRIPS.reshape(8, 8, 80)[::-1].reshape(64, 80) / 255,
        atol=1e-6,
    )
    np.testing.assert_allclose(
        read_image(bare_tiff([8] * 8, [640] * 8, STRIPS.tobytes())), np.tile(STRIPS[:8], (8, 1)) / 255, atol=1e-6
    )


def test_a_jpeg_of_any_quality_is_whole():
    for quality in (1, 30, 75, 100):
        for options in ({}, {"progressive": True}, {"restart_marker_blocks": 3}, {"optimize": True}):
            for h, w in ((1, 1), (8, 8), (9, 17), (64, 3)):
                data = encoded(bytes_array(h, w, 3), "JPEG", quality=quality, **options)
                assert read_image(data).shape == (h, w, 3)
