"""``lowrank lora ...``: inspect, resize, extract and verify adapters from the shell."""

from __future__ import annotations

import argparse
import contextlib
import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from lowrank.console import Parser, share_bar, shown_name, table_of, whole_number, write
from lowrank.errors import LowrankError, TensorError
from lowrank.lora.export import CONFIG, MODEL, kohya_file, peft_files, zipped
from lowrank.lora.extract import extract_lora
from lowrank.lora.floats import WRITTEN
from lowrank.lora.formats import CONFIG_LIMIT, Adapter, read_adapter
from lowrank.lora.inspection import SHARES, Layer, inspect_adapter
from lowrank.lora.resize import RULES, Cut, choose_ranks, foretell, resized
from lowrank.lora.safetensors import shown
from lowrank.lora.verify import verify_adapter

_ADAPTER = "an adapter: PEFT's folder, or a .safetensors file (adapter_config.json beside it is read)"


def add_commands(commands: Any) -> None:
    """Add ``lora`` and its commands to those of the command line."""
    about = "Adapters of language models: what they hold, and cut to lower ranks."
    lora: Parser = commands.add_parser(
        "lora",
        help=about[:1].lower() + about[1:].rstrip("."),
        description=about,
        example="lowrank lora resize adapter/ --rank 8 -o smaller/",
    )
    inner = lora.add_subparsers(title="commands", metavar="COMMAND", required=True)

    def command(run: Callable[[argparse.Namespace], int], example: str) -> Parser:
        short = (run.__doc__ or "").partition("\n")[0]
        sub: Parser = inner.add_parser(
            run.__name__[1:], help=short[:1].lower() + short[1:].rstrip("."), description=short, example=example
        )
        sub.set_defaults(command=run)
        return sub

    inspect = command(_inspect, "lowrank lora inspect adapter/")
    inspect.add_argument("adapter", metavar="ADAPTER", help=_ADAPTER)
    inspect.add_argument("--csv", action="store_true", help="as CSV, in full precision")

    resize = command(_resize, "lowrank lora resize adapter/ --energy 0.5 -o smaller/")
    resize.add_argument("adapter", metavar="ADAPTER", help=_ADAPTER)
    chosen = resize.add_mutually_exclusive_group(required=True)
    for name, rule in RULES.items():
        value: dict[str, Any] = (
            {"type": whole_number, "metavar": "K"} if name == "rank" else {"type": float, "metavar": "X"}
        )
        chosen.add_argument("--" + name.replace("_", "-"), help=rule.advice.replace("%", "%%"), **value)
    _writes(resize)

    extract = command(_extract, "lowrank lora extract base.safetensors tuned.safetensors --rank 16 -o adapter/")
    checkpoint = "checkpoint: a .safetensors file, or a folder of them"
    extract.add_argument("base", metavar="BASE", help=f"the model before training, a {checkpoint}")
    extract.add_argument("tuned", metavar="TUNED", help=f"the model after it, a {checkpoint}")
    extract.add_argument("--rank", metavar="K", type=whole_number, required=True, help="rank of every layer")
    extract.add_argument("--include", metavar="PATTERN", action="append", help="names of tensors to take, as in *attn*")
    extract.add_argument(
        "--exclude", metavar="PATTERN", action="append", help="names of tensors to leave out (default: embeddings)"
    )
    extract.add_argument("--base-model", metavar="NAME", default="", help="name of the base, for adapter_config.json")
    extract.add_argument(
        "--fan-in-fan-out", action="store_true", help="weights are stored as (inputs, outputs), as GPT-2 has them"
    )
    _writes(extract)

    verify = command(_verify, "lowrank lora verify adapter/")
    verify.add_argument("adapter", metavar="ADAPTER", help=_ADAPTER)


