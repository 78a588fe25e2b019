"""Judgements and rankings in the files of TREC, which other programs for evaluation read too."""

import logging
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO
from urllib.parse import unquote

from vecsearch.errors import InvalidArgument
from vecsearch.store import put_whole
from vecsearch.types import Rows

log = logging.getLogger(__name__)
# How deep TREC's own runs go.
RUN_DEPTH = 1000
TAG = "vecsearch"


def read_qrels(path: str | Path) -> dict[str, dict[str, int]]:
    """Read relevance judgements: lines of query, iteration, item and grade, spaces between.

    A grade of 1 or more is relevant; those below are judged not to be. Names with spaces in them
    are written with %20, as ``run_file`` does it.

    Returns:
        For each query the grades of items.

    Raises:
        InvalidArgument: The file cannot be read, or a line is not of this form.
    """
    found: dict[str, dict[str, int]] = {}
    try:
        lines = Path(path).read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidArgument(f"{path} cannot be read: {error}.") from error
    for number, line in enumerate(lines, 1):
        parts = line.split()
        if not parts:
            continue
        try:
            query, _, item, grade = parts
            found.setdefault(unquote(query), {})[unquote(item)] = int(grade)
        except ValueError as error:
            raise InvalidArgument(
                f"{path}, line {number}: a judgement is 'QUERY 0 ITEM GRADE', not {line.strip()!r}."
            ) from error
    if not found:
        raise InvalidArgument(f"{path} holds no judgements.")
    return found


def grades_of(
    qrels: Mapping[str, Mapping[str, int]], names: Sequence[str], ids: Sequence[str]
) -> list[dict[int, int]]:
    """The grades of each query's items, by their rows.

    Args:
        qrels: From ``read_qrels``.
        names: The queries.
        ids: The items of the gallery. One that was judged but is not there is not relevant.

    Raises:
        InvalidArgument: No query was judged.
    """
    row_of = {name: row for row, name in enumerate(ids)}
    if not names:
        raise InvalidArgument("There are no queries.")
    if not any(name in qrels for name in names):
        raise InvalidArgument(
            f"None of the queries was judged: they are called {names[0]!r} and so on, those judged "
            f"{next(iter(qrels))!r} and so on."
        )
    asked = [qrels.get(name, {}) for name in names]
    if lacking := {item for one in asked for item in one if item not in row_of and one[item] > 0}:
        log.warning(
            "Of the items judged to be relevant, %d are not in the gallery (%r and so on); "
            "how well the others are found is measured.",
            len(lacking),
            min(lacking),
        )
    return [{row_of[item]: grade for item, grade in one.items() if item in row_of} for one in asked]


@contextmanager
def run_file(
    path: str | Path, names: Sequence[str], ids: Sequence[str], depth: int = RUN_DEPTH
) -> Iterator[Callable[[slice, Rows], None]]:
    """Write rankings into a file: query, Q0, item, rank, score, tag.

    The score is the inverse of the rank: programs that sort by it, and settle equal scores in
    their own way, find the very ranking.

    Args:
        path: Where to; an earlier one is replaced.
        names: The queries.
        ids: The items of the gallery.
        depth: How many items of each query are written.

    Yields:
        What takes in the rankings of a block of queries, best first; row −1 is none.

    Raises:
        InvalidArgument: It cannot be written there.
    """
    with ExitStack() as stack:
        try:
            file = stack.enter_context(_replacing(Path(path)))
        except OSError as error:
            raise InvalidArgument(f"{path} cannot be written: {error.strerror}.") from error

        def write(block: slice, rows: Rows) -> None:
            for name, ranked in zip(names[block], rows[:, :depth].tolist(), strict=True):
                query = in_one_word(name)
                for rank, row in enumerate((row for row in ranked if row >= 0), 1):
                    item = in_one_word(ids[row])
                    line = f"{query} Q0 {item} {rank} {1 / rank:.9f} {TAG}\n"
                    file.write(line.encode("utf-8", "surrogateescape"))

        yield write


def _replacing(path: Path) -> AbstractContextManager[BinaryIO]:
    """A file that takes its place whole in the end; or what is no file, as a pipe."""
    return path.open("wb") if path.exists() and not path.is_file() else put_whole(path)


def in_one_word(name: str) -> str:
    """A name with no spaces in it: these, and %, as in an address.

    Example:
        >>> in_one_word("cat/my photo.png")
        'cat/my%20photo.png'
    """
    return re.sub(r"[%\s]", lambda found: "".join(f"%{b:02X}" for b in found[0].encode()), name)
