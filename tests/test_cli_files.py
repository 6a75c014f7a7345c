"""compress, open and compare from the shell."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lowrank import metrics, read_image
from lowrank.cli import main
from lowrank.codec import inspect
from lowrank.console import write
from lowrank.errors import LowrankError

SAMPLES = Path(__file__).parents[1] / "sample_images"


@pytest.fixture
def small(tmp_path):
    """A part of a photograph, as a file."""
    file = tmp_path / "small.png"
    with Image.open(SAMPLES / "coffee.jpg") as image:
        image.crop((200, 100, 328, 196)).save(file)
    return file


def test_there_and_back(small, capsys):
    assert main(["compress", str(small), "--psnr", "34"]) == 0
    file = small.with_suffix(".lrk")
    said = capsys.readouterr()
    assert said.err == ""
    assert f"{file.stat().st_size:,} bytes" in said.out
    assert main(["open", str(file), "-o", str(small.with_name("back.png"))]) == 0
    assert "128 x 96 pixels, colour, patches, rank" in capsys.readouterr().out
    assert metrics.psnr(read_image(small), read_image(small.with_name("back.png"))) == pytest.approx(34, abs=0.1)


@pytest.mark.slow
def test_every_target(small):
    file, picture = small.with_suffix(".lrk"), str(small)
    assert main(["compress", picture, "--rank", "7", "--arrangement", "whole"]) == 0
    assert (inspect(file.read_bytes()).arrangement, inspect(file.read_bytes()).rank) == ("whole", 7)
    assert main(["compress", picture, "--bytes", "1500", "--force"]) == 0
    assert 1450 <= file.stat().st_size <= 1500
    assert main(["compress", picture, "--force", "--gray"]) == 0
    assert inspect(file.read_bytes()).color == "gray"


def test_nothing_is_overwritten_without_force(small, capsys):
    small.with_suffix(".lrk").write_bytes(b"mine")
    assert main(["compress", str(small)]) == 2
    assert "exists already" in capsys.readouterr().err
    assert small.with_suffix(".lrk").read_bytes() == b"mine"


def test_folders(small, tmp_path, capsys):
    folder = tmp_path / "folder"
    folder.mkdir()
    for name in ("a.png", "b.png"):
        shutil.copy(small, folder / name)
    (folder / "c.png").write_bytes(b"no picture")
    assert main(["compress", str(folder), "--bytes", "900", "-o", str(tmp_path / "out")]) == 2
    said = capsys.readouterr()
    assert "c.png" in said.err
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a.lrk", "b.lrk"]
    assert main(["open", str(tmp_path / "out")]) == 0
    assert (tmp_path / "out" / "a.png").is_file()
    assert main(["open", str(folder)]) == 2
    assert "nothing ends in lrk" in capsys.readouterr().err


@pytest.mark.parametrize("target", ["--psnr=nan", "--psnr=inf", "--psnr=1e308", "--psnr=-5", "--bytes=0", "--rank=0"])
def test_what_is_no_target_is_a_sentence(small, target, capsys):
    assert main(["compress", str(small), target]) == 2
    assert capsys.readouterr().err.startswith("lowrank: ")
    assert [path.name for path in small.parent.iterdir()] == ["small.png"]


def test_two_pictures_of_one_name_are_not_written_over_each_other(small, capsys):
    small.with_suffix(".jpg").write_bytes(small.read_bytes())
    assert main(["compress", str(small.parent), "--force"]) == 2
    assert "would get the same name" in capsys.readouterr().err
    assert not list(small.parent.glob("*.lrk"))


def test_a_part_of_another_run_is_left_alone(tmp_path, monkeypatch):
    monkeypatch.setattr("lowrank.console.secrets.token_hex", lambda count: "0")
    other = tmp_path / ".lowrank-0.part"
    other.write_bytes(b"theirs")
    with pytest.raises(LowrankError):
        write(tmp_path / "x.lrk", b"ours")
    assert other.read_bytes() == b"theirs"


def test_a_damaged_file_and_a_wrong_name(small, capsys):
    file = small.with_suffix(".lrk")
    file.write_bytes(b"LRK\1 but no more")
    assert main(["open", str(file)]) == 2
    assert main(["open", str(small), "-o", str(small.with_name("x.png"))]) == 2
    assert main(["compress", str(small), "-o", str(small.with_name("x.zip"))]) == 2
    errors = capsys.readouterr().err
    for sentence in ("damaged", "no .lrk file", "End it in .lrk"):
        assert sentence in errors
    assert "Traceback" not in errors


def test_an_interrupted_run_leaves_nothing_half_written(small, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("lowrank.cli_files.encode", interrupted)
    assert main(["compress", str(small)]) == 130
    assert [path.name for path in small.parent.iterdir()] == ["small.png"]


def test_compare(small, capsys):
    assert main(["compare", str(small), "--psnr", "32"]) == 0
    table = capsys.readouterr().out
    for name in ("patches (.lrk)", "whole (.lrk)", "JPEG", "WebP", "AVIF", "PNG"):
        assert name in table
    rows = {line[:16].strip(): line[16:].split() for line in table.splitlines()[3:]}
    assert float(rows["JPEG"][2]) >= 32
    assert np.isinf(float(rows["PNG"][2]))
    assert main(["compare", str(small), "--bytes", "2000", "--gray"]) == 0
    table = capsys.readouterr().out
    assert "PNG makes no file of 2,000 bytes" in table