def _writes(parser: Parser) -> None:
    out = (
        "where to write: a folder or a .zip for PEFT, or a .safetensors file with kohya's endings, "
        "where modules keep the names that they have"
    )
    parser.add_argument("-o", dest="out", metavar="OUT", required=True, help=out)
    parser.add_argument("--dtype", choices=WRITTEN, default="float32", help="type of the numbers (default: float32)")
    pad = "fill every layer up to rank R with zeros, for loaders that take one rank; 0 is the highest of the layers"
    parser.add_argument("--pad-to", metavar="R", type=_pad, help=pad)
    parser.add_argument("--force", action="store_true", help="overwrite what is there")


def _pad(text: str) -> int:
    return 0 if text == "0" else whole_number(text)


def _inspect(args: argparse.Namespace) -> int:
    """Tabulate every layer: shape, rank, scale, norm, and the rank that is needed for a share of its energy."""
    adapter = read_adapter(*_files(args.adapter))
    layers = inspect_adapter(adapter)
    if args.csv:
        stream = io.StringIO()
        names = ("layer", "rows", "columns", "rank", "scale", "norm", "stable_rank", "effective_rank")
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow([*names, *(f"rank_at_{share:g}" for share in SHARES)])
        for layer in layers:
            figures = (layer.r, layer.scale, layer.norm, layer.stable_rank, layer.effective_rank)
            name = layer.name if layer.name.isprintable() else ascii(layer.name)
            writer.writerow([name, *layer.shape, *figures, *map(layer.needed, SHARES)])
        print(stream.getvalue(), end="")
        return 0
    parameters = sum(layer.parameters for layer in layers)
    print(f"{shown_name(Path(args.adapter))}: {len(layers)} layers, {parameters:,} parameters")
    print(_table(layers), end="")
    _say(adapter.notes)
    return 0


def _table(layers: Sequence[Layer]) -> str:
    titles = [
        ("", "layer"), ("", "shape"), ("", "rank"), ("", "scale"), ("", "norm"), ("stable", "rank"),
        ("effective", "rank"), *(("rank at", f"{share:.0%}") for share in SHARES),
    ]  # fmt: skip
    rows = [
        [
            shown(layer.name)[1:-1], f"{layer.shape[0]} x {layer.shape[1]}", str(layer.r), f"{layer.scale:g}",
            f"{layer.norm:.4g}", f"{layer.stable_rank:.1f}", f"{layer.effective_rank:.1f}",
            *(str(layer.needed(share)) for share in SHARES),
        ]
        for layer in layers
    ]  # fmt: skip
    return table_of([*zip(*titles, strict=True), *rows], left=1)


def _resize(args: argparse.Namespace) -> int:
    """Cut an adapter to lower ranks, by one of the rules."""
    _free(args)
    adapter = read_adapter(*_files(args.adapter))
    layers = inspect_adapter(adapter)
    rule = next(name for name in RULES if getattr(args, name) is not None)
    ranks = choose_ranks(layers, rule, getattr(args, rule))
    told = foretell(layers, ranks)
    _put(args, resized(adapter, ranks))
    print(_summary(told))
    _say(adapter.notes)
    return 0


def _summary(cut: Cut) -> str:
    before, after = cut.parameters
    lowest, highest = cut.ranks
    ranks = f"rank {lowest}" if lowest == highest else f"ranks {lowest} to {highest}"
    return f"{ranks}, {after:,} of {before:,} parameters, {100 * cut.energy:.2f} % of the energy"


