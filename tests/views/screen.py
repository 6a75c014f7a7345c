"""The pages as a test sees them: how one is opened, and what stands on it."""

import dataclasses
import io
import json
import re
import sys
import tempfile
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from google.protobuf.message import Message
from PIL import Image
from streamlit.testing.v1 import AppTest

from app.ui.cached import MAX_RANK
from lowrank.allot import picture_svd
from lowrank.color import Color, from_planes, to_planes
from lowrank.image import read_image
from lowrank.svd import SVD

ROOT = Path(__file__).parents[2]
SAMPLES = ("portrait", "coffee", "rocket", "page", "tartan", "dusk", "gravel", "noise")
MEASURES = ("relative_error", "psnr", "ssim", "energy", "singular_values")


def tab(**address: str) -> AppTest:
    """Return a tab at an address, not run yet; the first look is over, for no browser tells when it is."""
    at = AppTest.from_file(ROOT / "app" / "main.py", default_timeout=20)
    at.session_state["looked"] = True
    at.query_params.update(address)
    return at


def explore(**address: str) -> AppTest:
    """Open Explore at an address."""
    return tab(**address).run()


def compare(**address: str) -> AppTest:
    """Open Compare at an address."""
    return to_compare(tab(**address))


def to_compare(at: AppTest) -> AppTest:
    """Go to Compare, as a click on its name does."""
    return at.switch_page("views/compare.py").run()


def to_explore(at: AppTest) -> AppTest:
    """Go to Explore."""
    return at.switch_page("views/explore.py").run()


def drop(at: AppTest, *files: tuple[str, bytes]) -> AppTest:
    """Drop files on the page and wait for what comes of it."""
    return at.file_uploader[0].set_value([(name, data, "image/png") for name, data in files]).run()


def set_rank(at: AppTest, k: int) -> AppTest:
    """Let the viewer's slider go at rank k, as Python hears of it."""
    at.session_state["view"] = dataclasses.replace(at.session_state["view"], rank=k)
    return at.run()


def set_color(at: AppTest, color: str) -> AppTest:
    """Choose grey, colour, or colour with allotted ranks."""
    return at.segmented_control(key="color_choice").set_value(color).run()


def png(levels: np.ndarray) -> bytes:
    """Encode grey levels or RGB, uint8."""
    stream = io.BytesIO()
    Image.fromarray(levels).save(stream, "PNG")
    return stream.getvalue()


def noisy(h: int, w: int, channels: int | None = 3, seed: int = 0) -> bytes:
    """Encode a picture with structure and noise: of full rank, with a falling spectrum."""
    rng = np.random.default_rng(seed)
    shape = (h, w) if channels is None else (h, w, channels)
    y, x = np.mgrid[0 : 1 : h * 1j, 0 : 1 : w * 1j].reshape((2, h, w) + (1,) * (len(shape) - 2))
    waves = sum(np.sin(rng.uniform(2, 30, shape[2:]) * (x * rng.random() + y * rng.random())) / i for i in range(1, 8))
    picture = 0.5 + 0.15 * waves + rng.normal(0, 0.02, shape)
    return png(np.rint(255 * picture.clip(0, 1)).astype(np.uint8))


@lru_cache(maxsize=32)
def core(data: bytes, color: Color) -> tuple[np.ndarray, SVD, np.ndarray]:
    """Return what the core makes of a file: picture, factors up to the highest rank, and what rank k is held to."""
    image = read_image(data)
    planes = to_planes(image, color)
    return image, picture_svd(image, color, min(*planes.shape[1:], MAX_RANK)), from_planes(planes, color)


def sample(name: str) -> bytes:
    """Return a sample picture's bytes."""
    (file,) = (ROOT / "sample_images").glob(f"{name}.[jp]*g")
    return file.read_bytes()


# -- what stands on a page --------------------------------------------------------------------------------------------


def elements(at: AppTest) -> Iterator:
    """Yield every element of the page in order."""

    def walk(node) -> Iterator:
        for child in getattr(node, "children", {}).values():
            yield child
            yield from walk(child)

    return walk(at._tree)


