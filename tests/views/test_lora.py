"""LoRA: every part says what the core says, takes files of any kind, and answers a wrong one with a sentence."""

import io
import json
import zipfile

import numpy as np
import pytest
from adapters import kohya, peft
from streamlit.runtime.media_file_manager import MediaFileManager

from app.ui import limits, text, work
from app.ui.lora import inspect, matrices, motion, qlora
from app.ui.lora.approximate import error
from app.ui.words import lora as words
from lowrank import spectrum
from lowrank.lora.advice import STARTING_POINT, SWEEPS, USUAL_RANKS, rank_table
from lowrank.lora.budget import training_memory
from lowrank.lora.formats import read_adapter
from lowrank.lora.inspection import SHARES, inspect_adapter
from lowrank.lora.nf4 import LEVELS, bits_per_weight, dequantize, quantize, relative_error
from lowrank.lora.resize import choose_ranks, foretell
from lowrank.svd import exact_svd
from views.screen import calm, explore, messages


def lora(part):
    at = explore().switch_page("views/lora.py")
    at.session_state["lora_part"] = part
    return calm(at.run())


def metrics(at):
    return {one.label: one.value for one in at.metric}


def captions(at):
    return [one.value for one in at.caption]


def frames(at):
    return [frame.value for frame in at.dataframe]


def npy(a):
    stream = io.BytesIO()
    np.save(stream, a)
    return stream.getvalue()


# in motion


def test_the_checks_are_those_of_the_notebooks_numbers():
    at = lora("motion")
    assert words.SLIP in captions(at)
    at.session_state["motion_numbers"] = (1600, 32, 16)
    assert words.SLIP not in captions(calm(at.run()))
    found = motion.checks("test", *motion.START, b"")
    assert found.rank == 16
    assert found.forward < 1e-6
    assert 0 < found.changed < 0.1


def test_both_scalings_are_drawn():
    chart = json.loads(lora("motion").get("plotly_chart")[0].proto.spec)
    plain, rs = chart["data"]
    assert (plain["y"][0], rs["y"][0]) == (16, 16)
    assert plain["y"][-1] == pytest.approx(16 / 512)
    assert rs["y"][-1] == pytest.approx(16 / 512**0.5)


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ([256, 8, 32], (256, 8, 32)), ([1600.0, 1, 1], (1600, 1, 1)), ([10**400, 10**400, -1], (8192, 512, 1)),
        ([float("nan"), float("inf"), float("-inf")], (64, 512, 1)), ([True, 0, 0.5], (64, 1, 1)),
        ([256, 8], motion.START), (["256", 8, 8], motion.START), ([None] * 3, motion.START),
        (None, motion.START), ({"d": 1}, motion.START), ("123", motion.START),
    ],
)  # fmt: skip
def test_numbers_from_the_browser_stay_within_the_pages_own(said, meant):
    assert motion.numbers(said) == meant


class Doorman:
    """Stands where the line for heavy work is, lets everything through, and notes what would have been queued."""

    def __init__(self):
        self.queued = []

    def do(self, key, compute, *, queued, watch):
        self.queued.append(queued)
        return compute()


def test_checks_of_a_large_weight_take_their_turn_in_the_line(monkeypatch):
    monkeypatch.setattr(work, "line", doorman := Doorman())
    monkeypatch.setattr(motion, "_HEAVY", 128)
    for side in (64, 128):
        at = explore().switch_page("views/lora.py")
        at.session_state["lora_part"], at.session_state["motion_numbers"] = "motion", (side, 4, 7)
        doorman.queued.clear()
        calm(at.run())
        assert doorman.queued == [side >= 128]


class LeavingError(BaseException):
    """How the line ends work that nobody waits for."""


def reports(monkeypatch, stop_after=None):
    """Have the work of this thread report to a list, and end it after so many reports."""
    shares = []

    def told(share):
        shares.append(share)
        if len(shares) == stop_after:
            raise LeavingError

    monkeypatch.setattr(work._here, "report", told, raising=False)
    return shares