def _extract(args: argparse.Namespace) -> int:
    """Make an adapter of what training changed: the truncated SVD of tuned minus base, tensor by tensor."""
    _free(args)
    chosen: dict[str, Any] = {"include": args.include or ("*",)}
    if args.exclude or args.include:
        chosen["exclude"] = args.exclude or ()
    with share_bar() as progress:
        found = extract_lora(
            args.base,
            args.tuned,
            args.rank,
            fan_in_fan_out=args.fan_in_fan_out,
            base_model=args.base_model,
            progress=progress,
            **chosen,
        )
    _put(args, found.adapter, args.base_model)
    titles = [("", "layer"), ("", "shape"), ("", "rank"), ("change", "%"), ("rel. error", "%"), ("above", "noise")]
    rows = [
        [
            shown(layer.name)[1:-1], f"{layer.shape[0]} x {layer.shape[1]}", str(layer.rank),
            f"{layer.change:.3%}"[:-1], f"{layer.relative_error:.2%}"[:-1], str(layer.above_noise),
        ]
        for layer in found.layers
    ]  # fmt: skip
    print(table_of([*zip(*titles, strict=True), *rows], left=1), end="")
    for name, reason in found.skipped.items():
        print(f"left out: {shown(name)[1:-1]}: {reason}")
    print(f"{found.adapter.parameters:,} parameters; at most {found.memory / 1e6:,.3g} MB of weights were in memory")
    _say(found.warnings)
    return 0


def _verify(args: argparse.Namespace) -> int:
    """Check that an adapter will load and mean what it says; faults are listed, and the exit code is 2."""
    faults = verify_adapter(*_files(args.adapter))
    for fault in faults:
        print(fault)
    if not faults:
        print("No fault found: names, shapes, pairs and ranks fit together.")
    return 2 if faults else 0


def _say(sentences: Sequence[str]) -> None:
    for sentence in sentences:
        print(sentence)


def _files(name: str) -> tuple[str, bytes | None]:
    """The model of an adapter, and its configuration where there is one."""
    path = Path(name)
    with _readable(path):
        model = path / MODEL if path.is_dir() else path
        if path.is_dir() and not model.is_file():
            raise TensorError(f"There is no {MODEL} in the folder {str(path)!r}. Name the file itself.")
    config = model.with_name(CONFIG)
    with _readable(config):
        try:
            with config.open("rb") as stream:
                return str(model), stream.read(CONFIG_LIMIT + 1)
        except FileNotFoundError:
            return str(model), None


@contextlib.contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Say of an input what the system says of it: it has nothing to do with the output."""
    try:
        yield
    except OSError as error:
        raise LowrankError(f"{str(path)!r} cannot be read: {error.strerror}.") from None


def _targets(args: argparse.Namespace) -> list[Path]:
    """The files that will be written."""
    out = Path(args.out)
    if out.suffix.lower() in (".zip", ".safetensors"):
        return [out]
    if out.is_file():
        raise LowrankError(f"{args.out!r} is a file. Name a folder, or end the name in .zip or .safetensors.")
    return [out / MODEL, out / CONFIG]


def _free(args: argparse.Namespace) -> None:
    """Find out before any work whether the result may be written."""
    try:
        for target in _targets(args):
            if target.exists() and not (args.force and target.is_file()):
                raise LowrankError(f"{str(target)!r} exists already. Choose another name, or use --force.")
    except OSError as error:
        raise LowrankError(f"{args.out!r} cannot be written: {error.strerror}.") from None


def _put(args: argparse.Namespace, adapter: Adapter, base_model: str = "") -> None:
    """Write an adapter, in the form that the name asks for."""
    first, *more = _targets(args)
    files: Mapping[str, bytes]
    if first.suffix.lower() == ".safetensors" and not more:
        if args.pad_to is not None:
            raise LowrankError("--pad-to is for PEFT's files. Leave it out, or name a folder.")
        files = {first.name: kohya_file(adapter, dtype=args.dtype)}
    else:
        files = peft_files(adapter, dtype=args.dtype, pad_to=args.pad_to, base_model=base_model)
        files = files if more else {first.name: zipped(files)}
    try:
        first.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LowrankError(f"{str(first.parent)!r} cannot be made: {error.strerror}.") from None
    for name, data in files.items():
        write(first.with_name(name), data)
    print(f"{shown_name(Path(args.out))}: {sum(map(len, files.values())):,} bytes")
