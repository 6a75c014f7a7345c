"""The floors of the house, and its face."""

import subprocess
import sys
import tomllib
from pathlib import Path

import lowrank

ROOT = Path(__file__).parents[1]


def run(code):
    """Run Python code at the root of the project in a process of its own."""
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)


def test_imports_only_go_down():
    code = "from importlinter.cli import lint_imports; raise SystemExit(lint_imports(no_cache=True, no_logo=True))"
    done = run(code)
    assert done.returncode == 0, done.stdout + done.stderr
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    assert f"{len(contracts)} kept, 0 broken" in done.stdout


def test_the_face_is_the_one_of_the_design():
    face = """SVD truncated_svd read_image to_png to_planes from_planes encode decode error_curve choose_rank psnr ssim
    LowrankError __version__"""
    assert set(lowrank.__all__) == set(face.split())
    assert len(lowrank.__all__) == len(set(lowrank.__all__))
    for name in lowrank.__all__:
        assert getattr(lowrank, name) is not None


def test_every_name_of_the_face_says_what_it_is():
    for name in set(lowrank.__all__) - {"__version__"}:
        assert getattr(lowrank, name).__doc__


def test_the_core_knows_no_screen():
    done = run("import sys, lowrank; print(*sorted({'streamlit', 'plotly', 'pandas'} & set(sys.modules)))")
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == ""
