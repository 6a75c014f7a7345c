"""Make every sample picture in this folder, or measure them.

    python sample_images/make.py            write the pictures
    python sample_images/make.py --facts    print the markdown tables that stand in SOURCES.md

It needs NumPy, SciPy, Pillow (with FreeType) and scikit-image, whose wheel carries the photographs; no
network. The same versions (named in SOURCES.md) give the same bytes; other versions may pack them
differently or set the type a little otherwise.
"""

from __future__ import annotations

import argparse
import io
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import skimage
from PIL import Image, ImageCms, ImageDraw, ImageFont
from scipy.interpolate import PchipInterpolator

HERE = Path(__file__).parent
PHOTOGRAPHS = Path(skimage.__file__).parent / "data"
Font = ImageFont.FreeTypeFont | ImageFont.ImageFont
REC601 = np.array([0.299, 0.587, 0.114])


# -- photographs ----------------------------------------------------------------------------------


def photograph(name: str) -> Image.Image:
    """One of scikit-image's pictures, whole, in sRGB: cropping or enlarging would only take away."""
    image: Image.Image = Image.open(PHOTOGRAPHS / name)
    profile = image.info.get("icc_profile")
    if profile:  # the rocket is Adobe RGB; read without its profile it looks dull
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        transform = ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), image.mode, image.mode)
        image = transform.apply(image)
    return Image.fromarray(np.asarray(image))  # a bare copy: no profile, comment or density is saved


# -- drawn pictures -------------------------------------------------------------------------------

# Half of each yarn's colour: a crossing shows warp + weft, so the sum stays within 8 bits. The values are
# picked so that their Rec.601 grey lies within 0.02 of a whole number: then rounding the sum to 8-bit grey
# is summing the rounded, and the grey tartan keeps its rank too.
YARN = {
    "red": (117, 16, 23),
    "green": (5, 39, 23),
    "navy": (8, 12, 40),
    "gold": (116, 93, 24),
    "white": (120, 117, 109),
}
# Half a sett, in threads; it is mirrored about both ends.
SETT = [
    ("red", 12),
    ("navy", 3),
    ("red", 3),
    ("navy", 6),
    ("gold", 1),
    ("green", 10),
    ("white", 2),
    ("green", 3),
]


def tartan(threads: int = 160, width: int = 4) -> Image.Image:
    """Exactly rank 3 in each plane: warp down the columns, weft along the rows, and the weave in relief."""
    half = [yarn for yarn, count in SETT for _ in range(count)]
    repeat = half + half[::-1]
    yarns = np.array([YARN[repeat[i % len(repeat)]] for i in range(threads)]).repeat(width, axis=0)
    over_under = np.resize(np.array([2, 3, 3, 2, -2, -3, -3, -2]), threads * width)
    relief = np.multiply.outer(over_under, over_under)
    cloth = yarns[None, :, :] + yarns[:, None, :] + relief[:, :, None]
    assert cloth.min() >= 0, "clipping would break the rank"
    assert cloth.max() <= 255, "clipping would break the rank"
    return Image.fromarray(cloth.astype(np.uint8))


def dusk(width: int = 768, height: int = 512) -> Image.Image:
    """A sky after sunset: bands of colour and a round glow, all smooth, so the singular values fall fast."""
    y, x = np.mgrid[0:height, 0:width] / height
    colours = np.array([[16, 24, 66], [52, 52, 116], [150, 84, 130], [232, 122, 104], [250, 168, 96]])
    distance = np.hypot(x - 0.98, y - 0.80)
    # The bands hang lower away from the sun, along a curve that no single row times column can draw.
    sky = PchipInterpolator([-0.4, 0.20, 0.50, 0.80, 1.1], colours)(y - 0.35 * (distance - 0.5))
    sky += np.exp(-((distance / 0.27) ** 2))[..., None] * (np.array([255, 240, 200]) - sky)
    # Without a little noise before rounding the eye finds the 8-bit steps as bands.
    sky += np.random.default_rng(8).uniform(-0.5, 0.5, sky.shape)
    return Image.fromarray(np.clip(np.rint(sky), 0, 255).astype(np.uint8))


def noise(side: int = 512) -> Image.Image:
    """Every grey value equally likely at every pixel. Square, as a long side would make it easier."""
    return Image.fromarray(np.random.default_rng(1907).integers(0, 256, (side, side), dtype=np.uint8))


TEXT = """
A picture is a table of numbers. Each row runs across it, each column runs down it, and every number says
how bright one spot is. To ask for the rank of a picture is to ask how many rows you would need to mix all
the others from.

Take a sheet where every row is the same, only lighter or darker. One row and one list of strengths tell all
of it: the rank is one. Stripes have rank one. A chequered cloth needs two or three. A plain wall, a clear
sky, a shadow that fades away: these are nearly as cheap.

Now look at this page. The lines of type are straight and evenly spaced, but the letters in them are not. A
curve here, a slanted stroke there, and no two rows of dots agree for long. Each letter brings in something
that the rows above it did not have, so the rank is high.

The singular value decomposition sorts a picture into layers, each made of one column times one row. The
first layer is the strongest, the second is the best help for what the first has missed, and so on down to
the last faint trace. Keep the first few and drop the rest: no other picture of that rank comes closer to
the whole.

Begin with a single layer and you see the margins, and the grey bars where the lines will stand. Add some
more and the bars break into words. Then, quite suddenly, the words can be read. The eye forgives a soft
cheek or a blurred cloud; it does not forgive a letter.

So the right rank is not a law of nature. It depends on what you look at, and on what you need to see.
"""