LONG_WORK = {
    "reading a text": lambda: matrices.matrix("long", "upload", b"0.25,0.5\n" * 50_000),
    "inspecting": lambda: inspect.inspected("long", inspect.Files(*peft())),
    "cutting": lambda: inspect.written("long", "rank", 2.0, "patterns", "float32", inspect.Files(*peft())),
    "checking": lambda: motion.checks("long", 64, 4, 4, b""),
}


@pytest.mark.parametrize("long_work", LONG_WORK.values(), ids=LONG_WORK)
def test_long_work_tells_how_far_it_is_and_can_be_ended(monkeypatch, long_work):
    shares = reports(monkeypatch, stop_after=3)
    with pytest.raises(LeavingError):
        long_work()
    shares = reports(monkeypatch)
    long_work()
    assert len(shares) >= 4
    assert shares == sorted(shares)
    assert 0 < shares[0] < shares[-1] <= 1


# a matrix at rank r


def test_the_error_is_that_of_the_truncated_svd():
    svd = exact_svd(matrices.matrix("", "lowrank", b""))
    at = lora("matrix")
    shown = metrics(at)
    assert words.STORED_SAYS in captions(at)
    assert shown[text.NUMBERS["relative_error"][0]] == text.percent(spectrum.relative_error(svd)[16])
    assert shown[text.NUMBERS["numbers"][0]] == "8,192"
    assert shown[words.BREAK_EVEN] == "128"
    np.testing.assert_allclose(error(svd.s), spectrum.relative_error(svd), atol=1e-12)


@pytest.mark.parametrize("source", ["normal", "picture"])
def test_other_matrices(source):
    at = lora("matrix")
    at.segmented_control(key="matrix_source").set_value(source).run()
    calm(at)
    (table,) = frames(at)
    assert table["energy"].is_monotonic_increasing
    assert (table.set_index("r").energy[16] > 90) == (source == "picture")


def test_the_matrix_to_begin_with_has_its_knee_at_16():
    energy = frames(lora("matrix"))[0].set_index("r").energy
    assert energy[16] > 90
    assert energy[32] - energy[16] < (energy[16] - energy[8]) / 5


def test_a_matrix_of_ones_own():
    a = np.outer(np.arange(1.0, 31), np.arange(1.0, 21))
    at = lora("matrix")
    at.segmented_control(key="matrix_source").set_value("upload").run()
    assert [one.value for one in at.info] == [words.NO_MATRIX]
    lines = "\n".join(",".join(map(str, row)) for row in a.tolist()).encode()
    for name, data, read in (("a.npy", npy(a), words.READ_AS_NPY), ("a.csv", lines, words.READ_AS_TEXT)):
        at.file_uploader(key="matrix_file").set_value([(name, data, "application/octet-stream")]).run()
        calm(at)
        assert metrics(at)[words.OF_MATRIX] == "600"
        assert f"{words.SHAPE.format(m=30, n=20)}, {read}." in captions(at)
        assert float(frames(at)[0].relative_error[0]) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize(
    ("data", "says"),
    {
        npy(np.full((3, 3), np.nan)): "NaN",
        npy(np.zeros((2, 2, 2))): "axes",
        npy(np.zeros((3000, 3000), np.int8)): "more than 4,000,000 numbers",
        b"1,2\n3,x\n": "no number",
        b"\x93NUMPY\x01\x00\xff\xff": "no .npy file",
        b"<html>": "no number",
        b"": "empty",
    }.items(),
    ids=lambda value: value if isinstance(value, str) else "file",
)
def test_a_wrong_matrix_is_a_sentence(data, says):
    at = lora("matrix")
    at.segmented_control(key="matrix_source").set_value("upload").run()
    at.file_uploader(key="matrix_file").set_value([("a.npy", data, "")]).run()
    calm(at)
    (said,) = messages(at)
    assert says in said.replace("\\", "")


def part(at, name):
    at.segmented_control(key="lora_part").set_value(name)
    return calm(at.run())


