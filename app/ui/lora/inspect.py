"""An adapter: what its layers hold, to which ranks it can be cut, and the cut one to save."""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import streamlit as st

from app.ui import charts, download, figures, keeping, store, text, work
from app.ui.keeping import File
from app.ui.lora.table import SHARE_NAMES
from app.ui.metrics import metrics
from app.ui.store import remembered
from app.ui.words import lora as words
from lowrank.errors import RankError, TensorError
from lowrank.lora.adapter import LoRA
from lowrank.lora.export import CONFIG, MODEL, kohya_file, peft_files, zipped
from lowrank.lora.formats import NO_CONFIG, Adapter, read_adapter
from lowrank.lora.inspection import SHARES, Layer, inspect_adapter
from lowrank.lora.resize import RULES, Cut, choose_ranks, foretell, resized
from lowrank.lora.verify import verify_adapter


class Files(NamedTuple):
    """The files of an adapter."""

    weights: bytes
    config: bytes  #: empty where there is none


#: Problems that are shown, and layers that are drawn: more would be 1 kB each, and thinner than a pixel.
_PROBLEMS = 10
DRAWN = 400

#: Digest of the example.
_EXAMPLE = "example-adapter"


def part() -> None:
    """Show it."""
    st.markdown(words.ADAPTER_INTRO)
    types = ["safetensors", "json"]
    files = keeping.drop_zone("adapter_files", words.DROP_ADAPTER, types, about=words.DROP_ADAPTER_HELP, several=True)
    if files:
        data = sorted_out(files)
        digest = "-".join(map(store.digest, data))
    elif st.toggle(words.EXAMPLE, key="adapter_example", persist_state="session"):
        st.caption(words.EXAMPLE_ON)
        data, digest = example(), _EXAMPLE
    else:
        return
    with st.spinner(words.INSPECTING):
        layers, adapter, problems = inspected(digest, data)
    facts(adapter, layers, problems)
    ranks = cut(digest, data, adapter, layers)
    columns = measured(digest, data)
    table(columns, ranks)
    heat_map(columns)


def sorted_out(files: list[File]) -> Files:
    """Return the weights and the configuration among dropped files.

    Raises
    ------
    TensorError
        If there is not just one adapter.
    """
    weights = [data for name, data in files if not name.lower().endswith(".json")]
    configs = [data for name, data in files if name.lower().endswith(".json")]
    if not weights:
        raise TensorError(words.NO_ADAPTER)
    if len(weights) > 1 or len(configs) > 1:
        raise TensorError(words.TWO_ADAPTERS)
    return Files(weights[0], configs[0] if configs else b"")


@remembered(queued=lambda digest, data: True)
def inspected(digest: str, data: Files) -> tuple[tuple[Layer, ...], Adapter, tuple[str, ...]]:
    """Read an adapter; return what its layers hold, the adapter without its numbers, and what is wrong with it."""
    adapter = read_adapter(data.weights, data.config or None)
    layers = inspect_adapter(adapter, progress=lambda share: work.report(0.7 * share))
    bare = Adapter({}, adapter.style, adapter.config, {}, adapter.notes)
    problems = verify_adapter(data.weights, data.config or None, progress=lambda share: work.report(0.7 + 0.3 * share))
    return layers, bare, problems


def facts(adapter: Adapter, layers: tuple[Layer, ...], problems: tuple[str, ...]) -> None:
    """Say what the adapter is, and whether it will load."""
    ranks = [layer.r for layer in layers]
    low, high = min(ranks), max(ranks)
    values = (
        text.count(len(layers)),
        text.count(sum(layer.parameters for layer in layers)),
        f"{low}" if low == high else f"{low} to {high}",
        words.STYLES[adapter.style],
    )
    metrics(dict(zip(words.ADAPTER_FACTS, values, strict=True)))
    for note in adapter.notes:
        if note != NO_CONFIG or not problems:  # the problem says it too
            st.info(text.plain(note))
    for problem in problems[:_PROBLEMS]:
        st.warning(text.plain(problem))
    if len(problems) > _PROBLEMS:
        st.caption(words.MORE_PROBLEMS.format(count=len(problems) - _PROBLEMS))
    if not problems:
        st.success(words.VERIFIED)


def cut(digest: str, data: Files, adapter: Adapter, layers: tuple[Layer, ...]) -> dict[str, int]:
    """Choose ranks by a rule, say what they keep, and offer the cut adapter; return the ranks."""
    with st.container(border=True):
        st.markdown(f"**{words.CUT}**")
        left, middle = st.columns(2, vertical_alignment="bottom")
        name = left.selectbox(
            words.RULE,
            list(RULES),
            format_func=lambda rule: RULES[rule].name.capitalize(),
            key="cut_rule",
            persist_state="session",
        )
        rule = RULES[name]
        halves = {  # what is to begin with differs from adapter to adapter
            "rank": max(layer.r for layer in layers) // 2 or 1,
            "parameters": sum(layer.parameters for layer in layers) // 2,
        }
        whole = name in halves
        value = middle.number_input(
            words.TARGETS[name],
            min_value=int(rule.lowest) if whole else float(rule.lowest),
            max_value=None if rule.highest is None else (int if whole else float)(rule.highest),
            value=halves.get(name, float(rule.default)),
            step=1 if whole else 0.05 if rule.highest == 1 else 1.0,
            key=f"cut_{name}_{digest}" if whole else f"cut_{name}",
            persist_state="session",
        )
        try:
            ranks, told = foretold(digest, name, float(value), data)
        except RankError as error:
            st.warning(str(error))
            return {layer.name: layer.r for layer in layers}
        (before, after), (low, high) = told.parameters, told.ranks
        said = words.CUT_SAYS.format(
            before=text.count(before),
            after=text.count(after),
            share=text.percent(after / before),
            ranks=(words.ONE_RANK if low == high else words.RANKS).format(low=low, high=high),
            energy=text.percent(told.energy),
        )
        st.markdown(said)
        st.caption(rule.advice)
        form, kind, button = st.columns(3, vertical_alignment="bottom")
        shape = form.selectbox(
            words.FORM,
            list(words.FORMS),
            format_func=words.FORMS.__getitem__,
            key="cut_form",
            persist_state="session",
            help=words.FORM_HELP,
            disabled=adapter.style == "kohya",
        )
        dtype = kind.selectbox(
            words.DTYPE, ["float32", "float16", "bfloat16"], key="cut_dtype", persist_state="session"
        )
        file = "adapter-cut.safetensors" if adapter.style == "kohya" else "adapter-cut.zip"
        download.button(
            words.SAVE_ADAPTER,
            lambda: written(digest, name, float(value), shape, dtype, data),
            file,
            "application/zip" if file.endswith(".zip") else "application/octet-stream",
            key="cut_save",
            within=button,
            width="stretch",
        )
    return ranks


