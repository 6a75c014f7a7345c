"""What is remembered: bounded, never keyed by an array, and the same as computed afresh."""

import ast
import csv
import io

import numpy as np
import pytest
from load.pairs import pairs, told_apart
from PIL import Image

from app.ui import cached, pictures, scene, store
from lowrank.color import displayed, from_planes, to_planes
from lowrank.curves import error_curve
from lowrank.errors import ImageError, RankError
from lowrank.image import read_image
from lowrank.ranks import RULES, choose_rank
from views.screen import ROOT, calm, core, explore, noisy, png

FILES = sorted((ROOT / "app").rglob("*.py"))


def cached_functions():
    """(file, function, name of the cache, its keywords) of every function in app/ that something remembers."""
    for file in FILES:
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef):
                for decorator in node.decorator_list:
                    call = decorator if isinstance(decorator, ast.Call) else None
                    name = ast.unparse(call.func if call else decorator)
                    if "cache" in name or name == "remembered":
                        yield file.name, node, name, {k.arg: k.value for k in (call.keywords if call else [])}


def test_every_cache_is_the_bounded_one_or_holds_one_thing():
    # Streamlit's own are bounded in entries only, shared by all sessions, and can be emptied by any browser
    found = list(cached_functions())
    assert len(found) > 10
    for file, function, name, _ in found:
        arguments = function.args.posonlyargs + function.args.args + function.args.kwonlyargs
        assert name == "remembered" or (name == "cache" and not arguments), f"{file}: {function.name} by {name}"


def test_no_cache_is_keyed_by_an_array_or_by_bytes():
    for file, function, name, _ in cached_functions():
        if name != "remembered":
            continue
        first, *options, last = function.args.args
        assert (first.arg, last.arg) == ("digest", "data"), f"{file}: {function.name}"  # the bytes are no key
        for argument in (first, *options):
            kind = ast.unparse(argument.annotation)
            assert kind in ("str", "int", "bool", "float", "Color", "Size", "Arrangement", "float | None"), (
                f"{file}: {function.name}({argument.arg}: {kind})"
            )


def large_pair():
    """Two pictures, 1024 x 1024 RGB, that differ in one pixel."""
    levels = np.random.default_rng(3).integers(0, 256, (1024, 1024, 3), np.uint8)
    first = png(levels)
    levels[517, 300] ^= 255
    return first, png(levels)


def test_pixels_are_keyed_by_content():
    first, second = large_pair()
    a, b = cached.pixels("large a", first), cached.pixels("large b", second)
    assert (a != b).any(axis=2).sum() == 1


def test_pictures_that_differ_in_one_pixel_are_told_apart():
    # `make soak ARGS=pairs` has 2,000 of them
    found = list(pairs(12))
    assert len({data for pair in found for data in pair}) == 24
    assert all(told_apart(*pair) for pair in found)
    first, _ = found[0]
    assert not told_apart(first, first)


def test_what_is_measured_is_keyed_by_content_colour_and_rank():
    # low ranks of two pictures that differ in one pixel: told apart by PSNR and by what is sent to the viewer
    levels = np.zeros((1024, 1024, 3), np.uint8)
    levels[3, 3] = 255
    one = png(levels)
    levels[900, 20] = 204  # not as bright: of two equal singular values either may come first, or a mixture
    two = png(levels)
    assert cached.measured_ssim("pixel a", "gray", 1, one) == 1
    assert 0.9 < cached.measured_ssim("pixel b", "gray", 1, two) < 1  # one of 2^20 pixels is lost
    assert cached.measured_ssim("pixel b", "gray", 2, two) == 1
    assert cached.chosen_rank("pixel a", "gray", "psnr", 90.0, one) == 1
    assert cached.chosen_rank("pixel b", "gray", "psnr", 90.0, two) == 2
    assert cached.spectrum_curve("pixel a", "gray", one).energy[0] == pytest.approx(1)
    assert cached.spectrum_curve("pixel b", "gray", two).energy[0] == pytest.approx(1 / 1.64)
    assert cached.psnr_curve("pixel b", "gray", two).psnr_measured[0] == pytest.approx(62.1, abs=0.1)
    drawn = [scene._full(digest, "gray", "strip", data) for digest, data in (("pixel a", one), ("pixel b", two))]
    assert drawn[0].factors != drawn[1].factors
    assert drawn[0].original != drawn[1].original


@pytest.mark.parametrize("kind", ["8 bit", "8 bit grey", "16 bit", "float"])
def test_decoded_pictures_are_the_decoders_bit_for_bit(kind):
    rng = np.random.default_rng(0)
    if kind.startswith("8 bit"):
        data = png(rng.integers(0, 256, (700, 30) if "grey" in kind else (700, 30, 3), np.uint8))
    else:
        stream, levels = io.BytesIO(), rng.integers(0, 65536, (700, 30), np.uint16)
        Image.fromarray(levels if kind == "16 bit" else (levels / 65535).astype(np.float32)).save(stream, "TIFF")
        data = stream.getvalue()
    held = cached.pixels(kind, data)
    assert held.dtype == np.float32
    assert np.array_equal(held, read_image(data))
    assert cached._decoded(kind, data)[0].dtype == (np.uint8 if kind.startswith("8 bit") else np.float32)
    assert cached.shape(kind, data) == held.shape
    for color in ("gray", "rgb", "ycbcr"):
        assert np.array_equal(cached.planes(kind, color, data), to_planes(held, color))


