"""The command line, run as a user runs it: real pictures, real files, and what is printed read back."""

import csv
import fcntl
import io
import os
import pty
import re
import shlex
import signal
import subprocess
import sys
import termios
import time
from pathlib import Path

import numpy as np
import pytest
from makers import chunk, png, words

import lowrank
from lowrank import decompose, metrics, storage
from lowrank.allot import picture_svd
from lowrank.cli import main
from lowrank.color import COLORS, displayed, from_planes, to_planes
from lowrank.console import size_argument
from lowrank.curves import matrix_curve, measured_ranks
from lowrank.intake.sniff import EXTENSIONS
from lowrank.ranks import RULES, RankError

pytestmark = pytest.mark.slow

ROOT = str(Path(lowrank.__file__).parents[1])
COMMANDS = ("curve", "ranks", "reconstruct")
TARGETS = {"psnr": 25.0, "ssim": 0.6, "relative_error": 0.2, "energy": 0.9, "bytes": 5000.0}


def option(rule):
    return "--" + rule.replace("_", "-")


def picture(seed, height=60, width=70):
    """A colour picture with a falling spectrum, and enough detail that no rank below the full one is exact."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width] / 50
    waves = [np.sin(a * x + b * y * x) for a, b in rng.uniform(1, 9, (3, 2))]
    return np.clip(0.5 + 0.3 * np.stack(waves, -1) + 0.05 * rng.standard_normal((height, width, 3)), 0, 1)


def save(path, seed=0, **size):
    path.write_bytes(lowrank.to_png(picture(seed, **size)))
    return path


@pytest.fixture
def photo(tmp_path):
    return save(tmp_path / "photo.png")


@pytest.fixture
def folder(tmp_path):
    """Two pictures, one damaged between them, and what is to be left alone."""
    path = tmp_path / "my photos ü"
    (path / "deeper.png").mkdir(parents=True)
    save(path / "a 1.png", seed=1)
    (path / "broken.png").write_bytes((path / "a 1.png").read_bytes()[:200])
    save(path / "写真.PNG", seed=2, height=50)
    (path / "notes.txt").write_text("no picture")
    return path


@pytest.fixture
def run(capsys):
    def run(*args):
        code = main([str(arg) for arg in args])
        out, err = capsys.readouterr()
        return code, out, err

    return run


def command(*args):
    return [sys.executable, "-W", "error", "-m", "lowrank", *map(str, args)]


def environment(**more):
    plain = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    return {**plain, "PYTHONPATH": ROOT, "PYTHONDONTWRITEBYTECODE": "1", **more}


def shell(*args, env=None, **settings):
    return subprocess.run(command(*args), capture_output=True, env=environment(**(env or {})), timeout=60, **settings)


def complaint(err):
    """The one line on stderr, which is no traceback."""
    assert re.fullmatch(r"lowrank: [^\n]+\n", err), err
    return err.removeprefix("lowrank: ").rstrip("\n")


def table(text):
    """Heading and rows of cells of one printed table."""
    heading, *lines = text.splitlines()
    assert len({len(line) for line in lines[1:]}) == 1, "the last column is aligned"
    return heading, [re.split(r" {2,}", line.strip()) for line in lines[2:]]


def number(cell):
    return float(cell.replace(",", ""))


# curve


@pytest.mark.parametrize("arguments", [("curve",), ("ranks",)])
def test_what_was_done_to_a_picture_stands_in_the_heading(run, tmp_path, arguments):
    path = tmp_path / "deep.png"
    path.write_bytes(png(words(30, 40, 4)))
    code, out, err = run(*arguments, path)
    assert (code, err) == (0, "")
    assert out.startswith(f"{path}: 40 x 30 pixels, gray (16-bit, transparency on white)\n")


def test_what_was_done_stands_behind_a_reconstruction_and_in_no_csv(run, tmp_path):
    path = tmp_path / "deep.png"
    path.write_bytes(png(words(30, 40)))
    assert "16-bit" not in run("curve", path, "--csv")[1]
    out = run("reconstruct", path, "--rank", 5, "-o", tmp_path / "out.png")[1]
    assert out.rstrip().endswith(" dB (16-bit)")


def test_no_library_speaks_on_the_terminal(tmp_path):
    path = tmp_path / "odd.png"
    path.write_bytes(png(words(30, 40), chunk(b"eXIf", b"MM\0*\xff\xff\xff\xff")))  # of which Pillow warns
    done = shell("ranks", path, "--energy", "0.9", text=True)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("color", COLORS)
def test_curve_prints_the_measured_ranks_of_the_core(run, photo, color):
    code, out, err = run("curve", photo, "--color", color)
    curve = lowrank.error_curve(lowrank.read_image(photo), color=color)
    heading, rows = table(out)
    assert (code, err) == (0, "")
    assert heading == f"{photo}: 70 x 60 pixels, {color}"
    assert [number(row[0]) for row in rows] == curve.k[curve.measured].tolist()
    for k, energy, error, psnr, measured, ssim, numbers, ratio, size in [[number(c) for c in row] for row in rows]:
        i = int(k) - 1
        assert energy == pytest.approx(100 * curve.energy[i], abs=5.1e-4)
        assert error == pytest.approx(100 * curve.relative_error[i], abs=5.1e-4)
        assert psnr == pytest.approx(curve.psnr[i], abs=5.1e-3)
        assert measured == pytest.approx(curve.psnr_measured[i], abs=5.1e-3)
        assert ssim == pytest.approx(curve.ssim[i], abs=5.1e-5)
        assert ratio == pytest.approx(curve.ratio[i], abs=5.1e-3)
        assert (numbers, size) == (curve.stored_numbers[i], curve.bytes[i])


def test_curve_table_fits_a_terminal(run, photo):
    _, out, _ = run("curve", photo)
    assert max(len(line) for line in out.splitlines()[1:]) <= 80


def test_csv_is_the_whole_curve(run, photo, tmp_path):
    whole = lowrank.error_curve(lowrank.read_image(photo), color="rgb").to_csv()
    assert run("curve", photo, "--csv", "--color", "rgb") == (0, whole, "")
    target = tmp_path / "result.csv"
    assert run("curve", photo, "--color", "rgb", "-o", target) == (0, f"{target}: ranks 1 to 60\n", "")
    assert target.read_text() == whole


def test_csv_of_several_pictures_is_one_table(run, folder, tmp_path):
    odd = save(tmp_path / 'b, "c".png', seed=3)
    code, out, err = run("curve", folder, odd, "--csv")
    rows = list(csv.reader(io.StringIO(out)))
    expected = []
    for path in (folder / "a 1.png", folder / "写真.PNG", odd):
        header, *lines = csv.reader(io.StringIO(lowrank.error_curve(lowrank.read_image(path)).to_csv()))
        expected += [[str(path), *line] for line in lines]
    assert rows == [["picture", *header], *expected]
    assert code == 2
    assert complaint(err).startswith(f"{folder / 'broken.png'}: ")


def test_curves_of_several_pictures_go_to_a_new_folder(run, folder, tmp_path):
    target = tmp_path / "new" / "curves"
    code, out, err = run("curve", folder, "-o", target)
    assert code == 2
    assert "broken.png" in complaint(err)
    assert sorted(p.name for p in target.iterdir()) == ["a 1-curve.csv", "写真-curve.csv"]
    assert (target / "写真-curve.csv").read_text() == lowrank.error_curve(
        lowrank.read_image(folder / "写真.PNG")
    ).to_csv()
    assert [line.partition(": ")[0] for line in out.splitlines()] == [str(p) for p in sorted(target.iterdir())]


# ranks


def expected_row(photo, rule, target, color="gray"):
    image = lowrank.read_image(photo)
    svd = picture_svd(image, color)
    k = lowrank.choose_rank(svd, rule, target, image=image, color=color)
    curve = lowrank.error_curve(image, svd, color=color, ranks=())
    return k, curve.psnr[k - 1], 100 * curve.relative_error[k - 1], curve.stored_numbers[k - 1], curve.ratio[k - 1]


def check_row(row, expected):
    k, psnr, error, numbers, ratio = (number(cell) for cell in row[2:])
    assert (k, numbers) == (expected[0], expected[3])
    assert (psnr, error, ratio) == pytest.approx((expected[1], expected[2], expected[4]), abs=5.1e-3)


@pytest.mark.parametrize("color", COLORS)
def test_ranks_without_an_option_asks_every_rule(run, photo, color):
    code, out, err = run("ranks", photo, "--color", color)
    heading, rows = table(out)
    assert (code, err, heading) == (0, "", f"{photo}: 70 x 60 pixels, {color}")
    assert [row[0] for row in rows] == [rule.name for rule in RULES.values()]
    for name, row in zip(RULES, rows, strict=True):
        check_row(row, expected_row(photo, name, None, color))


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_is_an_option(run, photo, rule):
    target = TARGETS.get(rule)
    assert (target is None) == (RULES[rule].default is None), "TARGETS has a target for each rule that takes one"
    code, out, err = run("ranks", photo, option(rule), *([] if target is None else [target]))
    _, rows = table(out)
    assert (code, err, len(rows)) == (0, "", 1)
    shown = "-" if target is None else f"{target:,.15g} {RULES[rule].unit}".strip()
    assert rows[0][:2] == [RULES[rule].name, shown]
    check_row(rows[0], expected_row(photo, rule, target))


def test_several_rules_at_once(run, photo):
    _, out, _ = run("ranks", photo, "--break-even", "--psnr", "1e1", "--bytes", 1234567)
    rows = table(out)[1]
    assert [row[:2] for row in rows] == [["PSNR", "10 dB"], ["bytes", "1,234,567 bytes"], ["break-even", "-"]]
    assert number(rows[2][2]) == storage.break_even_rank(60, 70)


@pytest.mark.parametrize("rule", RULES)
def test_help_gives_the_rules_advice(run, rule):
    _, out, _ = run("ranks", "--help")
    text = " ".join(out.split())
    entry = RULES[rule]
    help_text = text[text.index(option(rule), text.index("options:")) :]
    assert entry.choose.__doc__.partition("\n")[0] in help_text
    for sentence in entry.advice.split(". ")[:2]:
        assert sentence.partition(":")[0].rstrip(".") in help_text
    if entry.default is not None:
        assert f"Default {entry.default:,.15g}, from {entry.lowest:g}" in help_text


def test_only_the_ssim_rule_computes_ssim(run, photo, monkeypatch):
    def forbidden(*_, **__):
        raise AssertionError("SSIM was computed")

    monkeypatch.setattr(metrics, "ssim", forbidden)
    others = [arg for rule in RULES if rule != "ssim" for arg in (option(rule), TARGETS.get(rule)) if arg is not None]
    assert run("ranks", photo, *others)[0] == 0
    with pytest.raises(AssertionError, match="SSIM was computed"):
        run("ranks", photo, "--ssim", "0.5")


def test_a_picture_is_decomposed_once(run, photo, monkeypatch):
    calls = []
    exact = decompose.full_svd
    monkeypatch.setattr(decompose, "full_svd", lambda *a: calls.append(1) or exact(*a))
    run("ranks", photo)
    assert len(calls) == 1


def test_a_rule_without_an_answer(run, tmp_path):
    dot = tmp_path / "dot.png"
    dot.write_bytes(lowrank.to_png(np.ones((1, 1))))
    code, out, err = run("ranks", dot)  # nobody asked for it: told beside the others
    *_, note = out.splitlines()
    assert (code, err) == (0, "")
    assert note.startswith("break-even: Even rank 1 stores more")
    assert "break-even      -                 -     -           -        -      -" in out
    code, out, err = run("ranks", dot, "--psnr", 30, "--break-even")  # asked for: an error
    assert (code, out) == (2, "")
    assert complaint(err).startswith("--break-even: Even rank 1 stores more")


# matrices in .npy files


@pytest.fixture
def matrix(tmp_path):
    rng = np.random.default_rng(0)
    a = rng.standard_normal((400, 30)) @ rng.standard_normal((30, 320)) + rng.standard_normal((400, 320))
    np.save(tmp_path / "matrix.npy", a.astype(np.float32))
    return tmp_path / "matrix.npy"


def test_curve_of_a_matrix_leaves_out_what_only_a_picture_has(run, matrix):
    code, out, err = run("curve", matrix)
    curve = matrix_curve(lowrank.truncated_svd(np.load(matrix), 300))
    heading, rows = table(out)
    assert (code, err, heading) == (0, "", f"{matrix}: 400 x 320 matrix, float32")
    assert "SSIM" not in out
    assert "dB" not in out
    assert [number(row[0]) for row in rows] == measured_ranks(300)
    for k, energy, error, numbers, ratio, size in [[number(cell) for cell in row] for row in rows]:
        i = int(k) - 1
        assert energy == pytest.approx(100 * curve.energy[i], abs=5.1e-4)
        assert error == pytest.approx(100 * curve.relative_error[i], abs=5.1e-4)
        assert ratio == pytest.approx(curve.ratio[i], abs=5.1e-3)
        assert (numbers, size) == (curve.stored_numbers[i], curve.bytes[i])


@pytest.mark.parametrize("dtype", [np.float32, np.uint8, np.float16])
def test_a_matrix_within_the_memory_allowed(run, tmp_path, dtype):
    a = np.asarray(200 * np.outer(np.linspace(0.2, 1, 900), np.linspace(1, 0.2, 700)), dtype)
    np.save(tmp_path / "a.npy", a)
    code, out, err = run("curve", tmp_path / "a.npy", "--rank", 20, "--memory", "24MB", "--csv")
    expected = matrix_curve(lowrank.truncated_svd(np.load(tmp_path / "a.npy", "r"), 20, memory=24_000_000))
    assert (code, out, err) == (0, expected.to_csv(), "")
    code, out, err = run("curve", tmp_path / "a.npy", "--rank", 20, "--memory", "1MB")
    assert (code, out) == (2, "")
    assert complaint(err).startswith("Rank 20 of this matrix takes more than the 1 MB of memory allowed.")


def test_the_heading_says_how_near_to_the_best(run, matrix):
    _, out, _ = run("curve", matrix, "--rank", 10, "--memory", "10MB")
    svd = lowrank.truncated_svd(np.load(matrix, "r"), 10, memory=10_000_000)
    assert 0 < svd.excess <= 1e-3
    assert table(out)[0].endswith(f"float32, estimated within {100 * svd.excess:.2g} % of the least error")


def test_pictures_and_matrices_in_one_csv(run, photo, matrix):
    code, out, err = run("curve", photo, matrix, "--csv", "--rank", 3)
    header, *rows = csv.reader(io.StringIO(out))
    assert (code, err) == (0, "")
    assert [row[0] for row in rows] == [str(photo)] * 3 + [str(matrix)] * 3
    empty = {name for name, cell in zip(header, rows[-1], strict=True) if not cell}
    assert empty == {"psnr", "psnr_measured", "ssim"}


def test_the_curve_of_a_picture_may_end_at_a_rank(run, photo):
    planes = to_planes(lowrank.read_image(photo))
    whole = lowrank.error_curve(lowrank.read_image(photo), lowrank.truncated_svd(planes, 7)).to_csv()
    assert run("curve", photo, "--csv", "--rank", 7) == (0, whole, "")


def test_ranks_of_a_matrix_asks_the_rules_that_need_no_picture(run, matrix):
    code, out, err = run("ranks", matrix, "--rank", 320)
    heading, rows = table(out)
    svd = lowrank.truncated_svd(np.load(matrix))
    assert (code, err, heading) == (0, "", f"{matrix}: 400 x 320 matrix, float32")
    assert "dB" not in out
    names = [name for name, rule in RULES.items() if not rule.pictures_only]
    assert set(RULES) - set(names) == {"psnr", "ssim"}
    assert [row[0] for row in rows] == [RULES[name].name for name in names]
    assert [int(row[2]) for row in rows] == [lowrank.choose_rank(svd, name) for name in names]


def test_a_rule_that_needs_a_picture_is_refused_before_the_matrix_is_read(run, matrix, monkeypatch):
    monkeypatch.setattr("lowrank.cli.read_matrix", None)
    for rule in ("psnr", "ssim"):
        code, out, err = run("ranks", matrix, "--energy", 0.5, option(rule), TARGETS[rule])
        assert (code, out) == (2, "")
        assert complaint(err) == f"--{rule} is for pictures only. Leave it out for a matrix."


def test_a_rule_that_needs_every_singular_value_says_so(run, matrix):
    _, out, _ = run("ranks", matrix)
    assert "Gavish-Donoho: This rule needs all singular values." in out


def test_a_matrix_is_no_picture_to_write(run, matrix, tmp_path):
    code, out, err = run("reconstruct", matrix, "--rank", 5, "-o", tmp_path / "x.png")
    assert (code, out) == (2, "")
    assert complaint(err) == "A matrix is no picture that could be written. Use curve or ranks for it."


@pytest.mark.parametrize("command", ["curve", "ranks"])
def test_a_bad_matrix_is_one_line_and_does_not_stop_the_others(run, tmp_path, matrix, command):
    for i, content in enumerate((b"no matrix", matrix.read_bytes()[:-1])):
        (tmp_path / f"{i}.npy").write_bytes(content)
    np.save(tmp_path / "2.npy", np.full((3, 3), np.nan))
    np.save(tmp_path / "3.npy", np.array([[None]]))
    for i, reason in enumerate(("no .npy file", "cut short", "NaN", "Python objects")):
        code, out, err = run(command, tmp_path / f"{i}.npy", matrix)
        assert code == 2
        assert complaint(err).startswith(f"{tmp_path / f'{i}.npy'}: ")
        assert reason in err
        assert out.startswith(f"{matrix}: 400 x 320 matrix")


@pytest.mark.parametrize(
    ("text", "size"),
    {"1": 1, "10B": 10, "1k": 1000, "1Ki": 1024, "1.5MiB": 3 * 2**19, "500MB": 500 * 10**6, "2 gb": 2 * 10**9}.items(),
)
def test_sizes_are_read_as_they_are_written(text, size):
    assert size_argument(text) == size


@pytest.mark.parametrize("text", ["", "0", "0GB", "-1GB", "GB", "1XB", "1e9", "1,5GB", "1GBps", "٣GB", "1" * 99, "nan"])
def test_what_is_no_size(run, text):
    code, _, err = run("curve", "a.npy", f"--memory={text}")
    assert code == 2
    assert f"--memory: must be a size such as 500MB, 2GB or 1GiB, not {text!r}" in complaint(err)


def test_a_picture_needs_no_memory_option(run, photo):
    code, out, err = run("curve", photo, "--memory", "1GB")
    assert (code, out) == (2, "")
    assert complaint(err).startswith("--memory is for matrices in .npy files")


def test_a_bar_is_shown_on_a_terminal_while_a_matrix_is_decomposed(matrix):
    shown = on_a_terminal(command("curve", matrix, "--rank", 10, "--memory", "10MB"))[1]
    assert "  0%|" in shown  # how often it is drawn again depends on the machine


# reconstruct


@pytest.mark.parametrize("color", COLORS)
def test_reconstruct_writes_the_picture_of_that_rank(run, photo, tmp_path, color):
    target = tmp_path / "out.png"
    code, out, err = run("reconstruct", photo, "--rank", 7, "-o", target, "--color", color)
    image = lowrank.read_image(photo)
    expected = displayed(from_planes(picture_svd(image, color, 7).reconstruct(), color))
    psnr = lowrank.psnr(from_planes(to_planes(image, color), color), expected)
    assert (code, out, err) == (0, f"{target}: rank 7, PSNR {psnr:.2f} dB\n", "")
    np.testing.assert_array_equal(lowrank.read_image(target), expected)


def test_reconstruct_a_folder(run, folder, tmp_path):
    target = tmp_path / "new" / "small"
    code, out, err = run("reconstruct", folder, "--rank", 5, "-o", target)
    assert code == 2
    assert complaint(err).startswith(f"{folder / 'broken.png'}: ")
    assert sorted(p.name for p in target.iterdir()) == ["a 1-rank5.png", "写真-rank5.png"]
    assert len(out.splitlines()) == 2
    assert lowrank.read_image(target / "写真-rank5.png").shape == (50, 70)


@pytest.mark.parametrize("make", [True, False])
def test_one_picture_into_a_folder(run, photo, tmp_path, make):
    target = tmp_path / "small"
    if make:
        target.mkdir()
    assert run("reconstruct", photo, "--rank", 5, "-o", target if make else f"{target}/")[0] == 0
    assert [p.name for p in target.iterdir()] == ["photo-rank5.png"]


def test_nothing_is_overwritten_without_force(run, folder, tmp_path):
    target = tmp_path / "out"
    target.mkdir()
    (target / "a 1-rank5.png").write_text("precious")
    (folder / "broken.png").unlink()
    args = ("reconstruct", folder, "--rank", 5, "-o", target)
    code, out, err = run(*args)
    assert code == 2
    assert f"{str(target / 'a 1-rank5.png')!r} exists already" in complaint(err)
    assert out.startswith(str(target / "写真-rank5.png")), "the other one is still done"
    assert (target / "a 1-rank5.png").read_text() == "precious"
    code, out, err = run(*args, "--force")
    assert (code, err, len(out.splitlines())) == (0, "", 2)
    assert lowrank.read_image(target / "a 1-rank5.png").shape == (60, 70)


def test_csv_is_not_overwritten_without_force(run, photo, tmp_path):
    target = tmp_path / "x.csv"
    target.write_text("precious")
    assert run("curve", photo, "-o", target)[0] == 2
    assert target.read_text() == "precious"
    assert run("curve", photo, "-o", target, "--force")[0] == 0
    assert target.read_text() != "precious"


def test_force_replaces_files_only(run, photo, tmp_path):
    target = tmp_path / "dir" / "photo-rank5.png"
    target.mkdir(parents=True)
    code, _, err = run("reconstruct", photo, "--rank", 5, "-o", tmp_path / "dir", "--force")
    assert (code, target.is_dir()) == (2, True)
    assert "exists already" in complaint(err)


@pytest.mark.parametrize("old", [None, b"precious"])
def test_an_interrupted_write_leaves_nothing(run, photo, tmp_path, monkeypatch, old):
    target = tmp_path / "out" / "x.png"
    target.parent.mkdir()
    if old:
        target.write_bytes(old)

    def interrupt(part, _):
        assert part.stat().st_size > 100, "written in full beside the target"
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", interrupt)
    assert run("reconstruct", photo, "--rank", 5, "-o", target, "--force") == (130, "", "lowrank: Stopped.\n")
    assert [p.read_bytes() for p in target.parent.iterdir()] == ([old] if old else [])


def test_a_full_disk_leaves_nothing(tmp_path):
    save(tmp_path / "photo.png")
    script = "ulimit -f 1; exec " + shlex.join(command("reconstruct", "photo.png", "--rank", 60, "-o", "out/"))
    done = subprocess.run(["sh", "-c", script], cwd=tmp_path, env=environment(), capture_output=True, timeout=60)
    assert (done.returncode, done.stdout) == (2, b"")
    assert complaint(done.stderr.decode()) == "'out/photo-rank60.png' cannot be written: File too large."
    assert list((tmp_path / "out").iterdir()) == []


def test_a_written_file_has_the_usual_permissions(run, photo, tmp_path):
    run("reconstruct", photo, "--rank", 5, "-o", tmp_path / "x.png")
    assert (tmp_path / "x.png").stat().st_mode == photo.stat().st_mode


def test_a_rank_out_of_reach_is_the_cores_error(run, photo, tmp_path):
    planes = to_planes(lowrank.read_image(photo))
    for rank in (61, -1):
        with pytest.raises(RankError) as core:
            lowrank.truncated_svd(planes, rank)
        code, out, err = run("reconstruct", photo, "--rank", rank, "-o", tmp_path / "x.png")
        assert (code, out, complaint(err)) == (2, "", str(core.value))
    assert not (tmp_path / "x.png").exists()


@pytest.mark.parametrize("name", ["x.jpg", "x", "x.png.csv"])
def test_a_png_is_called_png(run, photo, tmp_path, name):
    code, _, err = run("reconstruct", photo, "--rank", 5, "-o", tmp_path / name)
    assert code == 2
    assert "End it in .png, or in / for a folder" in complaint(err)


def test_two_pictures_never_share_a_file(run, tmp_path):
    twins = [tmp_path / side / "same.png" for side in "ab"]
    for path in twins:
        path.parent.mkdir()
        save(path)
    code, out, err = run("reconstruct", *twins, "--rank", 5, "-o", tmp_path / "out", "--force")
    assert (code, out) == (2, "")
    assert all(repr(str(path)) in complaint(err) for path in twins)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("target", ["photo.png/x.png", "photo.png/new/"])
def test_an_output_that_cannot_be_written(run, photo, tmp_path, target):
    code, out, err = run("reconstruct", photo, "--rank", 5, "-o", f"{tmp_path}/{target}")
    assert (code, out) == (2, "")
    assert "Not a directory" in complaint(err)


# pictures in


@pytest.mark.parametrize("command", ["curve", "ranks"])
def test_a_broken_picture_does_not_stop_the_others(run, folder, command):
    code, out, err = run(command, folder)
    assert code == 2
    with pytest.raises(lowrank.LowrankError) as core:
        lowrank.read_image(folder / "broken.png")
    assert complaint(err) == f"{folder / 'broken.png'}: {core.value}"
    headings = [table(block)[0] for block in out.split("\n\n")]
    assert headings == [f"{folder / name}: 70 x {h} pixels, gray" for name, h in (("a 1.png", 60), ("写真.PNG", 50))]


def test_a_folder_is_read_sorted_by_every_ending(run, tmp_path):
    data = lowrank.to_png(picture(0, 5, 5))
    for i, ending in enumerate(EXTENSIONS):
        (tmp_path / f"{9 - i}.{ending}").write_bytes(data)
    _, out, _ = run("ranks", tmp_path, "--energy", "0.5")
    expected = [f"{9 - i}.{ending}" for i, ending in enumerate(EXTENSIONS)][::-1]
    assert [Path(block.partition(": ")[0]).name for block in out.split("\n\n")] == expected


@pytest.mark.parametrize("command", ["curve", "ranks"])
def test_an_empty_folder_is_an_error(run, tmp_path, photo, command):
    empty = tmp_path / "empty"
    empty.mkdir()
    (empty / "notes.txt").write_text("no picture")
    for args in ([empty], [photo, empty]):
        code, out, err = run(command, *args)
        assert (code, out) == (2, "")
        assert complaint(err).startswith(f"The folder {str(empty)!r} holds no picture")


def test_a_missing_or_damaged_picture(run, tmp_path, photo):
    missing, text = tmp_path / "no.png", tmp_path / "text.png"
    text.write_text("no picture")
    for path in (missing, text):
        with pytest.raises(lowrank.LowrankError) as core:
            lowrank.read_image(path)
        code, out, err = run("curve", path)
        assert (code, out, complaint(err)) == (2, "", str(core.value))
        code, out, err = run("ranks", photo, path, "--psnr", 30)
        assert (code, complaint(err)) == (2, f"{path}: {core.value}")
        assert table(out)[0].startswith(str(photo))


def test_a_name_that_is_too_long(run):
    code, _, err = run("curve", "x" * 5000)
    assert code == 2
    assert "File name too long" in complaint(err)


def test_names_that_break_lines_or_no_text_stay_in_their_line(tmp_path):
    names = [os.fsdecode(b"not utf-8 \xff.png"), "two\nlines.png", "\x1b[31mred.png", "grün.png"]
    for name in names:
        save(tmp_path / name)
    done = shell("ranks", *names, "--energy", "0.9", cwd=tmp_path, env={"PYTHONIOENCODING": "ascii"})
    assert (done.returncode, done.stderr) == (0, b"")
    headings = [block.splitlines()[0].partition(": ")[0] for block in done.stdout.decode().split("\n\n")]
    assert headings == ["'not utf-8 \\udcff.png'", "'two\\nlines.png'", "'\\x1b[31mred.png'", "gr\\xfcn.png"]


# the door itself


@pytest.mark.parametrize(
    ("args", "reason"),
    [
        ("", "required: COMMAND"),
        ("nope", "invalid choice: 'nope'"),
        ("curve", "required: IMAGE"),
        ("curve photo.png --nope", "unrecognized arguments: --nope"),
        ("curve photo.png --color cmyk", "invalid choice: 'cmyk'"),
        ("ranks photo.png --psnr", "expected one argument"),
        ("ranks photo.png --psnr high", "--psnr: must be a number from 1 to 100, not 'high'"),
        ("ranks photo.png --psnr 100.5", "--psnr: must be a number from 1 to 100, not '100.5'"),
        ("ranks photo.png --psnr nan", "--psnr: must be a number from 1 to 100, not 'nan'"),
        ("ranks photo.png --relative-error -1", "--relative-error: must be a number from 0 to 1, not '-1'"),
        ("ranks photo.png --bytes inf", "--bytes: must be a number from 1 up, not 'inf'"),
        ("ranks photo.png --rel 0.1", "unrecognized arguments: --rel"),
        ("reconstruct photo.png --rank 5", "required: -o"),
        ("reconstruct photo.png -o x.png", "required: --rank"),
        ("reconstruct photo.png --rank 1.5 -o x.png", "invalid int value: '1.5'"),
    ],
)
def test_a_wrong_command_line_is_one_line(run, args, reason):
    code, out, err = run(*args.split())
    assert (code, out) == (2, "")
    assert reason in complaint(err)
    assert re.search(r"See lowrank( \w+)? --help\.$", complaint(err))


def test_an_error_stays_in_one_line_whatever_it_quotes(run):
    code, _, err = run("curve", "photo.png", "--two\nlines")
    assert (code, complaint(err)) == (2, "unrecognized arguments: --two lines. See lowrank --help.")


def test_the_range_of_an_option_is_the_cores(photo):
    svd = lowrank.truncated_svd(to_planes(lowrank.read_image(photo)))
    for name, rule in RULES.items():
        outside = [] if rule.lowest is None else [rule.lowest - 0.001, *([rule.highest + 1] if rule.highest else [])]
        for target in outside:
            with pytest.raises(RankError, match="must be from"):
                lowrank.choose_rank(svd, name, target)
            assert main(["ranks", str(photo), f"{option(name)}={target}"]) == 2


@pytest.mark.parametrize("args", [[], *([name] for name in COMMANDS)])
def test_help_ends_with_an_example_that_runs(run, args, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save(tmp_path / "photo.png")
    code, out, err = run(*args, "--help")
    assert (code, err) == (0, "")
    title, example = out.splitlines()[-2:]
    assert title == "example:"
    program, *rest = shlex.split(example)
    assert program == "lowrank"
    assert rest[:1] == args or not args
    code, out, err = run(*rest)
    assert (code, err) == (0, "")
    assert out
    if "-o" in rest:
        assert Path(rest[rest.index("-o") + 1]).stat().st_size > 100


def test_help_names_every_command(run):
    _, out, _ = run("--help")
    assert re.findall(r"^    (\w+)", out, re.MULTILINE) == [*COMMANDS, "compress", "open", "compare", "lora"]


def test_version(run):
    assert run("--version") == (0, f"lowrank {lowrank.__version__}\n", "")
    done = shell("--version")
    assert (done.returncode, done.stdout.decode(), done.stderr) == (0, f"lowrank {lowrank.__version__}\n", b"")


def test_help_imports_nothing_that_the_core_does_not():
    code = "import lowrank, sys; before = set(sys.modules); import lowrank.cli; lowrank.cli.main(['--version']); "
    code += "print(*{name.partition('.')[0] for name in set(sys.modules) - before} - set(sys.stdlib_module_names))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, env=environment(), text=True, timeout=60)
    assert done.stdout.splitlines()[1:] == ["lowrank"]


@pytest.mark.parametrize("args", [["ranks", "photo.png"], ["curve", "nowhere.png"], ["ranks", "photo.png", "--psnr=0"]])
def test_the_module_does_what_main_does(run, tmp_path, monkeypatch, args):
    monkeypatch.chdir(tmp_path)
    save(tmp_path / "photo.png")
    done = shell(*args, cwd=tmp_path)
    assert (done.returncode, done.stdout.decode(), done.stderr.decode()) == run(*args)


@pytest.mark.parametrize("args", [["--help"], ["curve", "photo.png", "--csv"], ["curve", "photo.png", "photo.png"]])
def test_a_reader_that_has_gone_is_no_error_to_report(photo, args):
    with subprocess.Popen(
        command(*args), stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(), cwd=photo.parent
    ) as process:
        process.stdout.close()  # before the first byte is written: Python is still starting
        err = process.stderr.read()
    assert (process.returncode, err) == (141, b"")


def test_head_gets_its_line(photo):
    script = f"{shlex.join(command('curve', photo))} | head -1"
    done = subprocess.run(["sh", "-c", script], env=environment(), capture_output=True, timeout=60, text=True)
    assert (done.stdout, done.stderr) == (f"{photo}: 70 x 60 pixels, gray\n", "")


def test_output_that_cannot_be_delivered_is_an_error(photo):
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            command("ranks", photo), stdout=full, stderr=subprocess.PIPE, env=environment(), timeout=60, text=True
        )
    assert done.returncode == 2
    assert complaint(done.stderr) == "The output cannot be written: No space left on device."


def test_ctrl_c_is_one_line(tmp_path):
    pipe = tmp_path / "endless.png"
    os.mkfifo(pipe)
    # a shell has its jobs in the background deaf to Ctrl+C, and what they start: these tests among them, perhaps
    hears = signal.signal(signal.SIGINT, signal.default_int_handler)
    with subprocess.Popen(
        command("curve", pipe), stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment()
    ) as process:
        signal.signal(signal.SIGINT, hears)
        ours = os.open(pipe, os.O_RDWR)  # a reader and a writer, so that neither side waits for the other here
        os.write(ours, b"some bytes")
        while process.poll() is None and any(fcntl.ioctl(ours, termios.FIONREAD, bytes(4))):
            time.sleep(0.01)  # until it has read these: then it waits for more, which never come
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    os.close(ours)
    assert (process.returncode, out, err) == (130, b"", b"lowrank: Stopped.\n")


def on_a_terminal(args):
    """Run with stderr on a terminal; what is printed, and what the terminal shows, ended by a dot."""
    ours, terminal = pty.openpty()
    termios.tcsetwinsize(terminal, (24, 80))
    done = subprocess.run(args, stdout=subprocess.PIPE, stderr=terminal, env=environment(), timeout=60)
    os.write(terminal, b".")  # so that there is something to read
    shown = os.read(ours, 100_000).decode()
    os.close(terminal)
    os.close(ours)
    assert done.returncode == 0
    return done.stdout.decode(), shown


@pytest.mark.parametrize("count", [1, 3])
def test_progress_is_shown_on_a_terminal_for_several_pictures(tmp_path, count):
    for i in range(count):
        save(tmp_path / f"{i}.png", seed=i)
    printed, shown = on_a_terminal(command("ranks", tmp_path, "--psnr", 30))
    assert len(printed.split("\n\n")) == count
    assert ("0/3 " in shown and " pictures/s" in shown) if count > 1 else shown == "."


def test_no_progress_without_a_terminal(tmp_path):
    for i in range(3):
        save(tmp_path / f"{i}.png", seed=i)
    done = shell("ranks", tmp_path, "--psnr", 30)
    assert (done.returncode, done.stderr) == (0, b"")
