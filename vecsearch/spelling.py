"""What somebody may have meant who named something that there is not."""

import difflib
import heapq
from collections.abc import Iterable
from itertools import takewhile

# Names are compared letter by letter, a thousand in 0.2 s; of more, those that begin and end alike.
MOST = 200


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A sentence that names the nearest of what there is, after a blank; nothing if none is near.

    Example:
        >>> did_you_mean("pcb", ["pixels", "pca", "lda"])
        " Did you mean 'pca'?"
        >>> did_you_mean("siamese", ["pixels", "pca", "lda"])
        ''
    """
    names = list(known)
    if len(names) > MOST:
        names = heapq.nlargest(MOST, names, key=lambda one: _ends_alike(name, one))
    near = difflib.get_close_matches(name, names, 1)
    return f" Did you mean {near[0]!r}?" if near else ""


def _ends_alike(one: str, other: str) -> int:
    """How many letters two names have in common, from either end."""
    ends = zip(one, other, strict=False), zip(one[::-1], other[::-1], strict=False)
    return sum(len(list(takewhile(lambda pair: pair[0] == pair[1], end))) for end in ends)
