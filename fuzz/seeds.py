"""Write the seeds: the small ones of the odd, bad and whole files that the tests make.

``python fuzz/seeds.py FOLDER``; `make fuzz` does it.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from bad_pictures import REFUSED, WHOLE
from odd_pictures import OPENS

#: Larger ones take too long to mutate.
MOST_BYTES = 20_000


def main() -> None:
    """Write every seed under its digest."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    files = [*(odd.data for odd in OPENS.values()), *(data for data, _ in REFUSED.values()), *WHOLE.values()]
    for data in files:
        if len(data) <= MOST_BYTES:
            (folder / hashlib.sha256(data).hexdigest()[:16]).write_bytes(data)
    print(f"{len(list(folder.iterdir()))} seeds in {folder}")


if __name__ == "__main__":
    main()
