"""What Python and the C library keep of memory that is not used any more, given back to the system.

glibc keeps it in an arena for every thread, and gives it back only from an arena's end. Two arenas are enough here, and
now and then they are emptied. Elsewhere than on glibc nothing of this is done.
"""

from __future__ import annotations

import ctypes
import gc
from contextlib import suppress

_M_ARENA_MAX = -8  # of malloc.h


def settle() -> None:
    """Prepare a process that will serve many sessions, once all modules are there."""
    gc.collect()
    gc.freeze()  # Streamlit collects garbage after every run of a page: it need not search 140,000 objects of modules
    with suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").mallopt(_M_ARENA_MAX, 2)


def give_back() -> None:
    """Give back what is free; some milliseconds."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").malloc_trim(0)
