"""All the words and numbers on the screen: one place, so that the same thing is always said the same way."""

from __future__ import annotations

import re
from collections.abc import Sequence

from lowrank.metrics import DIFFERENCE_LIMIT

PRODUCT = "lowrank"
TAGLINE = "See and measure what rank k keeps"
EXPLORE = "Explore"
COMPARE = "Compare"

COLOR = "Colour"
COLORS = {"gray": "Grey", "rgb": "Colour", "ycbcr": "Colour, allotted ranks"}
COLORS_HELP = (
    "Colour: red, green and blue have the same rank. Allotted ranks: brightness (Y) has rank k, and the colour planes "
    "(Cb, Cr) as many as pay, which on most photographs is closer for the same numbers."
)
NO_COLOR = "This picture has no colour."

DROP = "Drop a picture here"
DROP_HELP = "{formats}, up to {megapixels} megapixels. It stays in this browser tab's session."
TOO_MANY = "Only the last {count} dropped pictures are kept, or fewer where they are large."
STILL_HERE = "In use: {names}"
TAKE_AWAY = "Take away"
LOST = "Your picture is no longer here: drop it again. Rank and colour are kept."
BUSY = "Busy with other pictures: yours is number {place} in line."
TOO_BUSY = "The server has too much to do at the moment. Try again in a minute."
UPLOADED = "Your picture."
UNEXPECTED = "Something went wrong on our side. Reload the page; if it happens again, please report it."

AT_RANK = "Rank {k}"
SIZE = "{n} × {m} pixels."
ON_READING = "On reading: {notes}."
CAP = "{n} × {m} pixels, so its rank ends at {cap}."

RANK = "Rank k"

#: What the viewer says; `{rank}`, `{levels}` and `{key}` are filled in by the browser.
VIEWER = {
    "rank": RANK,
    "at": "Rank {rank}",
    "less": "One rank less",
    "more": "One rank more",
    "entry": "Rank by number",
    "stops": "Classic ranks",
    "stop": "Key {key}",
    "mode": "What is drawn",
    "modes": {"picture": "Picture", "difference": "Difference", "layer": "Layer k"},
    "play": "Play",
    "pause": "Stop",
    "beside": "Original beside",
    "left": "Original",
    "hold": "Hold: original",
    "divider": "Divider between the original and the rank-k picture",
    "stage": "Picture. Plus and minus zoom, arrows move, space shows the original.",
    "whole": "Fit view",
    "zoomOut": "Zoom out",
    "zoomIn": "Zoom in",
    "differenceScale": f"−{DIFFERENCE_LIMIT} darker · equal · +{DIFFERENCE_LIMIT} brighter (grey levels of 255)",
    "layerScale": "This layer alone: black −{levels}, grey 0, white +{levels} grey levels",
    "lost": "The picture did not arrive. Reload the page.",
}
PENDING = "…"
PREVIEW = "Preview. The full decomposition is on its way."

# label, help
NUMBERS = {
    "psnr": (
        "PSNR",
        "Peak signal-to-noise ratio, from the singular values: before clipping and rounding. Higher is closer.",
    ),
    "ssim": ("SSIM", "Structural similarity of the picture shown. 1 is identical."),
    "energy": ("Energy", "Share of the squared norm that rank k keeps."),
    "relative_error": ("Relative error", "Frobenius norm of the error over that of the picture, before rounding."),
    "numbers": ("Stored numbers", "k columns, k rows and k singular values: k (m + n + 1) for each plane."),
    "ratio": ("Ratio of numbers", "Numbers of the picture over stored numbers. Below 1 the factors are the larger."),
    "bytes": ("Factors", "Bytes of the raw factors as float32, without any coding."),
    "pixels": ("Pixels", "Bytes of the raw picture at 8 bits for each sample, without any coding."),
}

# label, help: what is different where ranks are allotted
ALLOTTED_NUMBERS = {
    "ranks": ("Ranks of the planes", "How rank k is allotted: to brightness (Y), and to the colour planes Cb and Cr."),
    "psnr": (NUMBERS["psnr"][0], "Peak signal-to-noise ratio before clipping and rounding. Higher is closer."),
    "numbers": (NUMBERS["numbers"][0], "A column, a row and a singular value for each rank of each plane: m + n + 1."),
}

