"""``lowrank lora``, run as a user runs it: real files, and what is printed and written read back."""

import csv
import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from adapters import BAD_ADAPTERS, BAD_FILES, HTML, MODULES, kohya, peft
from safetensors.numpy import save
from test_lora_extract import tuned, weights

from lowrank.cli import main
from lowrank.lora.export import CONFIG, MODEL
from lowrank.lora.formats import read_adapter
from lowrank.lora.resize import RULES
from lowrank.lora.safetensors import encode


@pytest.fixture
def shell(tmp_path, monkeypatch, capsys):
    """A folder to work in, and a way to run a command there: code, stdout, stderr."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "adapter").mkdir()
    model, config = peft(alpha=16)
    (tmp_path / "adapter" / MODEL).write_bytes(model)
    (tmp_path / "adapter" / CONFIG).write_bytes(config)
    (tmp_path / "kohya.safetensors").write_bytes(kohya())
    (tmp_path / "base.safetensors").write_bytes(encode(weights()))
    (tmp_path / "tuned.safetensors").write_bytes(encode(tuned(weights())))

    def run(line):
        code = main(["lora", *line.split()])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


def at(folder):
    return read_adapter(f"{folder}/{MODEL}", Path(folder, CONFIG).read_bytes())


def test_inspect(shell):
    code, out, err = shell("inspect adapter")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0] == "adapter: 4 layers, 3,584 parameters"
    assert {line.split()[0] for line in lines[3:]} == set(MODULES)
    assert shell("inspect adapter/adapter_model.safetensors")[1].splitlines()[1:] == lines[1:]
    code, out, _ = shell("inspect --csv kohya.safetensors")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert len(rows) == 4
    assert all(float(row["scale"]) == 0.5 and int(row["rank_at_0.5"]) >= 1 for row in rows)


@pytest.mark.parametrize("rule", RULES)
def test_resize_by_every_rule(shell, rule):
    target = {"rank": "3", "parameters": "2000", "sv_ratio": "4"}.get(rule, "0.6")
    code, out, err = shell(f"resize adapter --{rule.replace('_', '-')} {target} -o smaller")
    assert (code, err) == (0, "")
    assert " % of the energy" in out
    assert at("smaller").parameters < at("adapter").parameters
    assert shell("verify smaller")[:2] == (0, "No fault found: names, shapes, pairs and ranks fit together.\n")


def test_resize_writes_what_the_name_asks_for(shell):
    assert shell("resize adapter --rank 2 --dtype bfloat16 -o small.zip")[0] == 0
    with zipfile.ZipFile("small.zip") as archive:
        assert set(archive.namelist()) == {MODEL, CONFIG}
        assert set(read_adapter(archive.read(MODEL), archive.read(CONFIG)).ranks.values()) == {2}
    assert shell("resize kohya.safetensors --rank 2 -o small.safetensors")[0] == 0
    assert read_adapter("small.safetensors").style == "kohya"
    assert shell("resize adapter --rank 2 -o LARGE.ZIP")[0] == 0
    assert zipfile.is_zipfile("LARGE.ZIP")
    assert shell("resize kohya.safetensors --rank 2 -o Large.SafeTensors")[0] == 0
    assert read_adapter("Large.SafeTensors").style == "kohya"
    assert shell("resize adapter --energy 0.5 --pad-to 16 -o padded")[0] == 0
    assert at("padded").config["rank_pattern"] == {}
    assert set(at("padded").ranks.values()) == {16}


def test_what_is_there_is_not_overwritten_unless_asked(shell, tmp_path):
    before = (tmp_path / "adapter" / MODEL).read_bytes()
    code, _, err = shell("resize adapter --rank 2 -o adapter")
    assert code == 2
    assert "exists already" in err
    assert (tmp_path / "adapter" / MODEL).read_bytes() == before
    assert shell("resize adapter --rank 2 --force -o adapter")[0] == 0
    assert set(at("adapter").ranks.values()) == {2}
    assert not list(tmp_path.rglob("*.part"))


def test_extract(shell):
    code, out, err = shell("extract base.safetensors tuned.safetensors --rank 4 --base-model me/base -o found")
    assert (code, err) == (0, "")
    assert "layers.0.q  96 x 64     4" in out
    assert "in memory" in out
    assert at("found").config["base_model_name_or_path"] == "me/base"
    assert shell("verify found")[0] == 0
    code, out, _ = shell("extract base.safetensors tuned.safetensors --rank 4 --include *.1.* -o one.zip")
    assert "left out: layers.0.q.weight: changed, but not among those asked for" in out
    assert "2 tensors that training changed are not in the LoRA." in out


def test_verify_lists_faults_and_fails(shell, tmp_path):
    config = json.loads((tmp_path / "adapter" / CONFIG).read_text()) | {"r": 4}
    (tmp_path / "adapter" / CONFIG).write_text(json.dumps(config))
    code, out, _ = shell("verify adapter")
    assert code == 2
    assert len(out.splitlines()) == len(MODULES)
    assert shell("verify kohya.safetensors")[0] == 0


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("inspect nothing", "There is no file 'nothing'"),
        ("inspect .", f"There is no {MODEL} in the folder"),
        ("resize adapter -o out", "one of the arguments --rank"),
        ("resize adapter --rank 0 -o out", "whole number from 1 up"),
        ("resize adapter --energy 2 -o out", "must be from 0 to 1"),
        ("resize adapter --parameters 5 -o out", "takes 448 parameters already"),
        ("resize adapter --rank 2", "required: -o"),
        ("resize adapter --rank 8 --pad-to 4 -o out", "too low"),
        ("resize kohya.safetensors --rank 2 -o out", "not PEFT's"),
        ("resize kohya.safetensors --rank 2 --pad-to 4 -o out.safetensors", "--pad-to is for PEFT"),
        ("resize adapter --rank 2 -o kohya.safetensors/out", "cannot be made"),
        ("extract base.safetensors base.safetensors --rank 4 -o out", "No weight differs"),
        (f"inspect {'a' * 300}", "a' cannot be read: File name too long."),
        (f"verify {'a' * 300}/x.safetensors", "x.safetensors' cannot be read: File name too long."),
        (f"resize {'a' * 300} --rank 2 -o out", "a' cannot be read: File name too long."),
        (f"extract base.safetensors {'a' * 300} --rank 2 -o out", "a' cannot be read. Check"),
        (f"resize adapter --rank 2 -o {'a' * 300}", "a' cannot be written: File name too long."),
        (f"resize adapter --rank 2 -o {'a' * 300}.zip", ".zip' cannot be written: File name too long."),
        ("frobnicate", "invalid choice"),
        ("", "required: COMMAND"),
    ],
)
def test_mistakes_get_a_sentence(shell, line, says, tmp_path):
    code, out, err = shell(line)
    assert code == 2
    assert says in err
    assert err.startswith("lowrank: ")
    assert "Traceback" not in err + out
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("data", [*BAD_FILES.values(), *(bad[0] for bad in BAD_ADAPTERS.values() if bad[1] is None)])
def test_hostile_files_get_a_sentence(shell, tmp_path, data):
    (tmp_path / "bad.safetensors").write_bytes(data)
    for line in ("inspect bad.safetensors", "resize bad.safetensors --rank 1 -o out"):
        code, out, err = shell(line)
        assert (code, out) == (2, "")
        assert len(err.splitlines()) == 1


def test_a_name_can_do_nothing_to_the_terminal(shell, tmp_path):
    pair = {f"{HTML}\x1b[31m.lora_{half}.weight": np.ones((2, 2), np.float32) for half in "AB"}
    (tmp_path / "odd.safetensors").write_bytes(save(pair))
    for line in ("inspect odd.safetensors", "inspect odd.safetensors --csv"):
        code, out, _ = shell(line)
        assert code == 0
        assert "\x1b" not in out


def test_help_names_every_rule(capsys):
    assert main(["lora", "resize", "--help"]) == 0
    out = capsys.readouterr().out
    assert all("--" + name.replace("_", "-") in out for name in RULES)
