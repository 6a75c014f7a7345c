"""The README is run: its Python, its shell, and what it says in figures. The same holds for CONTRIBUTING's commands."""

import doctest
import io
import os
import re
import shlex
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from PIL import Image

import lowrank
from lowrank.color import to_levels
from lowrank.intake.limits import DEFAULT
from lowrank.storage import stored_bytes

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text("utf-8")


def blocks(text):
    """Return (kind, content) of every fenced block."""
    fenced = re.findall(r"^( *)```(\w*)\n(.*?)^\1```$", text, re.MULTILINE | re.DOTALL)
    return [(kind, textwrap.dedent(content)) for _, kind, content in fenced]


def sessions():
    """Return (command, expected output) of every command in a console block."""
    for kind, content in blocks(README):
        if kind == "console":
            for session in re.split(r"^\$ ", content, flags=re.MULTILINE)[1:]:
                yield session.split("\n", 1)


@pytest.fixture
def beside_the_samples(tmp_path, monkeypatch):
    """A copy of what the examples read, as the current folder: they may write there."""
    shutil.copytree(ROOT / "sample_images", tmp_path / "sample_images")
    monkeypatch.chdir(tmp_path)


def test_every_block_is_of_a_kind_that_is_checked():
    assert {kind for kind, _ in blocks(README)} == {"sh", "console", "python"}
    assert {kind for kind, _ in blocks(CONTRIBUTING)} <= {"sh", "text"}


@pytest.mark.usefixtures("beside_the_samples")
def test_python_examples_print_what_they_show():
    code = "\n".join(content for kind, content in blocks(README) if kind == "python")
    example = doctest.DocTestParser().get_doctest(code, {}, "README.md", "README.md", 0)
    assert example.examples
    report = io.StringIO()
    failed, _ = doctest.DocTestRunner(verbose=False).run(example, out=report.write)
    assert not failed, report.getvalue()


@pytest.mark.usefixtures("beside_the_samples")
@pytest.mark.parametrize(("command", "expected"), list(sessions()))
def test_shell_examples_print_what_they_show(command, expected):
    program, *words = shlex.split(command)
    assert program == "lowrank"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-m", "lowrank", *words], capture_output=True, text=True, env=environment, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    parts = re.split(r"^\.\.\.\n", expected, flags=re.MULTILINE)  # dots stand for lines that are left out
    assert re.fullmatch("(?s:.*)".join(map(re.escape, parts)), done.stdout), done.stdout


@pytest.mark.parametrize("text", [README, CONTRIBUTING], ids=["README", "CONTRIBUTING"])
def test_every_make_command_is_a_target(text):
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    content = "\n".join([*(content for _, content in blocks(text)), *re.findall(r"`(make[^`]*)`", text)])
    named = set(re.findall(r"\bmake ([a-z][\w-]*)", content))
    assert named
    assert named <= targets


@pytest.mark.parametrize("text", [README, CONTRIBUTING], ids=["README", "CONTRIBUTING"])
def test_every_link_leads_to_a_file(text):
    links = re.findall(r"\]\(([^)#]+)\)", text)
    files = [link for link in links if not link.startswith("https://")]
    assert all((ROOT / link).is_file() for link in files), files


def test_the_two_commands_come_first():
    first = blocks(README)[0][1].splitlines()
    assert [line.split("#")[0].strip() for line in first] == ["make run", "make test"]


def test_the_picture_is_small_enough_to_load_at_once():
    picture = ROOT / "docs" / "app.png"
    assert picture.stat().st_size < 500_000
    with Image.open(picture) as image:
        assert image.width >= 1200


def test_what_is_said_of_jpeg():
    planes = lowrank.to_planes(lowrank.read_image(ROOT / "sample_images" / "portrait.jpg"))
    svd, (_, m, n) = lowrank.truncated_svd(planes), planes.shape
    k = lowrank.choose_rank(svd, "psnr", 30)
    assert f"{stored_bytes(m, n, k):,} bytes as float32" in README
    assert f"({stored_bytes(m, n, k, precision='8-bit'):,} at one byte" in README
    reference = lowrank.from_planes(planes)
    for quality in range(1, 96):
        stream = io.BytesIO()
        Image.fromarray(to_levels(reference)).save(stream, "JPEG", quality=quality)
        if lowrank.psnr(reference, lowrank.read_image(stream.getvalue())) >= 30:
            break
    size = int(re.search(r"a JPEG of 30 dB takes about\s+([\d,]+)", README)[1].replace(",", ""))
    assert len(stream.getvalue()) == pytest.approx(size, rel=0.05)


def test_the_limit_on_pixels():
    assert f"limit is {DEFAULT.pixels // 10**6} megapixels" in README
