"""The commands that write, open and compare files: compress, open, compare."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from lowrank import metrics, rivals
from lowrank.codec import ARRANGEMENTS, before_rounding, decode, encode, inspect
from lowrank.color import displayed
from lowrank.console import aside, each, share_bar, shown_name, table_of, whole_number, write
from lowrank.errors import LowrankError
from lowrank.image import read_file, read_picture, to_png
from lowrank.intake.sniff import EXTENSIONS

#: PSNR that is aimed at where nothing else is asked for, in dB.
PSNR = 36.0


def register(commands: Any) -> None:
    """Add the commands to the parsers of the command line.

    Parameters
    ----------
    commands : object
        What `argparse.ArgumentParser.add_subparsers` returned.
    """
    compress = _command(commands, _compress, "lowrank compress photo.jpg --psnr 38", ".lrk", EXTENSIONS, True)
    target = compress.add_mutually_exclusive_group()
    about = "keep K components at most; their levels cost about 0.25 dB"
    target.add_argument("--rank", metavar="K", type=whole_number, help=about)
    target.add_argument(
        "--psnr", metavar="DB", type=float, help=f"the smallest file that reaches it (default: {PSNR:g})"
    )
    target.add_argument(
        "--bytes", metavar="N", dest="max_bytes", type=whole_number, help="the best file of N bytes or less"
    )
    compress.add_argument(
        "--arrangement",
        choices=ARRANGEMENTS,
        default="patches",
        help="decompose the picture's 8 x 8 patches (default; much the smaller) or the whole picture",
    )
    compress.add_argument("--gray", action="store_true", help="the luma of a colour picture alone")

    opened = _command(commands, _open, "lowrank open photo.lrk -o photo.png", ".png", ("lrk",), True)
    opened.add_argument("--rank", metavar="K", type=whole_number, help="no more than K components of those in the file")

    compare = _command(commands, _compare, "lowrank compare photo.png --bytes 20000", "", EXTENSIONS, False)
    same = compare.add_mutually_exclusive_group()
    same.add_argument("--psnr", metavar="DB", type=float, help=f"compare at equal PSNR (default: {PSNR:g})")
    same.add_argument("--bytes", metavar="N", dest="max_bytes", type=whole_number, help="compare at equal bytes")
    compare.add_argument("--gray", action="store_true", help="the luma of a colour picture alone")


def _command(
    commands: Any,
    run: Callable[..., int],
    example: str,
    ending: str,
    endings: Sequence[str],
    writes: bool,
) -> Any:
    about = run.__doc__ or ""
    short = about[:1].lower() + about[1:].partition("\n")[0].rstrip(".")
    sub = commands.add_parser(run.__name__[1:], help=short, description=about, example=example)
    what = ".lrk file" if endings == ("lrk",) else "picture"
    sub.add_argument(
        "images", metavar="FILE" if endings == ("lrk",) else "IMAGE", nargs="+", help=f"a {what}, or a folder"
    )
    if writes:
        where = f"the {ending[1:].upper()} file to write, or a folder (default: beside the {what})"
        sub.add_argument("-o", dest="out", metavar="OUT", help=where)
        sub.add_argument("--force", action="store_true", help="overwrite what is there")
    sub.set_defaults(command=run, out=None, ending=ending, endings=endings, beside=writes, color="gray")
    return sub


def _compress(args: argparse.Namespace) -> int:
    """Write pictures as .lrk files."""
    psnr = PSNR if args.psnr is None and args.rank is None and args.max_bytes is None else args.psnr
    target = {
        "rank": args.rank,
        "psnr": None if psnr is None else before_rounding(psnr),
        "max_bytes": args.max_bytes,
    }

    def work(picture: Path, file: Path | None) -> str:
        assert file is not None  # beside the picture at the least
        image, notes = read_picture(picture, gray=args.gray)
        with share_bar() as progress:
            data = encode(image, **target, arrangement=args.arrangement, progress=progress)
        write(file, data)
        psnr = metrics.psnr(image, displayed(decode(data)))
        share = 8 * len(data) / (image.shape[0] * image.shape[1])
        facts = f"{len(data):,} bytes, {share:.3f} bits per pixel, rank {inspect(data).rank}, PSNR {psnr:.2f} dB"
        return f"{shown_name(file)}: {facts}{aside(notes)}\n"

    return each(args, work)


def _open(args: argparse.Namespace) -> int:
    """Write .lrk files as PNG."""

    def work(file: Path, target: Path | None) -> str:
        assert target is not None  # beside the file at the least
        data = read_file(file)
        header = inspect(data)
        with share_bar() as progress:
            picture = decode(data, rank=args.rank, progress=progress)
        write(target, to_png(picture))
        kind = "grey" if header.color == "gray" else "colour"
        size = f"{header.shape[1]} x {header.shape[0]} pixels"
        rank = header.rank if args.rank is None else min(args.rank, header.rank)
        return f"{shown_name(target)}: {size}, {kind}, {header.arrangement}, rank {rank}\n"

    return each(args, work)


def _compare(args: argparse.Namespace) -> int:
    """Print what .lrk, JPEG, WebP, AVIF and PNG need for a picture, at equal PSNR or equal bytes."""

    def work(picture: Path, _: Path | None) -> str:
        image, notes = read_picture(picture, gray=args.gray)
        rows, remarks = [], ""
        for codec in rivals.CODECS:
            title = rivals.CODECS[codec].name
            try:
                if args.max_bytes is not None:
                    data = rivals.same_bytes(image, codec, args.max_bytes)
                else:
                    data = rivals.same_psnr(image, codec, PSNR if args.psnr is None else args.psnr)
                one = rivals.rate(image, codec, data)
                rows.append(
                    [title, f"{one.bytes:,}", f"{one.bits_per_pixel:.3f}", f"{one.psnr:.2f}", f"{one.ssim:.4f}"]
                )
            except LowrankError as error:
                rows.append([title, *"----"])
                remarks += f"{error}\n"
        kind = "grey" if image.ndim == 2 else "colour"
        head = f"{shown_name(picture)}: {image.shape[1]} x {image.shape[0]} pixels, {kind}"
        titles = [["", "", "bits per", "PSNR", ""], ["format", "bytes", "pixel", "dB", "SSIM"]]
        return f"{head}{aside(notes)}\n" + table_of([*titles, *rows], left=1) + remarks

    return each(args, work, gap="\n")