LARGER = (
    "At this rank the factors are larger than the picture: more bytes as float32 than its raw 8-bit pixels. "
    "They break even {bytes}; counted as numbers, {numbers}."
)
SMALLER = (
    "At this rank the factors are smaller than the picture: fewer bytes as float32 than its raw 8-bit pixels. "
    "They stay so {bytes}; counted as numbers, {numbers}."
)

EVERY_RANK = "at every rank here"

TARGET_TITLE = "Choose the rank by a target"
TARGET_RULE = "Rule"
TARGET_SET = "Set rank"
CHOOSING = "Choosing the rank"
TARGETS = {
    "psnr": "PSNR at least (dB)",
    "ssim": "SSIM at least",
    "relative_error": "Relative error at most",
    "energy": "Energy at least (share)",
    "bytes": "Factors at most (bytes)",
}
RULE_NAMES = {
    "psnr": "PSNR",
    "ssim": "SSIM",
    "relative_error": "Relative error",
    "energy": "Energy",
    "bytes": "Bytes",
    "break_even": "Break-even, numbers",
    "gavish_donoho": "Gavish-Donoho (noise)",
}

CHART = "Curve"
LOG_RANK = "Log rank axis"
LOG_VALUE = "Log value axis"
CHARTS = {
    "relative_error": ("Error", "Relative error against rank", "Relative error ‖A − Aₖ‖ / ‖A‖"),
    "psnr": ("PSNR", "PSNR against rank", "PSNR (dB)"),
    "ssim": ("SSIM", "SSIM against rank", "SSIM"),
    "energy": ("Energy", "Energy against rank", "Energy kept (share)"),
    "singular_values": ("Singular values", "Singular values", "Singular value σₖ"),
}
RANK_AXIS = "Rank k (components)"
FROM_SPECTRUM = "from the spectrum"
BEFORE_ROUNDING = "before clipping and rounding"
OF_LUMA = "of the brightness plane (Y)"
MEASURED = "measured on the picture shown"
MEASURING = "Measuring PSNR and SSIM"
BREAK_EVEN = {"bytes": "break-even, bytes", "numbers": "break-even, numbers"}

OPTIMAL = "The error at every rank is within {excess} of the smallest possible."
EXACT = "The error at every rank is the smallest possible."
ALLOTTED_OPTIMAL = "The error of each plane is within {excess} of the smallest possible at its own rank."
ALLOTTED_EXACT = "The error of each plane is the smallest possible at its own rank."

DOWNLOADS = "Download"
DOWNLOAD_PICTURE = "Picture at rank {k} (PNG)"
DOWNLOAD_SWEEP = "Sweep from 1 to {k} (animated WebP)"
DOWNLOAD_CURVE = "Curve (CSV)"
DOWNLOAD_FACTORS = "Factors at rank {k} (NPZ)"
DOWNLOAD_SHEET = "Contact sheet (PNG)"

DECOMPOSING = "Decomposing the picture"

MAX_COMPARED = 8
COMPARE_PICK = "Pictures to compare"
COMPARE_EMPTY = "Choose at least one picture above, or drop your own."
COMPARE_HINT = "Click a name in the legend to hide its curve, double-click to show it alone."
COMPARE_TABLE = "All pictures at rank {k}"
COMPARE_DOWNLOAD = "All curves (CSV)"
COMPARE_COLUMNS = {
    "picture": "Picture",
    "size": "Size (pixels)",
    "rank": "Rank k",
    "psnr": "PSNR (dB)",
    "ssim": "SSIM",
    "energy": "Energy (%)",
    "relative_error": "Relative error (%)",
    "numbers": "Stored numbers",
    "ratio": "Ratio of numbers",
    "bytes": "Factors (bytes)",
    "ranks": ALLOTTED_NUMBERS["ranks"][0],
}


#: No picture of 16 bits or fewer can be told from another beyond this PSNR.
MOST_DECIBELS = 100


def decibel(value: float) -> str:
    """31.2 dB; beyond what any picture's samples can tell, just that."""
    return f"over {MOST_DECIBELS} dB" if value > MOST_DECIBELS else f"{value:.1f} dB"


