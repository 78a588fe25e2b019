"""Options that more than one verb has, and the kinds of values they take."""

import re
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click
from click.shell_completion import CompletionItem

Function = TypeVar("Function", bound=Callable[..., Any])

MOST = 2**31 - 1
METRICS = ("euclidean", "cosine")


class Size(click.ParamType[tuple[int, int]]):
    """WIDTHxHEIGHT, as 64x64."""

    name = "WxH"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, int]:
        """To width and height."""
        if isinstance(value, tuple):
            return value
        match = re.fullmatch(r"(\d+)[xX×](\d+)", value)
        if match is None:
            self.fail(f"{value!r} is not WIDTHxHEIGHT, as 64x64.", param, ctx)
        return int(match[1]), int(match[2])


class Duration(click.ParamType[float]):
    """A time as people write it, as 90s, 10m or 1h30m; in seconds."""

    name = "TIME"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """To seconds."""
        if isinstance(value, float):
            return value
        match = re.fullmatch(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?|(\d+)", value)
        if match is None or not value:
            self.fail(f"{value!r} is no time: write 90s, 10m or 1h30m.", param, ctx)
        hours, minutes, seconds, bare = (int(part or 0) for part in match.groups())
        return float(3600 * hours + 60 * minutes + seconds + bare)


class Images(click.Path):
    """A folder of images; or a URL of one, or a list in Parquet, which a local build refuses."""

    def __init__(self) -> None:
        super().__init__(exists=True, file_okay=False)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """To a path or a URL, as text."""
        if "://" in str(value) or str(value).endswith(".parquet"):
            return str(value)
        return super().convert(value, param, ctx)


class Batch(click.ParamType[int | None]):
    """auto or a count."""

    name = "auto|N"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> int | None:
        """To None or a count."""
        if value == "auto":
            return None
        if isinstance(value, int) or (str(value).isdecimal() and int(value)):
            return int(value)
        self.fail(f"{value!r} is neither auto nor a count.", param, ctx)
        return None


class WordOr(click.ParamType[int | float | str | None]):
    """A number, or a word; of the words ``none`` is no value.

    Args:
        name: What a help text shows.
        words: The words.
        number: ``int`` or ``float``.
        said: What all of them are, for an error.
    """

    def __init__(
        self, name: str, words: Sequence[str], number: type[int | float], said: str
    ) -> None:
        self.name, self._words, self._number, self._said = name, words, number, said

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> int | float | str | None:
        """To a number, a word or None."""
        if value is None or value in self._words:
            return None if value in (None, "none") else str(value)
        try:
            return self._number(value)
        except ValueError:
            self.fail(f"{value!r} is not {self._said}.", param, ctx)


class Pair(click.ParamType[tuple[str, str]]):
    """KEY=VALUE."""

    def __init__(self, name: str) -> None:
        self.name = name

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        """To key and value."""
        if isinstance(value, tuple):
            return value
        key, separator, rest = value.partition("=")
        if not key or not separator:
            self.fail(f"{value!r} is not {self.name}.", param, ctx)
        return key, rest


def index(function: Function) -> Function:
    """How neighbours are found, and in how much memory that is made ready."""
    kind = click.option(
        "--index",
        "kind",
        default="auto",
        show_default=True,
        metavar="KIND",
        help="How neighbours are found: exact; hnsw or hnswsq8, by a graph; ivf, sq8, ivfpq, "
        "ivfpqfs, rabitq or rabitqfs, by lists; or what FAISS makes of a string, as "
        "IVF256,PQ16. auto is exact while that is fast, and then what surely finds 0.99 of the "
        "ten nearest.",
    )
    budget = click.option(
        "--memory-budget",
        metavar="SIZE",
        help="How much memory the making of the index may take, now and at updates, as 500MB or "
        "2GiB.  [default: what it needs]",
    )
    return kind(budget(function))


def files(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """What the shell completes where a text may name a file."""
    return [CompletionItem(incomplete, type="file")]


def was_given(ctx: click.Context, name: str) -> bool:
    """Whether the user typed an option: what the environment has, it has for all commands."""
    return ctx.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE


def refuse_others(ctx: click.Context, name: str, others: Sequence[str]) -> None:
    """Refuse options that would change nothing, but where the environment has them for all.

    Args:
        ctx: The command.
        name: The option for which they mean nothing.
        others: Their variables.
    """
    for param in ctx.command.params:
        told = ctx.get_parameter_source(param.name or "")
        if param.name in others and told is click.core.ParameterSource.COMMANDLINE:
            raise click.UsageError(f"{param.opts[0]} does not go with {name}.", ctx)


def check_method(ctx: click.Context) -> None:
    """Refuse options of the other method of ``classification``."""
    method = ctx.params["method"]
    others = ("centroids", "center") if method == "knn" else ("weights",)
    refuse_others(ctx, f"--method {method}", others)


def check_once(names: Sequence[str], option: str) -> None:
    """Refuse a name that is there twice, where the second would count for nothing."""
    for name in names:
        if names.count(name) > 1:
            raise click.UsageError(f"{option} names {name} twice.")


def check_stdin(names: Sequence[str]) -> None:
    """Refuse to read stdin twice."""
    if names.count("-") > 1:
        raise click.UsageError("- is there twice, but stdin can be read only once.")


def given(names: Sequence[str]) -> Iterator[str]:
    """What was named; for -, the lines of stdin."""
    check_stdin(names)
    for name in names:
        if name == "-":
            yield from (line.rstrip("\r\n") for line in sys.stdin if line.strip())
        else:
            yield name


def strict(function: Function) -> Function:
    """Whether skipped files are a failure."""
    return click.option("--strict", is_flag=True, help="Exit with 3 if any file was skipped.")(
        function
    )


def metadata(function: Function) -> Function:
    """What else is known of the images."""
    return click.option(
        "--metadata",
        type=click.Path(dir_okay=False, path_type=Path),
        help="What else is known of each image: CSV or JSON lines with path or id.",
    )(function)


def jobs(function: Function) -> Function:
    """How many processes decode."""
    return click.option(
        "--jobs",
        "-j",
        type=click.IntRange(1),
        help="Processes that decode.  [default: all processors]",
    )(function)


def preprocessing(function: Function) -> Function:
    """What images are brought to, and what networks begin with."""
    for option in (
        click.option(
            "--batch-size",
            type=Batch(),
            help="Images that go through a pretrained network at once.  [default: auto]",
        ),
        click.option(
            "--device",
            type=click.Choice(["auto", "cpu", "cuda", "mps"]),
            help="What a network of torch runs on, and with cuda FAISS, if it was built for it.  "
            "[default: auto: a GPU if there is one]",
        ),
        click.option(
            "--weights",
            metavar="FILE|DEFAULT",
            shell_complete=files,
            help="Of a pretrained network: a .pth or .safetensors file, or those that its package "
            "has, or fetches.",
        ),
        click.option(
            "--color",
            type=click.Choice(["rgb", "grey"]),
            help="Keep the colours or not.  [default: rgb, or as a network wants it]",
        ),
        click.option(
            "--fit",
            type=click.Choice(["stretch", "crop", "pad"]),
            help="How images of other proportions come to that size.  [default: stretch, or as a "
            "network wants it]",
        ),
        click.option(
            "--size",
            type=Size(),
            help="Width and height that images are brought to.  [default: 64x64, or as a network "
            "wants it]",
        ),
    ):
        function = option(function)
    return function


def device(function: Function) -> Function:
    """What FAISS searches and learns on; ``Verb`` tells it."""
    return click.option(
        "--device",
        "faiss_device",
        type=click.Choice(["cpu", "cuda"]),
        default="cpu",
        show_default=True,
        help="What searches: cuda is a GPU, for which FAISS must have been built.",
    )(function)


def labels(function: Function) -> Function:
    """Where labels come from."""
    return click.option(
        "--labels",
        default="folder",
        show_default=True,
        metavar="folder|none|FILE.csv",
        shell_complete=files,
        help="The first sub-folder; none; or a table with the columns path, below that folder, "
        "and label.",
    )(function)


def metric(function: Function) -> Function:
    """Another metric than the collection's own."""
    return click.option(
        "--metric", type=click.Choice(METRICS), help="Another metric than the collection's own."
    )(function)


def where(function: Function) -> Function:
    """Which items may be found."""
    return click.option(
        "--where",
        metavar="CONDITION",
        multiple=True,
        help="Only items of which this holds: KEY=VALUE, or !=, <, <=, >, >= for =, or 'KEY in "
        "VALUE,VALUE', or 'KEY exists'. KEY is id, label, path or one of the metadata. More than "
        "one must all hold.",
    )(function)


def exact(function: Function) -> Function:
    """Whether to do without an approximate index."""
    return click.option(
        "--exact", is_flag=True, help="Compare with every item, whatever index there is."
    )(function)


def recall(function: Function) -> Function:
    """How much of what is nearest shall be found."""
    return click.option(
        "--recall",
        type=click.FloatRange(0, 1, min_open=True),
        help="Which part of the nearest shall be found, by what was measured when the index was "
        "made or tuned.  [default: as tune chose, else 0.99]",
    )(function)


def cutoffs(function: Function) -> Function:
    """The k of precision@k and so on."""
    return click.option(
        "-k",
        "ks",
        type=click.IntRange(1, MOST),
        multiple=True,
        help="A cut-off of precision, recall, hit and nDCG; may be repeated.  [default: 1, 5, 10]",
    )(function)


def classification(function: Function) -> Function:
    """How a class is decided."""
    for option in (
        click.option(
            "--center",
            type=click.Choice(["mean", "medoid"]),
            help="What a centroid is: a mean, or the item nearest to it.  [default: mean]",
        ),
        click.option(
            "--centroids",
            type=click.IntRange(1),
            help="How many centroids a class has, by k-means.  [default: 1]",
        ),
        click.option(
            "--weights",
            type=click.Choice(["uniform", "distance"]),
            help="What a neighbour's vote counts: all the same, or the inverse of its distance.  "
            "[default: uniform]",
        ),
        click.option(
            "-k", type=click.IntRange(1, MOST), help="How many neighbours vote.  [default: 5]"
        ),
        click.option(
            "--method",
            type=click.Choice(["knn", "centroid"]),
            default="knn",
            show_default=True,
            help="The vote of the k nearest neighbours, or the nearest centroid of a class.",
        ),
    ):
        function = option(function)
    return function
