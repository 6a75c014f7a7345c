"""How long files take: .lrk in both arrangements by every target, beside JPEG, WebP and AVIF at one quality.

    python benchmarks/encoding.py [--sizes 0.4,12] [--rounds N]        or quality.py --speed

Every line is a process of its own, which imports `lowrank` and reads the picture first. The first encoding and decoding
are those that a user waits for, with whatever a library does at its first call; the medians are of all rounds. Memory
is the most that the process has held, picture and imports included, as Linux tells it. BLAS has one thread, as in the
app; with more, decompositions are faster on an idle machine and much slower on a busy one. Of 0.4 MP there are two
pictures: one made from a photograph as `speed.py` makes them, with detail down to the pixel, as is that of 12 MP, and a
photograph as it was taken.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

#: megapixels, and how the picture came about -> height, width, whether in colour, and the targets of each arrangement;
#: of 12 MP no rank that is stored whole reaches 36 dB
SIZES = {
    "0.4 made": (512, 784, False, dict.fromkeys(["whole", "patches"], ("rank=50", "psnr=36", "max_bytes=40000"))),
    "0.4 taken": (500, 741, False, dict.fromkeys(["whole", "patches"], ("rank=50", "psnr=36", "max_bytes=40000"))),
    "12 made": (
        3000,
        4000,
        True,
        {
            "whole": ("rank=50", "psnr=24", "max_bytes=1200000"),
            "patches": ("rank=50", "psnr=36", "max_bytes=1200000"),
        },
    ),
}

#: The peers' knobs, for about the bytes of 36 dB here.
PEERS = {"jpeg": 80, "webp": 80, "avif": 70}


def picture(size: str) -> np.ndarray:
    """Make the picture of a size."""
    from skimage.data import stereo_motorcycle
    from sklearn.datasets import load_sample_image
    from speed import enlarged, gray

    h, w, color, _ = SIZES[size]
    if size == "0.4 taken":
        return gray(stereo_motorcycle()[0])
    photo = load_sample_image("china.jpg")
    if not color:
        return enlarged(gray(photo), h, w)
    return np.stack([enlarged(np.asarray(photo[..., i], np.float32) / 255, h, w) for i in range(3)], axis=2)


def child(file: str, codec: str, target: str, rounds: int) -> None:
    """Time one line; print it as JSON."""
    from lowrank import decode, encode, psnr
    from lowrank.rivals import CODECS

    image, times, data, shown = np.load(file), [], b"", np.zeros(0)
    name, value = target.split("=")
    for _ in range(rounds):
        start = time.perf_counter()
        if name == "quality":
            data = CODECS[codec].prepare(image)(int(value))
        else:
            data = encode(image, **{name: float(value) if name == "psnr" else int(value)}, arrangement=codec)
        middle = time.perf_counter()
        shown = decode(data) if name != "quality" else CODECS[codec].decode(data)
        times.append((middle - start, time.perf_counter() - middle))
    if shown.ndim > image.ndim:
        shown = shown[..., 1]
    # not getrusage, which on Linux begins with what the parent held
    peak = int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) / 1e6
    print(json.dumps({"times": times, "bytes": len(data), "psnr": psnr(image, shown), "peak": peak}))


def main(sizes: list[str], rounds: int) -> None:
    """Print a table for each size."""
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1"}
    for size in (one for one in SIZES if one.split()[0] in sizes):
        h, w, color, targets = SIZES[size]
        kind = f"{size.replace(' ', ' MP, ')}, {w} x {h}, {'colour' if color else 'grey'}"
        print(f"\n{kind}; seconds, the first and the median of {rounds}")
        print(f"{'':26}{'encode':>8}{'median':>8}{'decode':>8}{'median':>8}{'GB':>7}{'bytes':>12}{'PSNR dB':>9}")
        lines = [(codec, target) for codec, own in targets.items() for target in own]
        lines += [(codec, f"quality={quality}") for codec, quality in PEERS.items()]
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "picture.npy"
            np.save(file, picture(size))
            for codec, target in lines:
                command = [sys.executable, __file__, "--child", str(file), codec, target, "--rounds", str(rounds)]
                ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
                one = json.loads(ended.stdout)
                encoding, decoding = zip(*one["times"], strict=True)
                print(
                    f"{codec:9}{target:17}{encoding[0]:>8.2f}{statistics.median(encoding):>8.2f}{decoding[0]:>8.2f}"
                    f"{statistics.median(decoding):>8.2f}{one['peak']:>7.2f}{one['bytes']:>12,}{one['psnr']:>9.2f}",
                    flush=True,
                )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Time .lrk files beside JPEG, WebP and AVIF.")
    parser.add_argument("--sizes", default="0.4,12", help="megapixels, of 0.4 and 12, with commas")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        child(*args.child, args.rounds)
    else:
        main(args.sizes.split(","), args.rounds)
