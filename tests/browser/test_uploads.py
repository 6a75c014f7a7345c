"""Files that are no pictures and names that want to be more than names, in a real browser."""

import pytest
from hostile_names import HOSTILE_NAMES
from playwright.sync_api import expect

from app.ui import text
from browser import pictures

pytestmark = pytest.mark.browser

#: Kinds of nodes on the page, in the viewer's shadow too: a tag, and those of its attributes that load or run things.
KINDS = """() => {
    const kinds = new Set(), active = /^on|^(src|srcset|srcdoc|href|xlink:href|action|formaction|data|autofocus)$/;
    const look = (root) => {
        for (const node of root.querySelectorAll('*')) {
            kinds.add([node.localName, ...[...node.attributes].map((one) => one.name).filter((one) => active.test(one))]
                .join(' '));
            if (node.shadowRoot) look(node.shadowRoot);
        }
    };
    look(document.body);
    return [...kinds];
}"""
PLAIN = tuple(f"a plain name {i}.png" for i in range(8))


def everywhere(app, names):
    """Show names wherever the page shows one; return what is read there, and the kinds of nodes at each place."""
    read, kinds = {}, {}
    files = [(name, "image/png", pictures.noise(i, 30, 40)) for i, name in enumerate(names)]

    def look(place, texts):
        read[place], kinds[place] = texts, set(app.page.evaluate(KINDS))

    app.open()
    app.drop(*files)
    labels = app.gallery.locator(".stButton .stTooltipHoverTarget button")
    expect(labels).to_have_count(8 + len(names))
    app.settled()
    look("gallery", labels.all_inner_texts()[: len(names)][::-1])
    labels.first.hover()
    tip = app.page.get_by_role("tooltip")
    expect(tip).to_be_visible()
    look("heading and hint", [app.title, tip.inner_text()])
    app.drop(*((name, "image/png", b"no picture") for name in names))
    expect(app.messages()).to_have_count(len(names))
    look("messages", app.settled().messages().all_inner_texts())

    app.go_to(text.COMPARE).clear_compared()
    app.drop(*files)
    expect(app.captions_element).to_have_count(len(names))
    app.settled().page.locator("[data-testid=stDataFrame] table").wait_for(state="attached")
    look("strip", app.compared())
    look("legend", app.legend())
    look("chart", [line.rpartition(" : ")[0] for line in app.hover()[1:]])
    app.page.get_by_role("button", name="Clear all").click()
    app.page.get_by_role("combobox", name=text.COMPARE_PICK).press("ArrowDown")
    options = app.page.get_by_role("option")
    expect(options.nth(5)).to_be_visible()
    look("options", options.all_inner_texts()[1:])  # the first one is for all of them
    return read, kinds


def seen(name):
    """What is to be seen of a name.

    A browser sends ends of lines and quotation marks as here; Streamlit writes its sign of an icon in two ways.
    """
    sent = name.replace("\r", "%0D").replace("\n", "%0A").replace('"', "%22").replace(":material/", ":material_")
    return "".join(c for c in sent if c.isprintable() and not c.isspace())


def test_hostile_names_stay_names_everywhere(app):
    assert len(HOSTILE_NAMES) == 40
    _, kinds = everywhere(app, PLAIN)
    plain = set().union(*kinds.values())
    for first in range(0, 40, 8):
        names = HOSTILE_NAMES[first : first + 8]
        read, kinds = everywhere(app, names)
        assert {place: found - plain for place, found in kinds.items() if found - plain} == {}
        whole = [seen(name) for name in names]
        for place in ("gallery", "legend", "chart"):
            assert len(read[place]) == 8
            for name, shown in zip(whole, read[place], strict=True):
                assert name.startswith(seen(shown).removesuffix("…")), (place, shown)
        assert [seen(one) for one in read["heading and hint"]] == [whole[-1]] * 2
        assert [seen(one).partition(":Thisfile")[0] for one in read["messages"]] == whole
        assert [seen(one) for one in read["strip"]] == whole
        assert whole[::-1][: len(read["options"])] == [seen(one) for one in read["options"]][:8]


def test_a_file_that_is_no_picture_is_said_and_the_picture_stays(app):
    app.open(picture="rocket", rank=20)
    before = app.numbers(), app.picture().tobytes()
    app.drop(("<img src=x onerror=alert(1)>.png", "image/png", b"%PDF-1.7 this is no picture"))
    expect(app.messages()).to_have_count(1, timeout=8000)
    app.settled()
    said = app.messages().inner_text()
    assert said.startswith("<img src=x onerror=alert(1)>.png: This file is a PDF document, not a picture")
    assert "/" not in said
    assert (app.title, app.rank) == ("Rocket", 20)
    assert (app.numbers(), app.picture().tobytes()) == before
    assert not app.page.locator("img[src='x'], [onerror]").count()
    app.rank_by_number(21)
    assert app.messages().count() == 0  # said once


def test_a_target_out_of_reach_is_said_and_the_rank_stays(app):
    app.open(picture="noise", rank=33)
    app.set_target("psnr", 99)
    expect(app.messages()).to_have_count(1, timeout=8000)
    assert app.settled().rank == 33
