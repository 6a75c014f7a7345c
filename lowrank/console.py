"""What the commands share: how they read sizes and ranks, find pictures, go through them, write files and complain."""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import secrets
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NoReturn

from lowrank.errors import LowrankError
from lowrank.parallel import Progress


class Parser(argparse.ArgumentParser):
    """A parser that ends its help with an example and raises its errors."""

    def __init__(self, *, example: str, **settings: Any) -> None:
        raw = argparse.RawDescriptionHelpFormatter
        super().__init__(epilog=f"example:\n  {example}", formatter_class=raw, allow_abbrev=False, **settings)

    def error(self, message: str) -> NoReturn:
        """Raise what argparse would print."""
        raise LowrankError(f"{message}. See {self.prog} --help.")


def whole_number(text: str) -> int:
    """Read a number of something: a rank, threads."""
    with contextlib.suppress(ValueError):
        if int(text) >= 1:
            return int(text)
    raise argparse.ArgumentTypeError(f"must be a whole number from 1 up, not {text!r}")


def size_argument(text: str) -> int:
    """Read a size such as 500MB, 2GB or 1GiB; a number alone counts bytes."""
    found = re.fullmatch(r"(\d{1,15}(?:\.\d{1,9})?) ?(?:([kMGT])(i?))?B?", text, re.ASCII | re.IGNORECASE)
    size = 0
    if found:
        number, prefix, binary = found.groups()
        size = int(float(number) * (1024 if binary else 1000) ** " kmgt".index((prefix or " ").lower()))
    if not size:
        raise argparse.ArgumentTypeError(f"must be a size such as 500MB, 2GB or 1GiB, not {text!r}")
    return size


def pictures_in(path: Path, endings: Sequence[str]) -> list[Path]:
    """The picture itself, or the pictures of a folder."""
    if not path.is_dir():
        return [path]
    pictures = sorted(p for p in path.iterdir() if p.suffix[1:].lower() in endings and p.is_file())
    if not pictures:
        raise LowrankError(f"The folder {str(path)!r} holds no picture: nothing ends in {', '.join(endings)}.")
    return pictures


def targets_of(args: argparse.Namespace) -> Sequence[Path | None]:
    """The file that each picture's result goes to; without -o none, or one beside it."""
    if args.out is None and not args.beside:
        return [None] * len(args.pictures)
    if args.out is None:
        return _apart(args.pictures, [picture.with_suffix(args.ending) for picture in args.pictures])
    out, ending = Path(args.out), args.ending.format(**vars(args))
    if not args.several and not args.out.endswith(("/", os.sep)) and not out.is_dir():
        kind = Path(f"x{ending}").suffix
        if out.suffix.lower() != kind:
            raise LowrankError(f"{args.out!r} is no name for the result. End it in {kind}, or in / for a folder.")
        return [out]
    targets = _apart(args.pictures, [out / (picture.stem + ending) for picture in args.pictures])
    out.mkdir(parents=True, exist_ok=True)
    return targets


def _apart(pictures: Sequence[Path], targets: Sequence[Path]) -> Sequence[Path]:
    """Return the targets of pictures, after making sure that no two are the same."""
    first: dict[Path, Path] = {}
    for picture, target in zip(pictures, targets, strict=True):
        if (other := first.setdefault(target, picture)) is not picture:
            raise LowrankError(f"{str(other)!r} and {str(picture)!r} would get the same name. Do one at a time.")
    return targets


def each(args: argparse.Namespace, work: Callable[[Path, Path | None], str], gap: str = "") -> int:
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
                code = complain(f"{shown_name(picture)}: {reason}" if args.several else reason)
            else:
                bar.write(between + text, end="")
                between = gap
    return code


def write(target: Path, data: bytes) -> None:
    """Write a file in one step: beside the target first, then under its name, so that no half of it is ever seen."""
    part, ours = target.with_name(f".lowrank-{secrets.token_hex(8)}.part"), False
    try:
        with part.open("xb") as stream:
            ours = True
            stream.write(data)
        part.replace(target)
    except OSError as error:
        raise LowrankError(f"{str(target)!r} cannot be written: {error.strerror}.") from None
    finally:
        if ours:
            with contextlib.suppress(OSError):
                part.unlink()


def complain(message: object, code: int = 2) -> int:
    """Print an error in one line; return the exit code."""
    print("lowrank:", *str(message).splitlines(), file=sys.stderr)
    return code


def shown_name(path: Path) -> str:
    """The name as it was given, unless it holds line breaks or codes that a terminal would obey."""
    return str(path) if str(path).isprintable() else repr(str(path))


@contextlib.contextmanager
def share_bar() -> Iterator[Progress]:
    """A bar on a terminal, to be called with the finished share."""
    from tqdm import tqdm

    hidden = sys.stderr is None or None  # None: shown on a terminal
    with tqdm(total=1.0, leave=False, disable=hidden, bar_format="{l_bar}{bar}| {elapsed}") as bar:
        yield lambda share: bar.update(share - bar.n)


def aside(notes: Sequence[str]) -> str:
    """What was done to a picture on the way in."""
    return f" ({', '.join(notes)})" if notes else ""


def table_of(rows: Sequence[Sequence[str]], left: int = 0) -> str:
    """Lines of aligned cells: the first `left` columns to the left, figures to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ([f"{cell:{'<' if i < left else '>'}{widths[i]}}" for i, cell in enumerate(row)] for row in rows)
    return "".join("  ".join(line).rstrip() + "\n" for line in lines)