def test_a_matrix_is_still_there_in_other_parts_until_it_is_taken_away():
    at = lora("matrix")
    at.segmented_control(key="matrix_source").set_value("upload").run()
    at.file_uploader(key="matrix_file").set_value([("<b>a*.npy", npy(np.eye(20, 30)), "")])
    assert metrics(calm(at.run()))[words.OF_MATRIX] == "600"
    part(at, "motion")
    part(at, "qlora")
    assert [one.value for one in at.markdown if "In use" in one.value] == [
        text.STILL_HERE.format(names=f"**{text.literal('<b>a*.npy')}** ({text.size(len(npy(np.eye(20, 30))))})")
    ]
    assert words.ERROR in metrics(at)
    part(at, "matrix")
    assert metrics(at)[words.OF_MATRIX] == "600"
    at.button(key="matrix_file_away").click()
    calm(at.run())
    assert [one.value for one in at.info] == [words.NO_MATRIX]
    part(at, "qlora")
    assert words.ERROR not in metrics(at)


def test_a_file_beyond_the_limit_is_used_and_not_kept(monkeypatch):
    monkeypatch.setattr(limits, "KEPT_FILE", 4000)
    at = lora("matrix")
    at.segmented_control(key="matrix_source").set_value("upload").run()
    at.file_uploader(key="matrix_file").set_value([("a.npy", npy(np.eye(20, 30)), "")])
    assert metrics(calm(at.run()))[words.OF_MATRIX] == "600"
    part(at, "motion")
    part(at, "matrix")
    assert [one.value for one in at.info] == [words.NO_MATRIX]


# adapter


def adapter_page(*files):
    at = lora("adapter")
    at.file_uploader(key="adapter_files").set_value([(name, data, "") for name, data in files]).run()
    return calm(at)


@pytest.fixture(scope="module")
def example():
    return inspect.example()


def test_an_adapters_layers(example):
    data, config = example
    at = adapter_page(("adapter_model.safetensors", data), ("adapter_config.json", config))
    layers = inspect_adapter(read_adapter(data, config))
    (table,) = frames(at)
    assert list(table.name) == [layer.name for layer in layers]
    assert list(table.e90) == [layer.needed(0.9) for layer in layers]
    assert [one.value for one in at.success] == [words.VERIFIED]
    heat = json.loads(at.get("plotly_chart")[0].proto.spec)["data"][0]
    assert heat["type"] == "heatmap"


def test_of_very_many_layers_the_first_are_drawn(monkeypatch, example):
    monkeypatch.setattr(inspect, "DRAWN", 5)
    at = adapter_page(("adapter_model.safetensors", example[0]), ("adapter_config.json", example[1]))
    layers = inspect_adapter(read_adapter(*example))
    heat = json.loads(at.get("plotly_chart")[0].proto.spec)["data"][0]
    assert heat["z"] == [[layer.needed(share) for share in SHARES] for layer in layers[:5]]
    assert words.HEAT_FIRST.format(drawn=5, count=12) in captions(at)
    assert len(frames(at)[0]) == 12
    monkeypatch.setattr(inspect, "DRAWN", 12)
    assert not any("Drawn are" in said for said in captions(calm(at.run())))


def test_figures_of_layers_are_computed_once(example):
    nothing = inspect.Files(b"", b"")
    assert inspect.measured("twice", example) is inspect.measured("twice", nothing)
    assert inspect.foretold("twice", "energy", 0.5, example) is inspect.foretold("twice", "energy", 0.5, nothing)


@pytest.mark.parametrize(("style", "kind"), [("peft", "application/zip"), ("kohya", "application/octet-stream")])
def test_the_cut_adapter_is_sent_as_what_it_is(monkeypatch, style, kind):
    kinds, add = {}, MediaFileManager.add_deferred

    def recording(self, data_callable, mimetype, coordinates, file_name=None, **rest):
        kinds[file_name] = mimetype
        return add(self, data_callable, mimetype, coordinates, file_name, **rest)

    monkeypatch.setattr(MediaFileManager, "add_deferred", recording)
    files = [("a.safetensors", kohya())]
    if style == "peft":
        files = list(zip(("a.safetensors", "adapter_config.json"), peft(), strict=True))
    adapter_page(*files)
    name = {"peft": "adapter-cut.zip", "kohya": "adapter-cut.safetensors"}[style]
    assert kinds[name].partition(";")[0] == kind


