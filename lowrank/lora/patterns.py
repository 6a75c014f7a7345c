r"""Which layers a pattern of PEFT's configuration means.

PEFT looks for the first one with ``re.match(rf"(.*\.)?({pattern})$", module)``. Patterns come from outside, and some
regular expressions take for ever on a short name. What is read here is a module's name or the end of one, in which
marks may be escaped, ``^`` may begin and ``.*`` may stand once; names are looked up, not tried one by one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from lowrank.errors import FormatError, TensorError
from lowrank.lora.safetensors import shown

#: Most patterns with ``.*`` in one table; they are tried one by one.
STARS_LIMIT = 100


def ends(module: str) -> Iterator[str]:
    """Yield the module's name, and what is left of it after each dot.

    Examples
    --------
    >>> list(ends("layers.0.q"))
    ['layers.0.q', '0.q', 'q']
    """
    yield module
    for i, character in enumerate(module):
        if character == ".":
            yield module[i + 1 :]


class Patterns:
    """The values of a table of patterns, such as alpha_pattern.

    Parameters
    ----------
    config : mapping
        PEFT's configuration.
    table : str
        Its key.

    Raises
    ------
    FormatError
        If the table is none.
    TensorError
        If a pattern is another regular expression than those that are read.

    Examples
    --------
    >>> alphas = Patterns({"alpha_pattern": {"^q": 1, "q": 2, "mlp.*up": 3}}, "alpha_pattern")
    >>> alphas.of("q", 8), alphas.of("layers.0.q", 8), alphas.of("layers.0.mlp.up", 8), alphas.of("k", 8)
    (1, 2, 3, 8)
    """

    def __init__(self, config: Mapping[str, Any], table: str) -> None:
        patterns = config.get(table) or {}
        if not isinstance(patterns, dict):
            raise FormatError(f"The {table} in adapter_config.json is no table. Correct it, or leave it out.")
        self._named: dict[tuple[str, bool], tuple[int, Any]] = {}
        self._starred: list[tuple[int, str, str, bool, Any]] = []
        for i, (pattern, value) in enumerate(patterns.items()):
            anchored, plain = pattern.startswith("^"), re.sub(r"\\([^A-Za-z0-9])", r"\1", pattern.removeprefix("^"))
            head, star, tail = plain.partition(".*")
            if re.search(r"[^\w.\- ]", head + tail, re.ASCII) or len(self._starred) >= STARS_LIMIT:
                raise TensorError(f"The pattern {shown(pattern)} in {table} is not read here. Write out the modules.")
            if star:
                self._starred.append((i, head, tail, anchored, value))
            else:
                self._named.setdefault((plain, anchored), (i, value))

    def of(self, module: str, default: Any) -> Any:
        """Return the value of the first pattern that means this module."""
        found = [self._named[key] for key in ((module, True), *((end, False) for end in ends(module)))
                 if key in self._named]  # fmt: skip
        for i, head, tail, anchored, value in self._starred:
            start = ("." + module).find("." + head)  # the first place leaves the most room for the tail
            if (
                start in ((0,) if anchored else range(len(module) + 1))
                and module.endswith(tail)
                and start + len(head) + len(tail) <= len(module)
            ):
                found.append((i, value))
        return min(found, key=lambda hit: hit[0])[1] if found else default
