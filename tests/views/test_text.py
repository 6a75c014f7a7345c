"""Words and numbers: every format at its edges, and names that stay literal."""

import math
import re

import pytest
from hostile_names import HOSTILE_NAMES
from hypothesis import given
from hypothesis import strategies as st

from app.ui import text
from views.screen import ROOT, without_code


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (31.25, "31.2 dB"),
        (31.26, "31.3 dB"),
        (0.0, "0.0 dB"),
        (-0.4, "-0.4 dB"),
        (99.96, "100.0 dB"),
        (100.0, "100.0 dB"),
        (100.001, "over 100 dB"),
        (math.inf, "over 100 dB"),
    ],
)
def test_decibel(value, said):
    assert text.decibel(value) == said


@pytest.mark.parametrize(
    ("share", "said"),
    [
        (0.0, "0 %"),
        (1.0, "100 %"),
        (0.5, "50.0 %"),
        (0.1234, "12.3 %"),
        (0.9994, "99.9 %"),
        (0.9996, "99.96 %"),
        (0.99996, "99.996 %"),
        (0.999996, "99.9996 %"),
        (0.0004, "0.04 %"),
        (0.000004, "0.0004 %"),
        (0.0000001, "0.00001 %"),
        (0.00000001, "0 %"),
        (0.99999999, "100 %"),
    ],
)
def test_percent(share, said):
    assert text.percent(share) == said


@given(st.floats(1e-6, 1 - 1e-6))
def test_percent_tells_a_share_from_nothing_and_from_all(share):
    said = float(text.percent(share).removesuffix(" %"))
    assert 0 < said < 100
    assert said == pytest.approx(100 * share, abs=0.05)


@given(st.floats(0, 1e-10) | st.floats(1 - 1e-10, 1))
def test_percent_writes_no_digits_that_tell_nothing(share):
    assert not re.fullmatch(r"(0|100)\.00+ %", text.percent(share))


@pytest.mark.parametrize(
    ("excess", "said"),
    [(0.0, text.EXACT), (1e-9, text.EXACT), (1.4e-6, "within 0.0001 % of"), (8e-4, "within 0.1 % of")],
)
def test_optimality(excess, said):
    assert said in text.optimality(excess)
    assert "each plane" in text.optimality(excess, allotted=True)


@pytest.mark.parametrize(
    ("value", "said"),
    [(0.91234, "0.912"), (1.0, "1.000"), (0.0, "0.000"), (-0.25, "-0.250"), (0.9996, "0.9996"), (0.99996, "0.99996")],
)
def test_decimals(value, said):
    assert text.decimals(value) == said


@given(st.floats(-1, 1 - 1e-6))
def test_decimals_tell_a_value_from_one(value):
    assert float(text.decimals(value)) < 1
    assert float(text.decimals(value)) == pytest.approx(value, abs=0.0005)


@given(st.floats(1 - 1e-10, 1))
def test_decimals_write_no_digits_that_tell_nothing(value):
    assert not re.fullmatch(r"1\.0000+", text.decimals(value))


@pytest.mark.parametrize(("number", "said"), [(0, "0"), (999, "999"), (51250, "51,250"), (1234567, "1,234,567")])
def test_count(number, said):
    assert text.count(number) == said


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (0, "0 B"),
        (1, "1 B"),
        (999, "999 B"),
        (1000, "1 kB"),
        (1234, "1.23 kB"),
        (12345, "12.3 kB"),
        (205000, "205 kB"),
        (262144, "262 kB"),
        (999499, "999 kB"),
        (999500, "1 MB"),
        (1_500_000, "1.5 MB"),
        (150_000_000, "150 MB"),
        (2_000_000_000, "2 GB"),
        (5_000_000_000_000, "5000 GB"),
    ],
)
def test_size(number, said):
    assert text.size(number) == said


@given(st.integers(0, 10**13))
def test_a_size_is_right_to_half_a_percent(number):
    value, unit = text.size(number).split()
    scale = {"B": 1, "kB": 1e3, "MB": 1e6, "GB": 1e9}[unit]
    assert float(value) * scale == pytest.approx(number, rel=0.006)
    assert len(value.replace(".", "")) <= 3 or unit == "GB"


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (5.1150, "5.12 : 1"),
        (1.0, "1 : 1"),
        (0.853, "0.853 : 1"),
        (255.75, "256 : 1"),
        (12.8, "12.8 : 1"),
        (0.3333, "0.333 : 1"),
    ],
)
def test_ratio(value, said):
    assert text.ratio(value) == said