def strings(message: Message, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield the path and the text of every string of an element, nested ones included."""
    for field, value in message.ListFields():
        here = f"{path}.{field.name}"
        parts = value if not isinstance(value, (str, bytes, Message)) and hasattr(value, "__iter__") else [value]
        for part in parts:
            if isinstance(part, Message):
                yield from strings(part, here)
            elif isinstance(part, str):
                yield here, part


def words(at: AppTest) -> list[str]:
    """Return every text on the page that a reader can meet, alternative texts and help included."""
    code = ("html_content", "js_content", "css_content", "css_source_path", "js_source_path")
    hidden = ("id", "url", "key", "deferred_file_id", "form_id", "component_name", *code)
    found = [
        value
        for element in elements(at)
        if isinstance(getattr(element, "proto", None), Message)
        for path, value in strings(element.proto)
        if path.rsplit(".", 1)[-1] not in hidden and not (element.type == "bidi_component" and path == ".json")
    ]
    return found + [word for told in _told(at) for word in _leaves(told)]


def _leaves(value: object) -> Iterator[str]:
    """Yield every string of what was read from JSON."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _leaves(part)


def read(written: str) -> Any:
    """Read JSON as a browser does, which knows no NaN and no Infinity."""

    def refuse(constant: str) -> NoReturn:
        raise AssertionError(f"a browser cannot read {constant}")

    return json.loads(written, parse_constant=refuse)


def interpreted(at: AppTest) -> list[str]:
    """Return every text on the page that Streamlit reads as Markdown."""
    fields = ("body", "label", "caption", "help", "content")
    return [
        value
        for element in elements(at)
        if isinstance(getattr(element, "proto", None), Message)
        for path, value in strings(element.proto)
        if path.rsplit(".", 1)[-1] in fields
    ]


def without_code(markdown: str) -> str:
    """Take the code spans out, by CommonMark's rule: a run of backticks closes at the next run as long."""
    out, rest = "", markdown
    while opening := re.search("`+", rest):
        closing = re.search(f"(?<!`){opening[0]}(?!`)", rest[opening.end() :])
        out += rest[: opening.start()]
        rest = rest[opening.end() :]
        if closing:
            rest = rest[closing.end() :]
        else:
            out += opening[0]
    return out + rest


def _told(at: AppTest) -> list[dict[str, Any]]:
    """Return what the page tells its components, as far as it tells them something."""
    return [read(component.proto.json) for component in at.get("bidi_component") if component.proto.json]


def viewer(at: AppTest) -> dict[str, Any]:
    """Return what the page tells its viewer."""
    (found,) = (one for one in _told(at) if "panes" in one)  # the others are the marks over charts
    return found


def pane(at: AppTest) -> dict[str, Any]:
    """Return the one picture of Explore as the viewer gets it."""
    (only,) = viewer(at)["panes"]
    return only


def numbers(at: AppTest) -> dict[str, str]:
    """Return the numbers of Explore by name, as the viewer shows them at the page's rank."""
    data, picture = viewer(at), pane(at)
    k = min(data["rank"], data["highest"])
    assert picture["ssim"]["rank"] == k  # no number of another rank stays
    assert not picture["preview"]
    assert {len(each) for each in picture["readout"].values()} == {picture["rank"]}
    said = {name: each[k - 1] for name, each in picture["readout"].items()}
    said |= {"ssim": picture["ssim"]["text"], "pixels": data["numbers"]["pixels"]["value"]}
    assert set(said) == set(data["numbers"])
    return {name: said[name] for name in data["numbers"]}


def captions(at: AppTest) -> list[str]:
    """Return what the viewer writes under several pictures: name, rank and PSNR."""
    data = viewer(at)
    found = []
    for picture in data["panes"]:
        own = min(data["rank"], picture["rank"])
        at_rank = data["words"]["at"].replace("{rank}", str(own))
        found.append(f"{picture['title']} · {at_rank} · {picture['readout']['psnr'][own - 1]}")
    return found


def pictures_shown(at: AppTest) -> list[tuple[str, str]]:
    """Return what each picture is drawn from: factors and original; other ones, another picture."""
    return [(picture["factors"]["url"], picture["original"]) for picture in viewer(at)["panes"]]


def rank(at: AppTest) -> int:
    """Return the rank that the page shows; viewer, view and downloads agree."""
    data, view = viewer(at), at.session_state["view"]
    assert data["rank"] == view.rank  # the wish; the viewer shows as much of it as there is
    k = min(view.rank, data["highest"])
    assert data["turn"] == view.turn
    labels = [button.label for button in at.get("download_button") if "rank" in button.label]
    assert all(f"rank {k} " in label for label in labels)
    return k


def heading(at: AppTest) -> str:
    """Return the title of the picture that Explore shows."""
    return _headline(at)[0]


def about(at: AppTest) -> str:
    """Return what Explore says of its picture."""
    return _headline(at)[1]


def _headline(at: AppTest) -> tuple[str, str]:
    (found,) = (match for one in at.markdown if (match := re.fullmatch(r"\*\*(.+)\*\*: (.+)", one.value)))
    return found[1], found[2]


def figure(at: AppTest) -> str:
    """Return the chart's whole specification."""
    (chart,) = at.get("plotly_chart")
    return chart.proto.spec


def messages(at: AppTest) -> list[str]:
    """Return the error messages on the page."""
    return [error.value for error in at.error]


def warnings(at: AppTest) -> list[str]:
    """Return the warnings on the page."""
    return [warning.value for warning in at.warning]


def calm(at: AppTest) -> AppTest:
    """Check that nothing escaped to the reader: no exception, no path, no name out of the code."""
    assert not at.exception, [error.message for error in at.exception]
    places = "|".join(map(re.escape, (str(ROOT), tempfile.gettempdir(), sys.base_prefix)))
    forbidden = re.compile(
        rf"{places}|site-packages|Traceback|\.py\b|\b[A-Z]\w*(Error|Exception)\b|PIL\.|lowrank\."
        r"|\bnan\b|\binf\b|None\b"
    )
    for word in words(at):
        if not word.startswith('{"'):  # a figure's or a table's specification
            assert not forbidden.search(word), word
    return at
