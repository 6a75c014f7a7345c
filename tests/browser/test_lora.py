"""LoRA in a browser: numbers follow the hand, files come and go, every part fits and is reached by keyboard."""

import io
import json
import struct
import zipfile

import pytest
from playwright.sync_api import expect

from app.ui.lora import inspect
from app.ui.words import lora as words
from browser.test_layout import crowding_everywhere
from lowrank.lora.formats import read_adapter

pytestmark = pytest.mark.browser


@pytest.fixture
def part(app):
    def open_part(name):
        app.open("/lora", part=name)
        return app.page

    return open_part


def test_counts_follow_the_hand(part):
    page = part("motion")
    says = page.locator(".says")
    expect(says).to_contain_text("2,560,000")
    expect(says).to_contain_text("51,200, which is 2.0 % of W")
    slider = page.locator(".controls input.r")
    slider.focus()
    for _ in range(2):
        page.keyboard.press("ArrowRight")
    expect(says).to_contain_text("B and A have r (d + d) = 102,400")
    expect(page.locator('[data-testid="stTable"]')).to_contain_text("32")  # Python has heard, and its rank is that
    width, side = (page.locator(f".{name}").bounding_box()["width"] for name in ("B", "W"))
    assert width == pytest.approx(side * 32 / 1600, abs=1)


@pytest.mark.parametrize("width", [400, 800, 1101, 1280])
def test_the_largest_factors_fit_and_nothing_moves(part, app, width):
    page = part("motion")
    app.look(width, "light")
    says = page.locator(".says")
    before = says.bounding_box()
    page.locator(".controls input.d").fill("0")
    page.locator(".controls input.r").fill("17")
    expect(says).to_contain_text("B and A have r (d + d) = 8,192")
    app.settled()
    assert says.bounding_box() == before
    assert app.crowding() == []
    drawing = page.locator(".drawing").bounding_box()
    end = max(box.bounding_box()["x"] + box.bounding_box()["width"] for box in page.locator(".drawing .box").all())
    assert end <= drawing["x"] + drawing["width"] + 1


def test_the_memory_is_there_while_the_chart_is_computed(part, app):
    page = part("qlora")
    place = """() => {
        const heading = [...document.querySelectorAll('p')].find((one) => one.innerText === 'MEMORY');
        const main = document.querySelector('[data-testid=stMain]');
        return heading && heading.getBoundingClientRect().top + main.scrollTop;
    }""".replace("MEMORY", words.MEMORY)
    page.evaluate(f"""() => {{  // however short the work is: every change of the page while it lasts
        window.places = [];
        new MutationObserver(() => document.querySelector('[data-testid=stProgress]') && places.push(({place})()))
            .observe(document.body, {{ subtree: true, childList: true, attributes: true }});
    }}""")
    page.get_by_text(words.COMPUTE).click()
    expect(page.get_by_text(words.RESIDUAL_CHART)).to_be_visible()
    app.settled()
    places = page.evaluate("places")
    assert None not in places
    assert places[-1] == page.evaluate(place)


def test_the_address_names_the_part(part, app):
    page = part("choice")
    page.get_by_role("radio", name=words.PARTS["qlora"]).click()
    page.wait_for_url("**/lora?part=qlora")
    app.settled()
    expect(page.get_by_text(words.QLORA_INTRO)).to_be_visible()


def test_an_adapter_comes_in_and_leaves_smaller(part, app):
    page = part("adapter")
    data, config = inspect.example()
    files = [
        {"name": "adapter_model.safetensors", "mimeType": "application/octet-stream", "buffer": data},
        {"name": "adapter_config.json", "mimeType": "application/json", "buffer": config},
    ]
    page.locator('[data-testid="stFileUploader"] input[type=file]').set_input_files(files)
    expect(page.get_by_text(words.VERIFIED)).to_be_visible()
    app.settled()
    with page.expect_download() as waiting:
        page.get_by_role("button", name=words.SAVE_ADAPTER).click()
    archive = zipfile.ZipFile(io.BytesIO(waiting.value.path().read_bytes()))
    adapter = read_adapter(archive.read("adapter_model.safetensors"), archive.read("adapter_config.json"))
    assert set(adapter.ranks.values()) == {8}


