"""What is installed, and from what: the metadata, the pins, the wheel, and that no file tells where it was made."""

import importlib
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

import lowrank

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
FILES = {"requirements.txt": ("app",), "tests/requirements.txt": ("app", "test")}
RUNTIME = [Requirement(text) for text in (*PROJECT["dependencies"], *EXTRAS["app"])]
EVERYTHING = [*RUNTIME, *(Requirement(text) for text in EXTRAS["test"])]


def lines(name):
    """Return what a requirements file asks for, without comments."""
    text = (ROOT / name).read_text("utf-8")
    return [line.split(" #")[0].strip() for line in text.splitlines() if not line.startswith("#")]


def pins(name):
    """Return the pinned requirements of a file by package, those of the files that it includes as well."""
    found = {}
    for line in lines(name):
        if line.startswith("-r "):
            found |= pins((Path(name).parent / line[3:]).resolve().relative_to(ROOT))
        elif not line.startswith("-"):
            requirement = Requirement(line)
            assert requirement.name not in found, f"{requirement.name} is pinned twice"
            found[canonicalize_name(requirement.name)] = requirement
    return found


def version(pin):
    """Return the one version that a pin allows."""
    (specifier,) = pin.specifier
    assert specifier.operator == "==", pin
    return Version(specifier.version)


def tracked(*options):
    """Return every file that git knows, and with options others too."""
    if not (ROOT / ".git").exists() or not shutil.which("git"):
        pytest.skip("not a checkout")
    listed = subprocess.run(["git", "ls-files", "-z", *options], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip(listed.stderr)  # a checkout that belongs to someone else
    return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def test_metadata():
    assert PROJECT["name"] == "lowrank"
    assert PROJECT["requires-python"] == ">=3.11"
    assert len(Version(lowrank.__version__).release) == 3
    for name in (PROJECT["readme"], *PROJECT["license-files"]):
        assert (ROOT / name).is_file()


def test_the_command_leads_to_a_function():
    module, _, function = PROJECT["scripts"]["lowrank"].partition(":")
    assert callable(getattr(importlib.import_module(module), function))


def test_the_changelog_begins_with_this_version():
    headings = re.findall(r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)
    assert headings[0] == lowrank.__version__


@pytest.mark.parametrize(("name", "needed"), [("requirements.txt", RUNTIME), ("tests/requirements.txt", EVERYTHING)])
def test_every_dependency_is_pinned_within_its_range(name, needed):
    pinned = pins(name)
    for requirement in needed:
        pin = pinned[canonicalize_name(requirement.name)]
        assert requirement.specifier.contains(version(pin)), f"{pin} is not {requirement}"


@pytest.mark.parametrize(("name", "needed"), [("requirements.txt", RUNTIME), ("tests/requirements.txt", EVERYTHING)])
def test_what_the_dependencies_need_is_pinned_as_well(name, needed):
    pinned, seen, waiting = pins(name), set(), [(requirement, "") for requirement in needed]
    while waiting:
        requirement, extra = waiting.pop()
        package = canonicalize_name(requirement.name)
        if requirement.marker and not requirement.marker.evaluate({"extra": extra}):
            continue
        assert package in pinned, f"{requirement} is not pinned"
        assert requirement.specifier.contains(version(pinned[package]), prereleases=True), requirement
        for asked in {"", *requirement.extras}:
            if (package, asked) not in seen:
                seen.add((package, asked))
                waiting += [(Requirement(text), asked) for text in metadata.requires(package) or ()]
    assert {package for package, _ in seen} <= set(pinned)


def test_the_project_itself_is_installed_by_either_file():
    assert lines("requirements.txt")[-1] == "-e ."
    assert lines("tests/requirements.txt")[-1] == "-r ../requirements.txt"


@pytest.mark.parametrize(("name", "extras"), FILES.items())
def test_the_header_says_how_the_pins_were_made(name, extras):
    header = [line for line in (ROOT / name).read_text("utf-8").splitlines() if line.startswith("#    ")]
    assert len(header) == 1
    assert header[0].startswith("#    uv pip compile --universal --python-version 3.11 ")
    assert re.findall(r"--extra (\w+)", header[0]) == list(extras)
    assert header[0].endswith(f" pyproject.toml -o {name}")


def test_every_dependency_says_why_it_is_there():
    text = (ROOT / "pyproject.toml").read_text("utf-8")
    for requirement in (*PROJECT["dependencies"], *(text for extra in EXTRAS.values() for text in extra)):
        assert re.search(rf'^  "{re.escape(requirement)}", +# \w', text, re.MULTILINE), requirement


def test_no_file_tells_where_it_was_made():
    folders = rb"/(?:work|root|home|Users)/\w"
    indexes = rb"file:/{3}|/(?:simple)/\w|-{2}(?:extra-)?index-url|-{2}find-links"
    telltale = re.compile(folders + b"|" + indexes)
    found = {
        str(file.relative_to(ROOT)): hits
        for file in tracked("--cached", "--others", "--exclude-standard")
        if (hits := telltale.findall(file.read_bytes()))
    }
    assert not found


def test_the_map_in_contributing_shows_every_file():
    the_map = (ROOT / "CONTRIBUTING.md").read_text("utf-8").split("## The map")[1].split("## Habits")[0]
    named = set(re.findall(r"[\w.]+\.py\b", the_map))
    there = {path.name for path in tracked("app/*.py", "lowrank/*.py") if path.stat().st_size}
    assert there - named == set()
    assert named - {path.name for path in ROOT.glob("[a-z]*/**/*.py")} == set()


def test_the_wheel_holds_the_core_alone(tmp_path):
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,) = tmp_path.iterdir()
    assert wheel.name == f"lowrank-{lowrank.__version__}-py3-none-any.whl"
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        entry_points = archive.read(f"lowrank-{lowrank.__version__}.dist-info/entry_points.txt").decode()
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == {"lowrank"}
    core = {path.relative_to(ROOT).as_posix() for path in (ROOT / "lowrank").rglob("*.py")}
    assert core | {"lowrank/py.typed"} <= set(names)
    assert any(name.endswith("/licenses/LICENSE") for name in names)
    assert "lowrank = lowrank.cli:main" in entry_points