def percent(share: float) -> str:
    """Share as a percentage with one digit, or as many (up to five) as tell it from 0 % and 100 %."""
    for digits in range(1, 6):
        if 0 < round(100 * share, digits) < 100:
            return f"{100 * share:.{digits}f} %"
    return f"{100 * share:.0f} %"


def optimality(excess: float, allotted: bool = False) -> str:
    """How near to the best the factors are, by the estimate of `SVD.excess`."""
    exact, near = (ALLOTTED_EXACT, ALLOTTED_OPTIMAL) if allotted else (EXACT, OPTIMAL)
    return exact if excess < 1e-7 else near.format(excess=percent(excess))


def decimals(value: float) -> str:
    """SSIM and the like: three digits, or as many as tell it from 1."""
    for digits in range(3, 7):
        if value == 1 or round(value, digits) < 1:
            return f"{value:.{digits}f}"
    return "1.000"


def count(number: int) -> str:
    """51,250."""
    return f"{number:,}"


def size(number: int) -> str:
    """Bytes in decimal units, three digits that matter: 205 kB."""
    value, unit = float(number), "B"
    for larger in ("kB", "MB", "GB"):
        if value < 999.5:
            break
        value, unit = value / 1000, larger
    return f"{value:.0f} {unit}" if unit == "B" or value >= 100 else f"{value:.3g} {unit}"


def times(factor: float) -> str:
    """0.67 times, 1.9 times, 12 times."""
    return f"{factor:.2g} times" if factor < 9.95 else f"{factor:,.0f} times"


def power(value: float) -> str:
    """5 × 10⁻⁷, for what is nearly nothing."""
    if value == 0:
        return "0"
    digit, exponent = f"{value:.0e}".split("e")
    return f"{digit} × 10{str(int(exponent)).translate(str.maketrans('-0123456789', '⁻⁰¹²³⁴⁵⁶⁷⁸⁹'))}"


def cost(sentence: str, word: str, break_even: dict[str, int | None], highest: int) -> str:
    """`LARGER` or `SMALLER` with its ranks: at (up to) rank 63, or what is so where that is beyond the highest one."""
    beyond = EVERY_RANK if word == "up to" else f"beyond rank {highest}"
    places = {by: beyond if rank is None else f"{word} rank {rank}" for by, rank in break_even.items()}
    return sentence.format(**places)


def split(ranks: Sequence[int]) -> str:
    """Y 50, Cb 9, Cr 12; of a grey picture Y alone."""
    return ", ".join(f"{plane} {rank}" for plane, rank in zip(("Y", "Cb", "Cr"), ranks, strict=False))


def ratio(value: float) -> str:
    """5.1 : 1."""
    return f"{value:.3g} : 1" if value < 100 else f"{value:.0f} : 1"


def target(unit: str, value: float | None) -> str:
    """A target as it was set: 30 dB, 0.9, 100 kB; nothing for a rule without one."""
    if value is None:
        return ""
    return size(round(value)) if unit == "bytes" else f"{value:g} {unit}".strip()


def short(title: str, most: int = 12) -> str:
    """A title for a narrow place."""
    return title if len(title) <= most else f"{title[: most - 1]}…"


def literal(name: str) -> str:
    """Return text from a user as a Markdown code span: nothing in it is interpreted."""
    plain = " ".join("".join(c if c.isprintable() else " " for c in name).split()) or "?"
    fence = "`" * (max((len(run) for run in re.findall("`+", plain)), default=0) + 1)
    return f"{fence} {plain} {fence}"


def plain(sentence: str) -> str:
    """Return a sentence for Markdown that may hold words of a user's file: nothing in it is interpreted."""
    printable = "".join(c if c.isprintable() else " " for c in sentence)
    printable = re.sub(r"(?<=:)(?=//)|(?<=www)(?=\.)|(?=@)", "\u2060", printable, flags=re.I)  # or it becomes a link
    # what means something within a line; names never begin one
    return re.sub(r"([\\`*\[\]|<>~$]|:(?=\S)|(?<![^\W_])_|_(?![^\W_]))", r"\\\1", printable)


def file_stem(name: str) -> str:
    """Return a file name that is safe to offer for a download, without its ending."""
    stem = re.sub(r"[^A-Za-z0-9]+", "-", re.sub(r"\.\w{2,5}(?=$| \()", "", name)).strip("-").lower()
    return stem[:60] or "picture"
