"""The command line: parse, one call into the core for each picture, print.

Every command takes pictures and folders of pictures; `curve` and `ranks` take matrices in .npy files too. One that
cannot be done is reported in a line on stderr, and the others are still done. Exit codes: 0 when all went well, 2 after
any error, 130 after Ctrl-C, 141 when whoever read the output has gone (as in ``lowrank curve photo.png | head -1``).
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
from typing import Any

from lowrank import __version__, cli_files, metrics
from lowrank.allot import picture_svd
from lowrank.color import COLORS, displayed, from_planes, to_planes
from lowrank.console import (
    Parser,
    aside,
    complain,
    each,
    pictures_in,
    share_bar,
    shown_name,
    size_argument,
    table_of,
    targets_of,
    whole_number,
    write,
)
from lowrank.curves import Curve, error_curve, matrix_curve, measured_ranks
from lowrank.decompose import truncated_svd
from lowrank.errors import LowrankError, RankError
from lowrank.image import read_picture, to_png
from lowrank.intake.sniff import EXTENSIONS
from lowrank.lora import cli as lora
from lowrank.ranks import RULES, Rule, choose_rank
from lowrank.svd import SVD
from lowrank.tensors import EXTENSION, read_matrix
from lowrank.threads import VARIABLE, use_threads, wanted_threads

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

#: Those that say something of a matrix that is no picture.
_OF_MATRICES = [name for name in _COLUMNS if name not in ("psnr", "psnr_measured", "ssim")]

#: How far a matrix is decomposed where nothing is said: as far as the page shows a picture.
_RANK = 300


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
        return complain(error)
    except KeyboardInterrupt:
        return complain("Stopped.", 130)
    except OSError as error:  # only from stdout: everything else is caught where it happens
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for the interpreter's last flush
        if isinstance(error, BrokenPipeError):
            return 141
        return complain(f"The output cannot be written: {error.strerror}.")


def _run(argv: Sequence[str] | None) -> int:
    try:
        args = _parser().parse_args(argv)
    except SystemExit:  # --help or --version, which have printed
        return 0
    use_threads(wanted_threads(default=0) if args.threads is None else args.threads)
    if not hasattr(args, "images"):  # lora: no pictures
        done: int = args.command(args)
        return done
    if getattr(args, "memory", None) and not any(_is_matrix(Path(image)) for image in args.images):
        raise LowrankError("--memory is for matrices in .npy files: pictures are always read whole. Leave it out.")
    try:
        args.several = len(args.images) > 1 or Path(args.images[0]).is_dir()
        args.pictures = [picture for image in args.images for picture in pictures_in(Path(image), args.endings)]
        args.targets = targets_of(args)
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
        if _is_matrix(picture):
            svd, heading = _decomposed(args, picture)
            curve, shown, columns = matrix_curve(svd), measured_ranks(svd.rank), _OF_MATRICES
        else:
            image, notes = read_picture(picture)
            svd = picture_svd(image, args.color, args.rank)
            heading, columns = _heading(args, picture, image.shape, notes), [*_COLUMNS]
            curve = error_curve(image, svd, color=args.color)
            shown = curve.k[curve.measured].tolist()
        if target is not None:
            write(target, curve.to_csv().encode())
            return f"{shown_name(target)}: ranks 1 to {len(curve.k)}\n"
        if one_csv_for_all:
            name = shown_name(picture).replace('"', '""')
            return "".join(f'"{name}",{line}\n' for line in curve.to_csv().splitlines()[1:])
        if args.csv:
            return curve.to_csv()
        titles = [_COLUMNS[name][:2] for name in columns]
        rows = (_figures(curve, k, columns) for k in shown)
        return heading + table_of([*zip(*titles, strict=True), *rows])

    return each(args, work, gap="" if args.csv or args.out else "\n")


def _ranks(args: argparse.Namespace) -> int:
    """Choose a rank by the rules named, or by every rule at its default."""
    asked = {name: getattr(args, name) for name in RULES if name in args}

    def work(picture: Path, _: Path | None) -> str:
        columns, rules = ["k", "psnr", "relative_error", "stored_numbers", "ratio"], asked or dict.fromkeys(RULES)
        if _is_matrix(picture):
            for name in asked:
                if RULES[name].pictures_only:
                    raise RankError(f"{_option(name)} is for pictures only. Leave it out for a matrix.")
            columns.remove("psnr")
            rules = {name: target for name, target in rules.items() if not RULES[name].pictures_only}
            (svd, heading), image = _decomposed(args, picture), None
            curve = matrix_curve(svd)
        else:
            image, done = read_picture(picture)
            svd = picture_svd(image, args.color, args.rank)
            curve = error_curve(image, svd, color=args.color, ranks=())
            heading = _heading(args, picture, image.shape, done)
        titles = [("", "rule"), ("", "target"), *(_COLUMNS[name][:2] for name in columns)]
        rows, notes = [], ""
        for name, target in rules.items():
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
        table = table_of([*zip(*titles, strict=True), *rows], left=2)
        return heading + table + notes

    return each(args, work, gap="\n")


def _reconstruct(args: argparse.Namespace) -> int:
    """Write the rank-K picture as PNG."""

    def work(picture: Path, target: Path | None) -> str:
        if _is_matrix(picture):
            raise LowrankError("A matrix is no picture that could be written. Use curve or ranks for it.")
        original, notes = read_picture(picture)
        image = from_planes(picture_svd(original, args.color, args.rank).reconstruct(), args.color)
        assert target is not None  # -o is required
        write(target, to_png(image))
        psnr = metrics.psnr(from_planes(to_planes(original, args.color), args.color), displayed(image))
        return f"{shown_name(target)}: rank {args.rank}, PSNR {psnr:.2f} dB{aside(notes)}\n"

    return each(args, work)


def _parser() -> Parser:
    parser = Parser(prog="lowrank", description="What rank k keeps of a picture.", example="lowrank curve photo.png")
    parser.add_argument("--version", action="version", version=f"lowrank {__version__}")
    threads = f"threads for each matrix product (default: what {VARIABLE} says, or one on every core)"
    parser.add_argument("--threads", metavar="N", type=whole_number, help=threads)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    def command(run: Callable[[argparse.Namespace], int], example: str, ending: str = "", must: bool = False) -> Parser:
        about = run.__doc__ or ""
        name, short = run.__name__[1:], about[:1].lower() + about[1:].rstrip(".")
        sub: Parser = commands.add_parser(name, help=short, description=about, example=example)
        sub.add_argument(
            "images", metavar="IMAGE", nargs="+", help="a picture, a folder of pictures, or a matrix (.npy)"
        )
        sub.add_argument("--color", choices=COLORS, default="gray", help=_PLANES)
        if ending:
            kind = Path(ending).suffix[1:].upper()
            where = f"the {kind} file to write; a folder for several pictures"
            sub.add_argument("-o", dest="out", metavar="OUT", required=must, help=where)
            sub.add_argument("--force", action="store_true", help="overwrite what is there")
        sub.set_defaults(command=run, out=None, ending=ending, endings=EXTENSIONS, beside=False)
        return sub

    def command_for_matrices(run: Callable[[argparse.Namespace], int], example: str, ending: str = "") -> Parser:
        sub = command(run, example, ending)
        sub.add_argument(
            "--rank", metavar="K", type=whole_number, help=f"decompose to rank K (default: full; .npy: {_RANK})"
        )
        memory = "memory to take for a .npy file, such as 500MB or 2GiB (default: 1GiB)"
        sub.add_argument("--memory", metavar="SIZE", type=size_argument, help=memory)
        return sub

    curve = command_for_matrices(_curve, "lowrank curve photo.png --csv -o photo.csv", "-curve.csv")
    curve.add_argument("--csv", action="store_true", help="every rank as CSV, in full precision (-o implies it)")

    ranks = command_for_matrices(_ranks, "lowrank ranks photo.png --psnr 35 --break-even")
    for name, rule in RULES.items():
        takes: dict[str, Any] = {"action": "store_const", "const": None}
        if rule.default is not None:
            takes = {"type": partial(_target, rule), "metavar": rule.unit.upper() or "X"}
        ranks.add_argument(_option(name), dest=name, default=argparse.SUPPRESS, help=_advice(rule), **takes)

    example = "lowrank reconstruct photo.png --rank 50 -o photo-rank50.png"
    reconstruct = command(_reconstruct, example, "-rank{rank}.png", must=True)
    reconstruct.add_argument("--rank", metavar="K", type=int, required=True, help="how many components to keep")
    cli_files.register(commands)
    lora.add_commands(commands)
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


def _is_matrix(path: Path) -> bool:
    return path.suffix[1:].lower() == EXTENSION


def _decomposed(args: argparse.Namespace, path: Path) -> tuple[SVD, str]:
    """The factors of a matrix in a file, and the heading of its table."""
    matrix = read_matrix(path)
    m, n = matrix.shape
    with share_bar() as progress:
        svd = truncated_svd(matrix, args.rank or min(m, n, _RANK), memory=args.memory, progress=progress)
    within = f", estimated within {100 * svd.excess:.2g} % of the least error" if svd.excess else ""
    return svd, f"{shown_name(path)}: {m} x {n} matrix, {matrix.dtype.name}{within}\n"


def _heading(args: argparse.Namespace, picture: Path, shape: Sequence[int], notes: Sequence[str]) -> str:
    return f"{shown_name(picture)}: {shape[1]} x {shape[0]} pixels, {args.color}{aside(notes)}\n"


def _figures(curve: Curve, k: int, columns: Iterable[str]) -> list[str]:
    """The cells of rank k; the per cent signs stand in the title."""
    return [f"{getattr(curve, name)[k - 1].item():{_COLUMNS[name][2]}}".rstrip("%") for name in columns]
