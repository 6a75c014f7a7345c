"""The command line: parse, one call into the core for each picture, print.

Every command takes pictures and folders of pictures. One that cannot be done is reported in a line on stderr, and the
others are still done. Exit codes: 0 when all went well, 2 after any error, 130 after Ctrl-C, 141 when whoever read the
output has gone (as in ``lowrank curve photo.png | head -1``).
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import sys
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

from lowrank import __version__, metrics
from lowrank.allot import picture_svd
from lowrank.color import COLORS, displayed, from_planes, to_planes
from lowrank.curves import Curve, error_curve
from lowrank.errors import LowrankError, RankError
from lowrank.image import read_picture, to_png
from lowrank.intake.sniff import EXTENSIONS
from lowrank.ranks import RULES, Rule, choose_rank

#: Columns of the printed tables by the field of `Curve`: two lines of title, and the format of a figure.
_COLUMNS = {
    "k": ("", "rank", ""),
    "energy": ("energy", "%", ".3%"),
    "relative_error": ("rel. error", "%", ".3%"),
    "psnr": ("PSNR", "dB", ".2f"),
    "psnr_measured": ("measured", "dB", ".2f"),
    "ssim": ("", "SSIM", ".4f"),
    "stored_numbers": ("stored", "numbers", ","),
    "ratio": ("ratio", ": 1", ",.2f"),
    "bytes": ("", "bytes", ","),
}

_PLANES = (
    "the planes to decompose (default: gray). rgb gives red, green and blue one rank; ycbcr allots ranks: k to luma, "
    "and to chroma as many as pay, which on most photographs stores fewer numbers for the same PSNR"
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code; `argv` without the program's name."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a terminal that cannot spell a name must not end the run
    warnings.filterwarnings("ignore", module="PIL")  # what is wrong with a picture is said in a sentence
    try:
        code = _run(argv)
        print(end="", flush=True)
        return code
    except LowrankError as error:
        return _complain(error)
    except KeyboardInterrupt:
        return _complain("Stopped.", 130)
    except OSError as error:  # only from stdout: everything else is caught where it happens
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for the interpreter's last flush
        if isinstance(error, BrokenPipeError):
            return 141
        return _complain(f"The output cannot be written: {error.strerror}.")


def _run(argv: Sequence[str] | None) -> int:
    try:
        args = _parser().parse_args(argv)
    except SystemExit:  # --help or --version, which have printed
        return 0
    try:
        args.several = len(args.images) > 1 or Path(args.images[0]).is_dir()
        args.pictures = [picture for image in args.images for picture in _pictures(Path(image))]
        args.targets = _targets(args)
    except OSError as error:
        raise LowrankError(f"{error.filename!r}: {error.strerror}.") from None
    code: int = args.command(args)
    return code


def _curve(args: argparse.Namespace) -> int:
    """Tabulate rank against energy, error, PSNR, SSIM and cost."""
    one_csv_for_all = args.csv and args.several and args.out is None
    if one_csv_for_all:
        print("picture", *(field.name for field in fields(Curve)), sep=",")

    def work(picture: Path, target: Path | None) -> str:
        image, notes = read_picture(picture)
        curve = error_curve(image, color=args.color)
        if target is not None:
            _write(target, curve.to_csv().encode())
            return f"{_name(target)}: ranks 1 to {len(curve.k)}\n"
        if one_csv_for_all:
            name = _name(picture).replace('"', '""')
            return "".join(f'"{name}",{line}\n' for line in curve.to_csv().splitlines()[1:])
        if args.csv:
            return curve.to_csv()
        titles = [column[:2] for column in _COLUMNS.values()]
        rows = (_figures(curve, k, _COLUMNS) for k in curve.k[curve.measured].tolist())
        return _heading(args, picture, image.shape, notes) + _table([*zip(*titles, strict=True), *rows])

    return _each(args, work, gap="" if args.csv or args.out else "\n")


def _ranks(args: argparse.Namespace) -> int:
    """Choose a rank by the rules named, or by every rule at its default."""
    asked = {name: getattr(args, name) for name in RULES if name in args}
    columns = ("k", "psnr", "relative_error", "stored_numbers", "ratio")
    titles = [("", "rule"), ("", "target"), *(_COLUMNS[name][:2] for name in columns)]

    def work(picture: Path, _: Path | None) -> str:
        image, done = read_picture(picture)
        svd = picture_svd(image, args.color)
        curve = error_curve(image, svd, color=args.color, ranks=())
        rows, notes = [], ""
        for name, target in (asked or dict.fromkeys(RULES)).items():
            rule = RULES[name]
            value = rule.default if target is None else target
            shown = "-" if value is None else f"{value:,.15g} {rule.unit}".rstrip()
            try:
                k = choose_rank(svd, name, target, image=image, color=args.color)
                rows.append([rule.name, shown, *_figures(curve, k, columns)])
            except RankError as error:
                if name in asked:
                    raise RankError(f"{_option(name)}: {error}") from None
                rows.append([rule.name, shown, *"-" * len(columns)])
                notes += f"{rule.name}: {error}\n"
        table = _table([*zip(*titles, strict=True), *rows], left=2)
        return _heading(args, picture, image.shape, done) + table + notes

    return _each(args, work, gap="\n")


def _reconstruct(args: argparse.Namespace) -> int:
    """Write the rank-K picture as PNG."""

    def work(picture: Path, target: Path | None) -> str:
        original, notes = read_picture(picture)
        image = from_planes(picture_svd(original, args.color, args.rank).reconstruct(), args.color)
        assert target is not None  # -o is required
        _write(target, to_png(image))
        psnr = metrics.psnr(from_planes(to_planes(original, args.color), args.color), displayed(image))
        return f"{_name(target)}: rank {args.rank}, PSNR {psnr:.2f} dB{_aside(notes)}\n"

    return _each(args, work)


class _Parser(argparse.ArgumentParser):
    """A parser that ends its help with an example and raises its errors."""

    def __init__(self, *, example: str, **settings: Any) -> None:
        raw = argparse.RawDescriptionHelpFormatter
        super().__init__(epilog=f"example:\n  {example}", formatter_class=raw, allow_abbrev=False, **settings)

    def error(self, message: str) -> NoReturn:
        raise LowrankError(f"{message}. See {self.prog} --help.")


def _parser() -> _Parser:
    parser = _Parser(prog="lowrank", description="What rank k keeps of a picture.", example="lowrank curve photo.png")
    parser.add_argument("--version", action="version", version=f"lowrank {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    def command(
        run: Callable[[argparse.Namespace], int], example: str, ending: str = "", must: bool = False
    ) -> _Parser:
        about = run.__doc__ or ""
        name, short = run.__name__[1:], about[:1].lower() + about[1:].rstrip(".")
        sub: _Parser = commands.add_parser(name, help=short, description=about, example=example)
        sub.add_argument("images", metavar="IMAGE", nargs="+", help="a picture, or a folder of pictures")
        sub.add_argument("--color", choices=COLORS, default="gray", help=_PLANES)
        if ending:
            kind = Path(ending).suffix[1:].upper()
            where = f"the {kind} file to write; a folder for several pictures"
            sub.add_argument("-o", dest="out", metavar="OUT", required=must, help=where)
            sub.add_argument("--force", action="store_true", help="overwrite what is there")
        sub.set_defaults(command=run, out=None, ending=ending)
        return sub

    curve = command(_curve, "lowrank curve photo.png --csv -o photo.csv", "-curve.csv")
    curve.add_argument("--csv", action="store_true", help="every rank as CSV, in full precision (-o implies it)")

    ranks = command(_ranks, "lowrank ranks photo.png --psnr 35 --break-even")
    for name, rule in RULES.items():
        takes: dict[str, Any] = {"action": "store_const", "const": None}
        if rule.default is not None:
            takes = {"type": partial(_target, rule), "metavar": rule.unit.upper() or "X"}
        ranks.add_argument(_option(name), dest=name, default=argparse.SUPPRESS, help=_advice(rule), **takes)

    example = "lowrank reconstruct photo.png --rank 50 -o photo-rank50.png"
    reconstruct = command(_reconstruct, example, "-rank{rank}.png", must=True)
    reconstruct.add_argument("--rank", metavar="K", type=int, required=True, help="how many components to keep")
    return parser


def _option(rule: str) -> str:
    return "--" + rule.replace("_", "-")


def _range(rule: Rule) -> str:
    return f"from {rule.lowest:g} " + ("up" if rule.highest is None else f"to {rule.highest:g}")


def _advice(rule: Rule) -> str:
    """What the rule chooses, what it is good for and where it misleads, without the reasons; default and range."""
    summary = (rule.choose.__doc__ or "").partition("\n")[0]
    advice = " ".join(f"{sentence.partition(':')[0].rstrip('.')}." for sentence in rule.advice.split(". ")[:2])
    limits = "" if rule.default is None else f" Default {rule.default:,.15g}, {_range(rule)}."
    return f"{summary} {advice}{limits}".replace("%", "%%")


def _target(rule: Rule, text: str) -> float:
    """Read a rule's target, so that a wrong one is found before any picture is decomposed."""
    lowest, highest = rule.lowest or 0.0, rule.highest or sys.float_info.max
    with contextlib.suppress(ValueError):
        if lowest <= float(text) <= highest:
            return float(text)
    raise argparse.ArgumentTypeError(f"must be a number {_range(rule)}, not {text!r}")