def test_a_file_that_cannot_be_made_is_a_sentence(part, app):
    page = part("adapter")
    header = {
        "base_model.model.q.lora_A.weight": {"dtype": "F32", "shape": [1, 2], "data_offsets": [0, 8]},
        "base_model.model.q.lora_B.weight": {"dtype": "F32", "shape": [2, 1], "data_offsets": [8, 16]},
    }
    encoded = json.dumps(header).encode()
    data = len(encoded).to_bytes(8, "little") + encoded + struct.pack("<4f", *[1e9] * 4)
    upload = {"name": "large.safetensors", "mimeType": "application/octet-stream", "buffer": data}
    page.locator('[data-testid="stFileUploader"] input[type=file]').set_input_files([upload])
    expect(page.get_by_text(words.CUT)).to_be_visible()
    app.open_menu(page.get_by_role("combobox", name=words.DTYPE))
    with app.a_run():
        page.get_by_role("option", name="float16", exact=True).click()
    page.get_by_role("button", name=words.SAVE_ADAPTER).click()
    expect(page.locator('[data-testid="stAlert"]').filter(has_text="too large for float16")).to_be_visible()


HOSTILE = "<img src=x onerror=alert(1)>![x](http://127.0.0.1:9/x.png)[a](http://127.0.0.1:9/)$x$ :red[a]"


def test_a_hostile_tensor_name_is_text(part):
    page = part("adapter")
    header = {
        f"base_model.model.{HOSTILE}.lora_A.weight": {"dtype": "F32", "shape": [1, 2], "data_offsets": [0, 8]},
        f"base_model.model.{HOSTILE}.lora_B.weight": {"dtype": "F32", "shape": [2, 1], "data_offsets": [8, 16]},
    }
    encoded = json.dumps(header).encode()
    data = len(encoded).to_bytes(8, "little") + encoded + b"\0\0\x80\x3f" * 4
    upload = {"name": f"{HOSTILE}.safetensors", "mimeType": "application/octet-stream", "buffer": data}
    page.locator('[data-testid="stFileUploader"] input[type=file]').set_input_files([upload])
    expect(page.get_by_text(words.CUT)).to_be_visible()
    main = page.locator('[data-testid="stMain"]')
    expect(main.locator('img[src="x"], img[src*="127.0.0.1:9"], a[href*="127.0.0.1:9"], .katex')).to_have_count(0)
    # and in an error message: a factor without its other
    lonely = json.dumps(dict([next(iter(header.items()))])).encode()
    data = len(lonely).to_bytes(8, "little") + lonely + b"\0\0\x80\x3f" * 2
    page.reload()
    expect(page.get_by_text(words.ADAPTER_INTRO)).to_be_visible()
    page.locator('[data-testid="stFileUploader"] input[type=file]').set_input_files([upload | {"buffer": data}])
    alert = page.locator('[data-testid="stAlert"]')
    expect(alert).to_have_count(1)
    expect(alert).to_contain_text("has a factor A and no B")
    expect(main.locator('img[src="x"], img[src*="127.0.0.1:9"], a[href*="127.0.0.1:9"], .katex')).to_have_count(0)


@pytest.mark.parametrize("name", list(words.PARTS))
def test_every_part_fits(part, app, name):
    page = part(name)
    if name == "adapter":
        page.get_by_text(words.EXAMPLE).click()
        expect(page.get_by_text(words.VERIFIED)).to_be_visible()
    app.settled()
    assert crowding_everywhere(app) == {}
    assert app.unnamed_pictures() == []