def text_page(width: int = 720, height: int = 920, margin: int = 66) -> Image.Image:
    """A page of justified type, as a book has it: straight lines outside, letters of every shape inside."""
    ink = Image.new("L", (width, height), 0)
    draw = ImageDraw.Draw(ink)
    title, body = ImageFont.load_default(40), ImageFont.load_default(19)
    draw.text((margin, 56), "What rank means", fill=255, font=title)
    draw.line([(margin, 118), (width - margin, 118)], fill=160, width=2)
    y = 140
    for paragraph in TEXT.split("\n\n"):
        lines = wrap(paragraph.split(), body, width - 2 * margin)
        for line in lines:
            spare = width - 2 * margin - body.getlength(" ".join(line)) if line is not lines[-1] else 0.0
            x = float(margin)
            for word in line:
                draw.text((x, y), word, fill=255, font=body)
                x += body.getlength(word + " ") + spare / max(len(line) - 1, 1)
            y += 28
        y += 14
    assert y < height - margin // 2, "the text runs off the page"
    page = Image.new("RGB", ink.size, (250, 246, 236))
    page.paste((36, 32, 38), mask=ink)
    return page


def wrap(words: Sequence[str], font: Font, width: float) -> list[list[str]]:
    """Words put into lines, as many to each as fit."""
    lines: list[list[str]] = [[]]
    for word in words:
        if font.getlength(" ".join([*lines[-1], word])) > width:
            lines.append([])
        lines[-1].append(word)
    return lines


# -- writing and measuring ------------------------------------------------------------------------

MAKERS: dict[str, Callable[[], Image.Image]] = {
    "portrait.jpg": lambda: photograph("astronaut.png"),
    "coffee.jpg": lambda: photograph("coffee.png"),
    "rocket.jpg": lambda: photograph("rocket.jpg"),
    "page.png": text_page,
    "tartan.png": tartan,
    "dusk.png": dusk,
    "gravel.png": lambda: photograph("gravel.png"),
    "noise.png": noise,
}


def write_all() -> None:
    """Each picture beside this script, under its name."""
    for name, make in MAKERS.items():
        if name.endswith(".png"):
            make().save(HERE / name, optimize=True)
        else:  # full chroma and light quantisation: what the page then measures is the photograph, not JPEG
            make().save(HERE / name, quality=97, subsampling=0, optimize=True)


def tail_energy(plane: np.ndarray) -> np.ndarray:
    """Squared error left at rank 0, 1, 2, ... (Eckart-Young: the singular values alone tell it)."""
    s = np.linalg.svd(plane, compute_uv=False)
    return np.append(np.cumsum(s[::-1] ** 2)[::-1], 0.0)


def rank_for_psnr(plane: np.ndarray, decibels: float = 30.0) -> int:
    """The smallest rank that comes this close, without clipping (values in [0, 1])."""
    return int(np.argmax(tail_energy(plane) / plane.size <= 10 ** (-decibels / 10)))


def print_facts() -> None:
    """The tables of SOURCES.md, where the columns are explained."""
    print("| file | pixels | bytes | full rank | 30 dB | 99 % energy | PSNR at rank 3 | Y, Cb, Cr | planes |")
    print("|---|---|---:|---:|---:|---:|---:|---:|---:|")
    for name in MAKERS:
        image = Image.open(HERE / name)
        rgb = np.asarray(image.convert("RGB")) / 255.0
        tail = tail_energy(rgb @ REC601)
        energy = int(np.argmax(tail <= 0.01 * tail[0]))
        # Grey as a viewer would store it, rounded to 8 bits: the tartan must stay exact through that as well.
        left = tail_energy(np.asarray(image.convert("L")) / 255.0)[3] / rgb[..., 0].size
        psnr = f"{-10 * np.log10(left):.1f} dB" if left > 1e-15 else "exact"
        ycbcr = np.asarray(image.convert("YCbCr")) / 255.0
        colour = [str(rank_for_psnr(ycbcr[..., c])) for c in range(3)] if image.mode == "RGB" else ["grey"]
        planes = max(int(np.linalg.matrix_rank(rgb[..., c])) for c in range(3))
        size = (HERE / name).stat().st_size
        print(
            f"| {name} | {image.width} x {image.height} | {size:,} | {min(image.size)} "
            f"| {rank_for_psnr(rgb @ REC601)} | {energy} | {psnr} | {', '.join(colour)} | {planes} |"
        )
    print("\n| rocket, turned by | 30 dB in a disc |\n|---:|---:|")
    with Image.open(HERE / "rocket.jpg") as rocket:
        for degrees in (0, 10, 20, 45, 90):
            turned = np.asarray(rocket.rotate(degrees, Image.Resampling.BICUBIC)) / 255.0 @ REC601
            height, width = turned.shape
            y, x = np.mgrid[0:height, 0:width]
            disc = np.hypot(y - (height - 1) / 2, x - (width - 1) / 2) < 180  # the same pixels at every angle
            print(f"| {degrees} degrees | {rank_for_psnr(np.where(disc, turned, turned[disc].mean()))} |")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Make the sample pictures, or measure them.")
    parser.add_argument("--facts", action="store_true", help="print the measured facts as markdown tables")
    print_facts() if parser.parse_args().facts else write_all()