def test_without_a_configuration_that_is_said(example):
    at = adapter_page(("adapter_model.safetensors", example[0]))
    (said,) = (one.value.replace("\\", "") for one in [*at.info, *at.warning])
    assert "adapter_config.json" in said
    assert "alpha is taken as r" in said


def test_a_cut_begins_with_half_the_rank_of_each_adapter(example):
    at = lora("adapter")
    at.toggle(key="adapter_example").set_value(True).run()
    assert calm(at).number_input[0].value == 8
    smaller = zipfile.ZipFile(io.BytesIO(inspect.written("digest", "rank", 6.0, "patterns", "float32", example)))
    files = [(name, smaller.read(name), "") for name in ("adapter_model.safetensors", "adapter_config.json")]
    at.file_uploader(key="adapter_files").set_value(files).run()
    assert calm(at).number_input[0].value == 3


@pytest.mark.parametrize(("rule", "target"), [("rank", 4), ("energy", 0.9), ("parameters", 100_000)])
def test_what_a_cut_keeps_is_told(example, rule, target):
    data, config = example
    at = adapter_page(("a.safetensors", data), ("a.json", config))
    at.selectbox(key="cut_rule").set_value(rule).run()
    at.number_input[0].set_value(target).run()
    assert at.number_input[0].label == words.TARGETS[rule]
    calm(at)
    layers = inspect_adapter(read_adapter(data, config))
    told = foretell(layers, choose_ranks(layers, rule, target))
    said = next(one.value for one in at.markdown if "numbers (" in one.value)
    assert f"{told.parameters[1]:,}" in said
    assert text.percent(told.energy) in said
    assert list(frames(at)[0].cut) == list(choose_ranks(layers, rule, target).values())


@pytest.mark.parametrize("form", words.FORMS)
def test_the_cut_adapter_is_one(example, form):
    data, config = example
    made = inspect.written("digest", "energy", 0.5, form, "bfloat16", example)
    archive = zipfile.ZipFile(io.BytesIO(made))
    weights, settings = (archive.read(name) for name in ("adapter_model.safetensors", "adapter_config.json"))
    adapter = read_adapter(weights, settings)
    wanted = choose_ranks(inspect_adapter(read_adapter(data, config)), "energy", 0.5)
    ranks = adapter.ranks
    assert ranks == wanted if form == "patterns" else set(ranks.values()) == {max(wanted.values())}


def test_files_that_are_no_adapter(example):
    for files, says in (
        ([("a.json", example[1])], words.NO_ADAPTER),
        ([("a.safetensors", example[0]), ("b.safetensors", example[0])], words.TWO_ADAPTERS),
    ):
        assert [said.replace("\\", "") for said in messages(adapter_page(*files))] == [says]
    hostile = json.dumps(
        {"<img src=x onerror=alert(1)>": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}
    ).encode()
    for data in (b"", b"\xff" * 40, len(hostile).to_bytes(8, "little") + hostile + bytes(4)):
        (said,) = messages(adapter_page(("a.safetensors", data)))
        assert "<img" not in said


def test_the_example_is_there_without_a_file():
    at = lora("adapter")
    at.toggle(key="adapter_example").set_value(True).run()
    calm(at)
    assert words.EXAMPLE_ON in captions(at)
    assert len(frames(at)[0]) == 12


# which r?


