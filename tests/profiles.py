"""ICC profiles, byte by byte (ICC.1:2001-04)."""

import struct

import numpy as np


def profile(gamma=2.2, primaries=((0.64, 0.33), (0.21, 0.71), (0.15, 0.06)), name=b"test"):
    """An ICC profile of a screen: a matrix (by default Adobe RGB's primaries, adapted to D50) and a power."""
    columns = np.linalg.inv(np.diag([1, 1, 1]))
    for i, (x, y) in enumerate(primaries):
        columns[:, i] = x / y, 1, (1 - x - y) / y
    white = np.array([0.3127 / 0.3290, 1, (1 - 0.3127 - 0.3290) / 0.3290])
    columns = columns * np.linalg.solve(columns, white)
    bradford = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
    d50 = np.array([0.9642, 1, 0.8249])
    adapt = np.linalg.inv(bradford) @ np.diag((bradford @ d50) / (bradford @ white)) @ bradford
    tags = {key: xyz(column) for key, column in zip((b"rXYZ", b"gXYZ", b"bXYZ"), (adapt @ columns).T, strict=True)}
    tags |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), power(gamma))
    return icc(b"RGB ", {**tags, b"wtpt": xyz(d50), b"desc": b"desc" + bytes(8) + name})


def grey_profile(gamma=1.0):
    """An ICC profile of grey: a power."""
    return icc(b"GRAY", {b"kTRC": power(gamma), b"wtpt": xyz((0.9642, 1, 0.8249))})


def xyz(numbers):
    return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(v * 65536) for v in numbers))


def power(gamma):
    return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256)) + b"\0\0"


def icc(space, tags):
    """A profile of version 2 for a screen."""
    start, table, body = 132 + 12 * len(tags), b"", b""
    for name, tag in tags.items():
        table += name + struct.pack(">II", start + len(body), len(tag))
        body += tag + b"\0" * (-len(tag) % 4)
    head = struct.pack(">I4sI4s4s4s", start + len(body), b"\0\0\0\0", 0x02400000, b"mntr", space, b"XYZ ")
    head += bytes(12) + b"acsp" + bytes(28) + struct.pack(">3i", 63190, 65536, 54061) + bytes(48)
    return head + struct.pack(">I", len(tags)) + table + body