def _pictures(path: Path) -> list[Path]:
    """The picture itself, or the pictures of a folder."""
    if not path.is_dir():
        return [path]
    pictures = sorted(p for p in path.iterdir() if p.suffix[1:].lower() in EXTENSIONS and p.is_file())
    if not pictures:
        raise LowrankError(f"The folder {str(path)!r} holds no picture: nothing ends in {', '.join(EXTENSIONS)}.")
    return pictures


def _targets(args: argparse.Namespace) -> Sequence[Path | None]:
    """The file that each picture's result goes to; none without -o."""
    if args.out is None:
        return [None] * len(args.pictures)
    out, ending = Path(args.out), args.ending.format(**vars(args))
    if not args.several and not args.out.endswith(("/", os.sep)) and not out.is_dir():
        kind = Path(ending).suffix
        if out.suffix.lower() != kind:
            raise LowrankError(f"{args.out!r} is no name for the result. End it in {kind}, or in / for a folder.")
        return [out]
    targets: dict[Path, Path] = {}
    for picture in args.pictures:
        other = targets.setdefault(out / (picture.stem + ending), picture)
        if other is not picture:
            raise LowrankError(f"{str(other)!r} and {str(picture)!r} would get the same name. Do one at a time.")
    out.mkdir(parents=True, exist_ok=True)
    return list(targets)