def test_a_preview_is_the_picture_averaged_and_roughly_its_numbers():
    data = noisy(900, 800, None)
    image, svd, _ = core(data, "gray")
    small = cached.preview_pixels("preview", data)
    assert small.shape == (300, 266)
    assert np.allclose(small, image[:, :798].reshape(300, 3, 266, 3).mean((1, 3)), atol=1e-6)
    assert cached.preview_factors("preview", "gray", data).shape == (1, 300, 266)
    roughly = cached.preview_curve("preview", "gray", data).energy[:20]
    assert roughly == pytest.approx(error_curve(image, svd, ranks=()).energy[:20], abs=0.01)


def test_a_large_picture_is_no_preview_once_it_is_decomposed():
    picture, small = (
        pictures.Picture(name, name, "", "", noisy(h, 800, None), name, False)
        for name, h in (("large", 900), ("not", 600))
    )
    assert not scene.is_preview(small, "gray")
    assert scene.is_preview(picture, "gray")
    cached.factors("large", "gray", picture.data)
    assert not scene.is_preview(picture, "gray")
    assert scene.is_preview(picture, "rgb")


def test_factors_are_the_cores_up_to_the_highest_rank():
    data = noisy(330, 310)
    image, svd, _ = core(data, "rgb")
    held = cached.factors("held", "rgb", data)
    assert held.rank == cached.MAX_RANK == 300
    assert held.s.base is None or held.s.base.size == held.s.size  # the full factors can go
    assert np.array_equal(held.s, svd.s)
    assert np.array_equal(held.rest, svd.rest)
    assert np.array_equal(held.reconstruct(40), svd.reconstruct(40))
    s = np.linalg.svd(to_planes(image, "rgb").astype(float), compute_uv=False)
    assert np.square(s)[:, 300:].sum() == pytest.approx(held.rest.sum(), rel=2e-3)
    assert np.square(held.s, dtype=float).sum(0) == pytest.approx(np.square(s)[:, :300].sum(0), rel=1e-3)


@pytest.mark.parametrize("color", ["gray", "rgb", "ycbcr"])
def test_a_spectrum_is_the_factors_without_their_vectors(color):
    data = noisy(60, 45)
    whole, bare = cached.factors("bare", color, data), cached.spectrum("bare", color, data)
    assert store.size(bare) < 0.1 * store.size(whole)
    for name in ("s", "ranks", "layers", "total", "rest", "excess"):
        assert np.array_equal(getattr(bare, name), getattr(whole, name)), name
    assert (bare.error is None) == (color != "ycbcr")


def test_what_is_remembered_cannot_be_written_to():
    data = noisy(30, 40)
    assert not cached.pixels("read-only", data).flags.writeable
    assert not cached.factors("read-only", "rgb", data).U.flags.writeable


def test_a_file_that_cannot_be_read_is_not_remembered():
    for _ in range(2):
        with pytest.raises(ImageError):
            cached.pixels("broken", b"no picture")
    assert cached.pixels("broken", noisy(5, 6)).shape == (5, 6, 3)  # never happens with a digest of the content


@pytest.mark.parametrize("rule", RULES)
def test_a_chosen_rank_is_the_cores(rule):
    data = noisy(64, 70)
    image, svd, _ = core(data, "rgb")
    target = 5000.0 if rule == "bytes" else None
    expected = choose_rank(svd, rule, target, image=image, color="rgb")
    for _ in range(2):
        assert cached.chosen_rank("chosen", "rgb", rule, target, data) == expected


def test_a_target_out_of_reach_is_not_remembered_as_a_rank():
    for _ in range(2):
        with pytest.raises(RankError):
            cached.chosen_rank("chosen", "rgb", "bytes", 1.0, noisy(64, 70))


def test_files_for_download():
    data = noisy(64, 70)
    image, svd, _ = core(data, "rgb")
    expected = 255 * displayed(from_planes(svd.reconstruct(9), "rgb"))
    picture = np.asarray(Image.open(io.BytesIO(cached.png("files", "rgb", 9, data))))
    assert np.abs(picture - expected).max() <= 1
    rows = list(csv.DictReader(io.StringIO(cached.csv("files", "rgb", data).decode())))
    assert [float(row["energy"]) for row in rows] == error_curve(image, svd, color="rgb").energy.tolist()
    with np.load(io.BytesIO(cached.npz("files", "rgb", 9, data)), allow_pickle=False) as arrays:
        assert sorted(arrays) == ["U", "Vt", "excess", "ranks", "rest", "s", "total"]
        assert np.allclose((arrays["U"] * arrays["s"][:, None]) @ arrays["Vt"], svd.reconstruct(9), atol=1e-5)
        lost = arrays["total"] - np.square(arrays["s"], dtype=float).sum(-1)
        assert np.allclose(lost, svd.truncate(9).rest, rtol=1e-3)


def test_the_measured_curve_can_be_asked_for_again_with_progress():
    data, seen = noisy(30, 40), []
    first = cached.measured_curve("asked twice", "gray", data, seen.append)
    assert seen[-1] == 1
    assert seen == sorted(seen)
    again = cached.measured_curve("asked twice", "gray", data)
    assert again.to_csv() == first.to_csv()
    assert first.measured.any()
    assert not cached.spectrum_curve("asked twice", "gray", data).measured.any()  # which stays as it was


def test_running_the_page_again_leaves_the_import_path_as_it_is(monkeypatch):
    import sys

    monkeypatch.setattr(sys, "path", list(sys.path))
    at = calm(explore())
    before = list(sys.path)
    at.run()
    assert sys.path == before
