"""Compare .lrk with JPEG, WebP and AVIF on whole files: bytes, PSNR, SSIM and BD-rate.

    python benchmarks/quality.py [--images DIR] [--color gray|color|both] [--brief] [--speed]

Every file is written to disk, read back and decoded. BD-rate is the mean difference of bytes at equal quality
(Bjontegaard 2001, with the piecewise cubic of his later note), over the range that both codecs reach between 0.05 and
`MOST_BITS` bits per pixel; negative is smaller. Without a folder the pictures are the samples that are photographs, and
those of scikit-image and scikit-learn; the codec was tuned on those marked so, and on nothing else.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
import skimage
import sklearn
from scipy.interpolate import PchipInterpolator

from lowrank import read_image
from lowrank.color import Array
from lowrank.intake.sniff import EXTENSIONS
from lowrank.rivals import CODECS, Rate, rate

ROOT = Path(__file__).parents[1]
SAMPLES = ROOT / "sample_images"
SKIMAGE, SKLEARN = Path(skimage.__file__).parent / "data", Path(sklearn.__file__).parent / "datasets" / "images"

#: The codec's constants were chosen by these.
TUNED = [SKLEARN / "china.jpg", SKLEARN / "flower.jpg", SKIMAGE / "chelsea.png", SKIMAGE / "astronaut.png"]

#: These were not looked at until it was done.
HELD_BACK = [
    SAMPLES / "coffee.jpg",
    SAMPLES / "rocket.jpg",
    SKIMAGE / "camera.png",
    SKIMAGE / "motorcycle_left.png",
    SKIMAGE / "motorcycle_right.png",
    SKIMAGE / "clock_motion.png",
    SKIMAGE / "coins.png",
]

#: Qualities of each codec's curve.
QUALITIES = {
    "whole": [1250, 1400, 1550, 1700, 1850, 2000, 2150, 2300],
    "patches": [1250, 1400, 1550, 1700, 1850, 2000, 2150, 2300],
    "jpeg": [3, 6, 10, 16, 25, 38, 55, 72, 84, 91, 95],
    "webp": [1, 6, 14, 25, 40, 58, 75, 85, 91, 95],
    "avif": [20, 30, 40, 50, 58, 66, 74, 82, 88],
}

#: The range that is compared, in bits per pixel.
LEAST_BITS, MOST_BITS = 0.05, 1.6


def curve(image: Array, codec: str, folder: Path) -> list[Rate]:
    """Return what a codec's files are worth, each read back from disk."""
    make, rates = CODECS[codec].prepare(image), []
    for quality in QUALITIES[codec]:
        file = folder / f"{codec}-{quality}"
        file.write_bytes(make(quality))
        rates.append(rate(image, codec, file.read_bytes(), quality))
    return rates


def bd_rate(reference: list[Rate], other: list[Rate], measure: str = "psnr") -> float:
    """Return by how much the bytes of `other` differ from those of `reference` at equal quality, as a share."""
    curves, ends = [], []
    for rates in (reference, other):
        points: dict[float, float] = {}
        for one in sorted(rates, key=lambda one: one.bytes):
            quality = getattr(one, measure)
            if not points or quality > max(points):
                points[quality] = np.log(one.bits_per_pixel)
        x, y = np.array(list(points)), np.array(list(points.values()))
        curves.append(PchipInterpolator(x, y))
        inside = x[np.searchsorted(y, np.log(LEAST_BITS)) :]
        if not len(inside):
            return float("nan")  # so simple a picture that every file is below the range
        ends.append((inside[0], np.interp(np.log(MOST_BITS), y, x)))
    low, high = max(a for a, _ in ends), min(b for _, b in ends)
    if low >= high:
        return float("nan")
    first, second = (one.integrate(low, high) for one in curves)
    return float(np.exp((second - first) / (high - low)) - 1)


def compare(name: str, image: Array, brief: bool) -> dict[str, tuple[float, ...]]:
    """Print a picture's table, and return each codec's BD-rates against JPEG and WebP by PSNR, and JPEG by SSIM."""
    with tempfile.TemporaryDirectory() as folder:
        curves = {codec: curve(image, codec, Path(folder)) for codec in QUALITIES}
    kind = "grey" if image.ndim == 2 else "colour"
    print(f"\n{name}, {image.shape[1]} x {image.shape[0]}, {kind}")
    if not brief:
        print(f"{'':16}{'bytes':>10}{'bits/px':>9}{'PSNR dB':>9}{'SSIM':>8}")
        for codec, rates in curves.items():
            for one in rates:
                if LEAST_BITS <= one.bits_per_pixel <= MOST_BITS:
                    title = CODECS[codec].name
                    print(f"{title:16}{one.bytes:>10,}{one.bits_per_pixel:>9.3f}{one.psnr:>9.2f}{one.ssim:>8.4f}")
    found = {}
    for codec, rates in curves.items():
        if codec != "jpeg":
            against = (("jpeg", "psnr"), ("webp", "psnr"), ("jpeg", "ssim"), ("webp", "ssim"))
            found[codec] = tuple(bd_rate(curves[other], rates, measure) for other, measure in against)
            print(f"{CODECS[codec].name:16}" + _percents(found[codec]), flush=True)
    return found


def _percents(shares: tuple[float, ...]) -> str:
    titles = ("against JPEG", "WebP", "by SSIM, JPEG", "WebP")
    return "".join(f"  {title} {share:+7.1%}" for title, share in zip(titles, shares, strict=True))


def report(title: str, pictures: list[Path], colors: list[bool], brief: bool) -> None:
    """Print every picture's table and the mean of all, grey and colour apart."""
    for color in colors:
        found = []
        for path in pictures:
            image = read_image(path, gray=not color)
            if not color or image.ndim == 3:
                found.append(compare(path.name, image, brief))
        if found:
            print(f"\n== {title}, {'colour' if color else 'grey'}: mean of {len(found)} ==")
            for codec in found[0]:
                means = tuple(np.nanmean([one[codec] for one in found], axis=0).tolist())
                print(f"{CODECS[codec].name:16}" + _percents(means))


def main() -> None:
    """Read the command line, and compare."""
    parser = argparse.ArgumentParser(description="Compare .lrk with JPEG, WebP and AVIF.")
    parser.add_argument("--images", type=Path, help="a folder of pictures, in place of the usual ones")
    parser.add_argument("--color", choices=["gray", "color", "both"], default="both")
    parser.add_argument("--brief", action="store_true", help="BD-rates alone")
    parser.add_argument("--speed", action="store_true", help="how long files take, in place of what they are worth")
    args = parser.parse_args()
    if args.speed:
        import encoding  # beside this file; here, because nothing else needs it

        encoding.main(["0.4", "12"], 3)
        return
    colors = {"gray": [False], "color": [True], "both": [False, True]}[args.color]
    if args.images:
        pictures = sorted(p for p in args.images.iterdir() if p.suffix[1:].lower() in EXTENSIONS)
        report(args.images.name, pictures, colors, args.brief)
        return
    report("tuned on", TUNED, colors, args.brief)
    report("held back", HELD_BACK, colors, args.brief)


if __name__ == "__main__":
    main()
