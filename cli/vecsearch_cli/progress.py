"""What a progress bar shows: what is being done, of how many, how fast, and how long it takes."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
)
from rich.text import Text

from vecsearch.types import Progress as Tell

WIDTH = 24  # so that all of it fits into 80 columns


class Count(ProgressColumn):
    """How many are done, of how many; nothing where nobody knows."""

    def render(self, task: Task) -> Text:
        """As 120/600."""
        if task.total is None:
            return Text("")
        return Text(f"{task.completed:,.0f}/{task.total:,.0f}", "progress.download")


class Rate(ProgressColumn):
    """How many are done in a second."""

    def render(self, task: Task) -> Text:
        """As 85/s, or 1.7/s where that says more."""
        speed = task.finished_speed or task.speed
        if task.total is None or speed is None:
            return Text("")
        return Text(f"{speed:,.0f}/s" if speed >= 10 else f"{speed:.1f}/s", "progress.data.speed")


class Time(ProgressColumn):
    """How long it will take; how long it has taken where nobody knows, or once it is done."""

    def render(self, task: Task) -> Text:
        """As 0:01:20 left, or 0:00:07."""
        if task.total is not None and not task.finished:
            left = task.time_remaining
            said = "" if left is None else f"{timedelta(seconds=round(left))} left"
        else:
            taken = task.finished_time if task.finished else task.elapsed
            said = str(timedelta(seconds=round(taken or 0)))
        return Text(said, "progress.remaining")


@contextmanager
def bar_on_stderr() -> Iterator[Tell]:
    """Show bars while the block runs: one for each thing that is being done."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(WIDTH),
        Count(),
        Rate(),
        Time(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        tasks = {}

        def advance(what: str, done: int, total: int) -> None:
            if what not in tasks:
                for other in bar.tasks:  # what nobody could tell the end of has ended now
                    if other.total is None:
                        bar.update(other.id, completed=1, total=1)
                tasks[what] = bar.add_task(what, total=total or None)
            bar.update(tasks[what], completed=done, total=total or None)

        yield advance
