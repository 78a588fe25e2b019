"""What all verbs share: their common options, and how errors reach the user."""

import logging
import re
import sys
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

import vecsearch
from vecsearch.errors import InvalidArgument, VecsearchError

if TYPE_CHECKING:  # it brings NumPy, which --help has no use for
    from vecsearch.types import Progress, Skipped

SHOWN = 20
# A password in an address, which no message repeats.
SECRET = re.compile(r"//(?:[^/]*|[^/]*:.*)@")
FORMATS = ("table", "json", "jsonl", "csv")


class Place(click.ParamType[Path | str]):
    """A folder, or the address of a collection on a server."""

    name = "path"

    def __init__(self, anywhere: bool) -> None:
        self._anywhere = anywhere

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Path | str:
        """To a path, or an address as it is."""
        if isinstance(value, Path) or "://" not in value:
            if not str(value):
                self.fail("An empty name is that of no folder.", param, ctx)
            return Path(value)
        if not self._anywhere:
            shown = SECRET.sub("//…@", value)
            why = (
                "this is done in one: in the collection that was pushed there; then push it again."
                if isinstance(param, click.Argument)
                else "it has to be one of this machine."
            )
            self.fail(f"{shown!r} is no folder, and {why}", param, ctx)
        return str(value)

    def shell_complete(
        self, _: click.Context, __: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Folders."""
        return [CompletionItem(incomplete, type="dir")]


# Where a collection lies and where images do; the library itself says what is wrong with them.
INDEX = Place(anywhere=False)
COLLECTION = Place(anywhere=True)
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


class Failure(Exception):
    """An error with its exit code: 1 failed, 2 wrong usage, 3 skipped files, 4 a gate failed."""

    def __init__(self, message: str, exit_code: int = 1) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class Interrupted(Failure):
    """Ctrl-C; the text says how to go on, if anything is to be said of that."""

    def __init__(self, message: str) -> None:
        super().__init__(message, 130)


class ReaderGone(Exception):
    """Whoever read our answers has gone, as ``head`` does: not an error worth a word."""


@dataclass(frozen=True)
class Screen:
    """How a verb talks: the format of its answer, and whether it says more than that."""

    format: str
    quiet: bool

    def note(self, text: str) -> None:
        """Tell something beside the answer."""
        if not self.quiet:
            click.echo(text, err=True)

    def skipped(self, skipped: "Sequence[Skipped]", more: str) -> None:
        """Tell which files were left out: the first of them, and where to find the others."""
        if skipped:
            self.note(f"Skipped {len(skipped)}:")
        for one in skipped[:SHOWN]:
            self.note(f"  {printable(one.path)}: {printable(one.reason)}")
        if len(skipped) > SHOWN:
            for reason, count in Counter(one.reason for one in skipped[SHOWN:]).most_common(5):
                self.note(f"  … and {count} more: {printable(reason)}")
            self.note(more)

    @contextmanager
    def progress(self) -> "Iterator[Progress | None]":
        """A progress bar on stderr while the block runs; none unless that is a terminal."""
        if self.quiet or not sys.stderr.isatty():
            yield None
            return
        from vecsearch_cli.progress import bar_on_stderr

        with bar_on_stderr() as tell:
            yield tell


class Verb(click.Command):
    """A command with the options that all have, which shows errors without a traceback.

    Args:
        *args: As of click's commands.
        interrupted: What to say when it was interrupted: how things stand, and how to go on.
        there: The same where INDEX is an address.
        **kwargs: As of click's commands.
    """

    def __init__(
        self, *args: Any, interrupted: str = "", there: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.interrupted = interrupted
        self.there = interrupted if there is None else there
        self.params += [
            click.Option(
                ["--format", "form"],
                type=click.Choice(FORMATS),
                help="How to print the answer.  [default: table on a terminal, else jsonl]",
            ),
            click.Option(
                ["--seed"],
                type=click.IntRange(0, 2**32 - 1),
                default=0,
                help="For everything random.  [default: 0]",
            ),
            click.Option(["--quiet", "-q"], is_flag=True, help="Print the answer and errors only."),
            click.Option(["--debug"], is_flag=True, help="Show the traceback of an error."),
        ]

    def invoke(self, ctx: click.Context) -> Any:
        """Run the verb with a Screen as the context's object."""
        debug = ctx.params.pop("debug")
        form = ctx.params.pop("form") or ("table" if sys.stdout.isatty() else "jsonl")
        ctx.obj = Screen(form, ctx.params.pop("quiet"))
        _listen(ctx.obj)
        if "seed" not in self.wants:
            ctx.params.pop("seed")
        try:
            if ctx.params.pop("faiss_device", "cpu") != "cpu":
                vecsearch.use_device("cuda")
            return super().invoke(ctx)
        except (Failure, ReaderGone, click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except KeyboardInterrupt as error:
            elsewhere = "://" in str(ctx.params.get("index"))
            stands = self.there if elsewhere else self.interrupted
            raise Interrupted(str(error) or stands) from error
        except Exception as error:
            if debug:
                traceback.print_exc()
            raise Failure(*_told(error)) from error

    @property
    def wants(self) -> set[str]:
        """The names of the parameters that the verb's function takes."""
        function: Callable[..., Any] = self.callback  # type: ignore[assignment]
        wrapped = getattr(function, "__wrapped__", function)
        return set(wrapped.__code__.co_varnames[: wrapped.__code__.co_argcount])


def _listen(screen: Screen) -> None:
    """Tell what the library has to say beside its answers."""

    class Teller(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            screen.note(printable(record.getMessage()))

    logger = logging.getLogger("vecsearch")
    logger.handlers = [Teller()]
    logger.setLevel(logging.INFO)


def printable(value: Any) -> str:
    """A value as text that leaves a terminal as it is, whatever a file is called."""
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.4f}"
    text = str(value)
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in text
    )


def _told(error: Exception) -> tuple[str, int]:
    """What to say of an error, and the exit code."""
    if isinstance(error, InvalidArgument):
        return str(error), 2
    if isinstance(error, VecsearchError):
        return str(error), 1
    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        return f"{where}{error.strerror or error}.", 1
    if isinstance(error, MemoryError):
        return "There is not enough memory for this.", 1
    return (
        f"This is a mistake in vecsearch ({error!r}). Please report it, with what --debug shows.",
        1,
    )