def _each(args: argparse.Namespace, work: Callable[[Path, Path | None], str], gap: str = "") -> int:
    """Do every picture and print what `work` returns, a `gap` between; one that fails does not stop the others."""
    from tqdm import tqdm  # here, because --help has no use for it

    code, between = 0, ""
    hidden = len(args.pictures) == 1 or sys.stderr is None or None  # None: shown on a terminal
    pairs = zip(args.pictures, args.targets, strict=True)
    with tqdm(pairs, total=len(args.pictures), unit=" pictures", leave=False, disable=hidden) as bar:
        for picture, target in bar:
            try:
                if target is not None and target.exists() and not (args.force and target.is_file()):
                    raise LowrankError(f"{str(target)!r} exists already. Choose another name, or use --force.")
                text = work(picture, target)
            except (LowrankError, OSError, MemoryError) as error:
                bar.clear()
                reason = str(error) or "Not enough memory."
                code = _complain(f"{_name(picture)}: {reason}" if args.several else reason)
            else:
                bar.write(between + text, end="")
                between = gap
    return code


def _write(target: Path, data: bytes) -> None:
    """Write a file in one step: beside the target first, then under its name, so that no half of it is ever seen."""
    part = target.with_name(f".lowrank-{os.getpid()}.part")
    try:
        with part.open("xb") as stream:
            stream.write(data)
        part.replace(target)
    except OSError as error:
        raise LowrankError(f"{str(target)!r} cannot be written: {error.strerror}.") from None
    finally:
        with contextlib.suppress(OSError):
            part.unlink()


def _complain(message: object, code: int = 2) -> int:
    print("lowrank:", *str(message).splitlines(), file=sys.stderr)
    return code


def _name(path: Path) -> str:
    """The name as it was given, unless it holds line breaks or codes that a terminal would obey."""
    return str(path) if str(path).isprintable() else repr(str(path))


def _heading(args: argparse.Namespace, picture: Path, shape: Sequence[int], notes: Sequence[str]) -> str:
    return f"{_name(picture)}: {shape[1]} x {shape[0]} pixels, {args.color}{_aside(notes)}\n"


def _aside(notes: Sequence[str]) -> str:
    """What was done to a picture on the way in."""
    return f" ({', '.join(notes)})" if notes else ""


def _figures(curve: Curve, k: int, columns: Iterable[str]) -> list[str]:
    """The cells of rank k; the per cent signs stand in the title."""
    return [f"{getattr(curve, name)[k - 1].item():{_COLUMNS[name][2]}}".rstrip("%") for name in columns]


def _table(rows: Sequence[Sequence[str]], left: int = 0) -> str:
    """Lines of aligned cells: the first `left` columns to the left, figures to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ([f"{cell:{'<' if i < left else '>'}{widths[i]}}" for i, cell in enumerate(row)] for row in rows)
    return "".join("  ".join(line).rstrip() + "\n" for line in lines)