@remembered(queued=lambda digest, data: True, within=store.brief)
def written(digest: str, rule: str, target: float, form: str, dtype: str, data: Files) -> bytes:
    """Cut an adapter and write it: PEFT's two files in an archive, or kohya's one."""
    adapter = read_adapter(data.weights, data.config or None)
    layers = inspect_adapter(adapter, progress=lambda share: work.report(share / 2))
    ranks = choose_ranks(layers, rule, target)
    shorter = resized(adapter, ranks, progress=lambda share: work.report((1 + share) / 2))
    if adapter.style == "kohya":
        return kohya_file(shorter, dtype=dtype)
    return zipped(peft_files(shorter, dtype=dtype, pad_to=0 if form == "padded" else None))


@remembered(queued=lambda digest, data: False)
def foretold(digest: str, rule: str, target: float, data: Files) -> tuple[dict[str, int], Cut]:
    """Choose ranks by a rule; return them, and what they keep."""
    layers, *_ = inspected(digest, data)
    ranks = choose_ranks(layers, rule, target)
    return ranks, foretell(layers, ranks)


@remembered(queued=lambda digest, data: False)
def measured(digest: str, data: Files) -> dict[str, list[Any]]:
    """Return every layer's figures, by column."""
    layers, *_ = inspected(digest, data)
    needed = {f"e{share * 100:.0f}": [layer.needed(share) for layer in layers] for share in SHARES}
    return {
        "name": [layer.name for layer in layers],
        "shape": [f"{layer.shape[0]} × {layer.shape[1]}" for layer in layers],
        "r": [layer.r for layer in layers],
        "scale": [layer.scale for layer in layers],
        "norm": [layer.norm for layer in layers],
        **needed,
        "stable": [layer.stable_rank for layer in layers],
        "effective": [layer.effective_rank for layer in layers],
    }


def table(columns: dict[str, list[Any]], ranks: dict[str, int]) -> None:
    """Show every layer's figures."""
    formats = {"scale": "%.3g", "norm": "%.3g", "stable": "%.1f", "effective": "%.1f"}
    st.markdown(f"**{words.LAYERS}**")
    st.dataframe(
        pd.DataFrame(columns | {"cut": [ranks[name] for name in columns["name"]]}),
        hide_index=True,
        width="stretch",
        column_order=list(words.LAYER_COLUMNS),
        column_config={
            name: st.column_config.NumberColumn(label, format=formats.get(name, "localized"))
            if name not in ("name", "shape")
            else st.column_config.TextColumn(label)
            for name, label in words.LAYER_COLUMNS.items()
        },
        alt=words.LAYERS,
    )


def heat_map(columns: dict[str, list[Any]]) -> None:
    """Draw the rank that each layer needs for a share of its energy; of very many layers, those of the table's top."""
    needed = {name: columns[f"e{share * 100:.0f}"] for name, share in zip(SHARE_NAMES, SHARES, strict=True)}
    names, count = columns["name"][:DRAWN], len(columns["name"])
    rows = list(zip(*(column[:DRAWN] for column in needed.values()), strict=True))
    chart = figures.heat(names, list(needed), rows, (words.HEAT, words.HEAT_X, words.HEAT_Y, words.HEAT_SCALE))
    worst = ", ".join(f"{share} up to {max(column)}" for share, column in needed.items())
    st.plotly_chart(chart, key="heat", config=charts.CONFIG, alt=f"{words.HEAT}: {worst}")
    if count > DRAWN:
        st.caption(words.HEAT_FIRST.format(drawn=text.count(DRAWN), count=text.count(count)))


@cache
def example() -> Files:
    """Make an adapter of 12 layers and rank 16, whose singular values fall about as powers, in later layers faster."""
    rng, layers = np.random.default_rng(0), {}
    for i in range(6):
        for part, (m, n) in {"self_attn.q_proj": (512, 512), "mlp.down_proj": (512, 1024)}.items():
            fall = np.arange(1, 17) ** -(0.6 + 0.12 * i)
            A = rng.standard_normal((16, n)) / n**0.5 * np.sqrt(fall)[:, None]
            B = rng.standard_normal((m, 16)) / m**0.5 * np.sqrt(fall)
            layers[f"model.layers.{i}.{part}"] = LoRA(A.astype(np.float32), B.astype(np.float32), 2.0)
    files = peft_files(Adapter(layers))
    return Files(files[MODEL], files[CONFIG])