def test_costs_and_sweeps():
    at = lora("choice")
    assert [one.value for one in at.info] == [STARTING_POINT]
    costs, *sweeps = frames(at)
    shapes = [(384, 384)] * 24 + [(1536, 384)] * 6 + [(384, 1536)] * 6
    assert list(costs.parameters) == [row.parameters for row in rank_table(shapes, USUAL_RANKS)]
    assert len(sweeps) == len(SWEEPS)
    at.selectbox(key="choice_model").set_value("own").run()
    assert calm(at).dataframe[0].value.energy.is_monotonic_increasing
    for shown, sweep in zip(sweeps, SWEEPS, strict=True):
        assert list(shown.iloc[:, -1]) == [result for _, result in sweep.figures]
        assert words.TABLE["share"] in shown or not sweep.shares
        assert any(sweep.source[1:] in said for said in captions(at))


def test_weights_need_hundreds_of_ranks():
    boxes = json.loads(lora("choice").get("plotly_chart")[0].proto.spec)["data"]
    (ninety,) = (box["y"] for box in boxes if box["name"] == "90 %")
    assert (min(ninety), max(ninety), len(ninety)) == (138, 205, 24)


# QLoRA


def test_error_and_bits_are_the_cores():
    a = matrices.matrix("", "lowrank", b"")
    at = lora("qlora")
    assert metrics(at)[words.BITS] == "4.127"
    assert metrics(at)[words.ERROR] == text.percent(relative_error(a, dequantize(quantize(a, double=True))))
    table, memory = frames(at)
    assert float(table.set_index("kind").loc["NF4", "64"]) == pytest.approx(9.2, abs=0.05)
    assert list(memory.total) == pytest.approx(
        [training_memory(way, 6_476_000_000, 262_400_000, 40_000_000).total / 1e9 for way in ("full", "lora", "qlora")]
    )


def test_the_memory_is_that_of_the_type_chosen():
    at = lora("qlora")
    for kind, block, double in (("int8", 64, True), ("NF4", 32, False)):
        at.segmented_control(key="qlora_kind").set_value(kind)
        at.segmented_control(key="qlora_block").set_value(block)
        at.toggle(key="qlora_double").set_value(double)
        memory = frames(calm(at.run()))[-1].set_index("way")
        bits = bits_per_weight(kind, block, double=double)
        assert memory.base["QLoRA"] == pytest.approx(6.476 * bits / 8 + 2 * 0.2624)
        assert memory.base["LoRA"] == pytest.approx(2 * (6.476 + 0.2624))


@pytest.mark.parametrize("kind", words.KINDS)
def test_levels_are_drawn_where_they_can_be_told_apart(kind):
    at = lora("qlora")
    at.segmented_control(key="qlora_kind").set_value(kind)
    calm(at.run())
    chart, _ = qlora.histogram("lowrank", "lowrank", kind, 64, True, b"")
    _, marks = chart.data
    drawn = LEVELS[kind] if kind != "int8" else []
    assert list(marks.x[::3]) == list(drawn)
    says = words.LEVELS_SAYS if len(drawn) else words.LEVELS_MANY
    assert says.format(kind=words.KINDS[kind], count=len(LEVELS[kind])) in captions(at)


def test_the_order_decides_where_a_few_singular_values_are_large():
    few, random = (
        qlora.residual_errors(name, name, "NF4", 64, True, b"", watch=lambda place, share: None)
        for name in ("lowrank", "normal")
    )
    at_16 = few[0].index(16)
    loftq, qpissa = (words.ONCE.format(start=start) for start in ("LoftQ", "QPiSSA"))
    assert few[1][qpissa][at_16] < 0.6 * few[1][loftq][at_16]
    np.testing.assert_allclose(random[1][qpissa], random[1][loftq], rtol=0.03)


def test_an_adapter_for_what_four_bits_leave():
    at = lora("qlora")
    at.toggle(key="qlora_residual").set_value(True)
    calm(at.run(timeout=60))
    chart = json.loads(at.get("plotly_chart")[-1].proto.spec)
    curves = {trace["name"]: trace["y"] for trace in chart["data"]}
    alone = curves[words.WITHOUT.format(kind="NF4")]
    loftq, qpissa = (curves[words.ONCE.format(start=start)] for start in ("LoftQ", "QPiSSA"))
    assert all(x > y for x, y in zip(alone, loftq, strict=True))
    assert list(qpissa) == sorted(qpissa, reverse=True)
