"""Write the seeds: the small ones of the odd, bad and whole files that the tests make.

``python fuzz/seeds.py FOLDER`` for pictures, and with ``tensors`` after it for matrices and adapters, ``decoder`` for
.lrk files; `make fuzz`, `make fuzz-tensors` and `make fuzz-decoder` do it.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import adapters
from bad_pictures import REFUSED, WHOLE
from odd_pictures import OPENS
from test_tensors import BAD_UPLOADS

#: What stands between an adapter and its configuration.
MARK = b"\n\0\n"

#: Larger ones take too long to mutate.
MOST_BYTES = 20_000


def main() -> None:
    """Write every seed under its digest."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    makers = {"": of_pictures, "tensors": of_tensors, "decoder": of_files}
    for data in makers["".join(sys.argv[2:])]():
        if len(data) <= MOST_BYTES:
            (folder / hashlib.sha256(data).hexdigest()[:16]).write_bytes(data)
    print(f"{len(list(folder.iterdir()))} seeds in {folder}")


def of_pictures() -> list[bytes]:
    """Pictures that open, and that must not."""
    return [*(odd.data for odd in OPENS.values()), *(data for data, _ in REFUSED.values()), *WHOLE.values()]


def of_tensors() -> list[bytes]:
    """Adapters and matrices; an adapter's configuration behind its mark."""
    small = {name: (3 + m % 5, 2 + n % 5) for name, (m, n) in adapters.MODULES.items()}
    pairs = adapters.factors(small, r=2)
    whole = [adapters.peft(pairs, r=2, alpha_pattern={"mlp.*proj": 2, "^q": 1}), (adapters.kohya(pairs), None)]
    bad = [(model, config) for model, config, _ in adapters.BAD_ADAPTERS.values()]
    files = [model + (MARK + config if config else b"") for model, config in whole + bad]
    return [*files, *adapters.BAD_FILES.values(), *BAD_UPLOADS.values(), b"a;b\n1;2\n3;4\n"]


def of_files() -> list[bytes]:
    """The golden .lrk files."""
    return [file.read_bytes() for file in (Path(__file__).parents[1] / "tests" / "golden").glob("*.lrk")]


if __name__ == "__main__":
    main()