@pytest.mark.parametrize(
    ("ranks", "said"), [([50, 9, 12], "Y 50, Cb 9, Cr 12"), ([1, 0, 0], "Y 1, Cb 0, Cr 0"), ([7], "Y 7")]
)
def test_split(ranks, said):
    assert text.split(ranks) == said


def test_cost_says_where_factors_break_even_or_that_no_rank_here_does():
    known, beyond = {"bytes": 63, "numbers": 255}, {"bytes": 130, "numbers": None}
    assert text.cost(text.LARGER, "at", known, 300).endswith("even at rank 63; counted as numbers, at rank 255.")
    assert text.cost(text.LARGER, "at", beyond, 300).endswith("at rank 130; counted as numbers, beyond rank 300.")
    assert text.cost(text.SMALLER, "up to", beyond, 300).endswith("rank 130; counted as numbers, at every rank here.")


@given(st.floats(0.3, 99.9))
def test_a_ratio_below_one_never_reads_as_one_or_more(value):
    said = float(text.ratio(value).split()[0])
    assert said == pytest.approx(value, rel=0.006)


# -- names ------------------------------------------------------------------------------------------------------------


@given(st.text(max_size=40) | st.text("`' a\n", max_size=20) | st.sampled_from(HOSTILE_NAMES))
def test_a_literal_name_is_one_code_span_and_nothing_else(name):
    span = text.literal(name)
    assert without_code(span) == ""
    assert "\n" not in span
    assert span.isprintable()
    fence = re.match("`+", span)[0]
    inside = span[len(fence) : -len(fence)]
    assert inside[0] == inside[-1] == " "  # CommonMark takes one space off each end
    printable = "".join(c if c.isprintable() else " " for c in name).split()
    assert inside.split() == (printable or ["?"])


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_a_hostile_name_keeps_its_letters(name):
    assert "".join(c for c in name if c.isalnum()) in "".join(c for c in text.literal(name) if c.isalnum())


@given(st.text(max_size=80) | st.sampled_from(HOSTILE_NAMES))
def test_a_file_stem_is_safe_everywhere(name):
    assert re.fullmatch(r"[a-z0-9](?:[a-z0-9-]{0,58}[a-z0-9-])?", text.file_stem(name))


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("My picture (1).png", "my-picture-1"),
        ("Text page", "text-page"),
        ("../../etc/passwd.png", "etc-passwd"),
        ("archive.tar.gz", "archive-tar"),
        (".png", "picture"),
        ("日本.png", "picture"),
        ("-rf.png", "rf"),
        ("x" * 300, "x" * 60),
        ("", "picture"),
    ],
)
def test_file_stem(name, stem):
    assert text.file_stem(name) == stem


# -- words ------------------------------------------------------------------------------------------------------------


def said():
    """Every text of the module, templates included."""

    def texts(value):
        if isinstance(value, str):
            yield value
        elif isinstance(value, dict | tuple):
            for one in value.values() if isinstance(value, dict) else value:
                yield from texts(one)

    for name, value in vars(text).items():
        if name.isupper():
            yield from texts(value)


def test_words_are_calm():
    for one in said():
        assert "!" not in one
        assert not re.search("[\U0001f300-\U0001faff]", one)
        assert one == one.strip()
        assert "  " not in one


def test_every_measure_has_a_name_a_title_and_an_axis():
    for name, (short, title, axis) in text.CHARTS.items():
        assert name.replace("_", "").isalpha()
        assert short
        assert title
        assert axis
    assert set(text.TARGETS) < set(text.RULE_NAMES)


def test_no_markup_is_made_of_what_a_user_said():
    for file in sorted((ROOT / "app").rglob("*.py")):
        source = file.read_text("utf-8")
        assert not re.search(r"unsafe_allow_html|st\.html\(|allow_dangerous|import pickle|\beval\(", source), file.name


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_words_of_a_file_within_a_sentence_are_escaped(name):
    said = text.plain(f"The layer {name} has no B.")
    assert re.search(r"(?<!\\)[`*\[\]<>$~|]", said) is None
    assert re.search(r"(?<!\\):\S|https?://|www\.", said) is None
    assert "\n" not in said
