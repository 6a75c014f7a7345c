"""Small files that ask for much: refused for less than a second of CPU and less than 64 MB, counted by the kernel."""

import json
import os
import subprocess
import sys

import pytest
from bombs import BOMBS

pytestmark = pytest.mark.slow

#: Reads each file of a folder in a fork of its own, and prints what that took: seconds of CPU, bytes, what was said.
METER = """
import json, os, resource, sys
from pathlib import Path
import lowrank
from lowrank.image import read_picture
from lowrank.errors import ImageError

def used():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024

for path in sorted(Path(sys.argv[1]).iterdir(), key=lambda path: int(path.name)):
    if not os.fork():
        data = path.read_bytes()
        before = used()
        try:
            said = str(read_picture(data).pixels.shape)
        except ImageError as error:
            said = str(error)
        after = used()
        print(json.dumps([after[0] - before[0], after[1] - before[1], said]), flush=True)
        os._exit(0)
    os.wait()
"""


@pytest.fixture(scope="module")
def costs(tmp_path_factory):
    """Seconds of CPU, bytes and message for each bomb, by name."""
    folder = tmp_path_factory.mktemp("bombs")
    for i, (make, _) in enumerate(BOMBS.values()):
        (folder / str(i)).write_bytes(make())
    done = subprocess.run(
        [sys.executable, "-c", METER, folder],
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    return dict(zip(BOMBS, map(json.loads, done.stdout.splitlines()), strict=True))


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_for_little(name, costs):
    seconds, size, said = costs[name]
    assert type(BOMBS[name][1]).of(said) is BOMBS[name][1], said
    assert seconds <= 1
    assert size <= 64 * 2**20


def test_the_meter_counts_what_a_large_picture_takes(tmp_path):
    from makers import encoded, smooth

    (tmp_path / "0").write_bytes(encoded(smooth(3000, 4000), "PNG", compress_level=1))
    done = subprocess.run([sys.executable, "-c", METER, tmp_path], capture_output=True, text=True, check=True)
    seconds, size, said = json.loads(done.stdout)
    assert said == "(3000, 4000, 3)"
    assert size > 3000 * 4000 * 3 * 4  # the picture itself, as float32
    assert seconds > 0.01
