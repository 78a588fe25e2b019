"""What an engine of many machines owes a build."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

from vecsearch.distributed.tasks import Task
from vecsearch.distributed.work import Job
from vecsearch.images import Batch, Preprocess
from vecsearch.index import Shard, Shards
from vecsearch.store import Part


class Engine(Protocol):
    """Does the work of a build somewhere.

    Attributes:
        decoders: How many processes of a worker decode.
    """

    @property
    def decoders(self) -> int:
        """How many processes of a worker decode."""
        ...

    def make(self, job: Job, tasks: Sequence[Task]) -> Iterator[Part]:
        """Make the part of each task, in any order.

        Raises:
            VecsearchError: A worker cannot do it at all.
        """
        ...

    def decode(
        self, tasks: Iterable[Task], preprocess: Preprocess, keep: Path | None
    ) -> Iterator[Batch]:
        """Decode the images of tasks, in their order; each batch is that of one task.

        With ``keep``, the pixels are kept in that folder of parts.
        """
        ...

    def fill(self, shards: Shards, groups: Sequence[Sequence[Path]]) -> Iterator[Shard]:
        """Fill a shard with the vectors of each group of files, in their order."""
        ...
