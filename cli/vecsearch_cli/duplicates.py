"""``vecsearch duplicates``."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

import vecsearch
from vecsearch_cli import options
from vecsearch_cli.render import show
from vecsearch_cli.verb import COLLECTION, SHOWN, Failure, Screen, Verb, printable

PAST = {"move": "moved", "delete": "deleted", "hardlink": "linked"}

EPILOG = """\b
Examples:
  vecsearch duplicates indexes/photos
  vecsearch duplicates indexes/photos --threshold none --format csv
  vecsearch duplicates indexes/photos --sheets sheets --histogram far.png
  vecsearch duplicates indexes/photos --apply move:double
  vecsearch duplicates indexes/photos --apply delete --no-dry-run
"""


class Action(click.ParamType[tuple[str, Path | None]]):
    """move:DIR, delete or hardlink."""

    name = "move:DIR|delete|hardlink"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, Path | None]:
        """To what is done, and where files go."""
        if isinstance(value, tuple):
            return value
        word, colon, folder = value.partition(":")
        if value in ("delete", "hardlink"):
            return value, None
        if word != "move" or not colon or not folder:
            self.fail(f"{value!r} is not move:DIR, delete or hardlink.", param, ctx)
        return word, Path(folder).expanduser()


@click.command(
    cls=Verb,
    epilog=EPILOG,
    interrupted="If files were cleared away, they stay so. Run the same command again.",
)
@click.argument("index", type=COLLECTION)
@click.option(
    "--threshold",
    "-t",
    type=options.WordOr("auto|none|DISTANCE", ("auto", "none"), float, "auto, none or a distance"),
    default="auto",
    show_default=True,
    help="Up to which distance two images are nearly the same; auto: suggested from all distances; "
    "none: only files with the same bytes are duplicates.",
)
@click.option(
    "--max-spread",
    type=float,
    metavar="DISTANCE",
    help="How far apart two of a group may be.  [default: twice the threshold]",
)
@options.metric
@options.where
@click.option(
    "--keep",
    type=click.Choice(["largest", "sharpest", "oldest"]),
    default="largest",
    show_default=True,
    help="Which of a group to keep: that with the most pixels, then bytes; the most detail; or the "
    "earliest date.",
)
@click.option(
    "--sheets",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Draw each group as DIR/group-0000.png and so on, 500 at most.",
)
@click.option(
    "--histogram",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Draw the distances that the threshold is suggested from.",
)
@click.option(
    "--apply",
    "action",
    type=Action(),
    help="Clear away all but the one to keep: move the files, delete them, or link those of the "
    "same bytes to the one that is kept.",
)
@click.option(
    "--dry-run/--no-dry-run",
    default=True,
    show_default=True,
    help="Only say what --apply would do; else it asks, and does it.",
)
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
@click.option(
    "--leave-contradicting",
    is_flag=True,
    help="Leave files whose label is another than that of the one to keep.",
)
@click.option("--strict", is_flag=True, help="Exit with 3 if --apply left any file as it is.")
@click.pass_obj
def command(
    screen: Screen,
    index: Path | str,
    threshold: Any,
    max_spread: float | None,
    metric: str | None,
    where: Sequence[str],
    keep: Any,
    sheets: Path | None,
    histogram: Path | None,
    action: tuple[Any, Path | None] | None,
    dry_run: bool,
    yes: bool,
    leave_contradicting: bool,
    strict: bool,
    seed: int,
) -> None:
    """Find items of INDEX that are the same picture, or nearly, and say which of them to keep.

    Files with the same bytes are one group, and so is what hangs together by distances up to the
    threshold. With --apply, the others are cleared away; nothing is changed without --no-dry-run.
    """
    if action is None and (yes or not dry_run or leave_contradicting or strict):
        raise click.UsageError(
            "--no-dry-run, --yes, --leave-contradicting and --strict go with --apply."
        )
    if not dry_run and not yes and not sys.stdin.isatty():
        raise Failure("Nobody is there to be asked: --yes does it without asking.", 2)
    collection = vecsearch.Collection.open(index)
    _check_pictures(collection, histogram, sheets)
    if action is not None:
        from vecsearch.duplicates.applying import check_action

        check_action(collection, *action)
    with screen.progress() as progress:
        found = vecsearch.find_duplicates(
            collection,
            threshold,
            metric=metric,
            where=where,
            max_spread=max_spread,
            keep=keep,
            seed=seed,
            progress=progress,
        )
        if histogram is not None:
            from vecsearch.duplicates.plots import check_histogram

            suggestion = found.suggestion or vecsearch.suggest_threshold(
                collection, metric=metric, where=where, seed=seed, progress=progress
            )
            check_histogram(suggestion)
    _tell(screen, found)
    if sheets is not None:
        from vecsearch_cli.group_sheets import draw_groups

        draw_groups(screen, found.groups, sheets)
    outcome = None
    if action is not None:
        how = screen, collection, found.groups, action, leave_contradicting
        outcome = _apply(*how, dry_run=dry_run) if dry_run or yes else _agreed(how)
    try:
        _show(screen, found, outcome)
    finally:  # also if nobody reads the answer to its end
        if histogram is not None:
            vecsearch.draw_histogram(suggestion, histogram, found.threshold)
            screen.note(f"Drawn: {histogram}")
    if action is not None and outcome is None:
        raise Failure("Nothing was changed.")
    if outcome is not None:
        _tell_outcome(screen, outcome, dry_run)
        if outcome.left and strict:
            raise Failure(f"{len(outcome.left)} files were left as they are.", 3)


def _check_pictures(
    collection: vecsearch.Collection, histogram: Path | None, sheets: Path | None
) -> None:
    if histogram is not None:
        from vecsearch_cli.sheet import check_figure

        check_figure(histogram, collection)
    if sheets is not None:
        from vecsearch_cli.sheet import check_folder

        check_folder(sheets, collection)


def _tell(screen: Screen, found: vecsearch.Duplicates) -> None:
    suggestion, near = found.suggestion, found.threshold
    if near is None:
        screen.note("Compared by the bytes of files alone.")
    elif suggestion is None:
        screen.note(f"Threshold {near:g} ({found.metric}), as given.")
    elif not len(suggestion.nearest):
        screen.note("Threshold 0: it takes 5 different items to suggest another.")
    else:
        screen.note(
            f"Threshold {near:g} ({found.metric}), suggested by the distances of "
            f"{len(suggestion.nearest):,} items from their {suggestion.ordinal} nearest; "
            "--threshold sets another."
        )
    screen.note(
        f"{len(found.groups):,} groups: {found.dropped:,} of {found.items:,} items could go, "
        f"{found.copies:,} of them the same as another to the byte."
    )
    if contradicting := sum(group.contradict for group in found.groups):
        screen.note(f"Of {contradicting} groups the labels contradict each other: look at them.")


def _apply(
    screen: Screen,
    collection: vecsearch.Collection,
    groups: Sequence[vecsearch.Group],
    action: tuple[Any, Path | None],
    leave_contradicting: bool,
    *,
    dry_run: bool,
) -> vecsearch.Outcome:
    with screen.progress() as progress:
        return vecsearch.apply_duplicates(
            collection,
            groups,
            action[0],
            folder=action[1],
            dry_run=dry_run,
            leave_contradicting=leave_contradicting,
            progress=progress,
        )


def _agreed(how: tuple[Any, ...]) -> vecsearch.Outcome | None:
    """What was done after somebody agreed to it; if there is nothing to do, nobody is asked."""
    plan = _apply(*how, dry_run=True)
    if not plan.done:
        return plan
    return _apply(*how, dry_run=False) if _is_wanted(how[0], plan) else None


def _is_wanted(screen: Screen, plan: vecsearch.Outcome) -> bool:
    """Show what would be done, also with --quiet, and ask whether it shall be."""
    _tell_outcome(replace(screen, quiet=False), plan, False)
    for step in plan.done:
        click.echo(f"  {printable(step.id)}, for {printable(step.kept)}", err=True)
    try:
        return click.confirm("Go on?", err=True)
    except click.Abort:  # Ctrl-D
        return False


def _tell_outcome(screen: Screen, outcome: vecsearch.Outcome, dry_run: bool) -> None:
    would = "would be " if outcome.dry_run else "were "
    megabytes = sum(step.size for step in outcome.done) / 1e6
    screen.note(
        f"{len(outcome.done):,} files ({megabytes:,.1f} MB) {would}{PAST[outcome.action]}, "
        f"{len(outcome.left):,} left as they are."
    )
    for one in outcome.left[:SHOWN]:
        screen.note(f"  {printable(one.id)}: {printable(one.reason)}")
    if len(outcome.left) > SHOWN:
        screen.note(f"  … and {len(outcome.left) - SHOWN} more")
    if outcome.removed:
        screen.note(f"{len(outcome.removed):,} items were removed from the collection.")
    if dry_run:
        screen.note("Nothing was changed: --no-dry-run does it.")


def _show(screen: Screen, found: vecsearch.Duplicates, outcome: vecsearch.Outcome | None) -> None:
    fates = _fates(outcome)
    answers: list[dict[str, Any]] = []
    rows: list[dict[str, Any]] = []
    for number, group in enumerate(found.groups):
        answer = {"group": number, **group.to_json(), "threshold": found.threshold}
        if outcome is not None:
            answer["applied"] = [{"id": name, **fates[name]} for name in group.ids if name in fates]
        answers.append(answer)
        for one in group.members:
            row = {
                "group": number,
                "keep": "keep" if one.id == group.keep else "drop",
                "id": one.id,
                "label": one.label,
                "distance": one.distance,
                "width": one.width,
                "height": one.height,
                "bytes": one.size,
                "path": str(one.path) if one.path else None,
            }
            if outcome is not None:
                row |= fates.get(one.id, {"done": "", "target": None, "reason": None})
            rows.append(row)
    columns = ["group", "keep", "id", "label", "distance", "width", "height", "bytes", "path"]
    if outcome is not None:
        columns += ["done", "target", "reason"]
    show(screen.format, answers, rows, [("", [_line(row) for row in rows])], columns)


def _fates(outcome: vecsearch.Outcome | None) -> Mapping[str, dict[str, Any]]:
    if outcome is None:
        return {}
    word = f"would be {PAST[outcome.action]}" if outcome.dry_run else PAST[outcome.action]
    return {
        **{
            one.id: {
                "done": word,
                "target": str(one.target) if one.target else None,
                "reason": None,
            }
            for one in outcome.done
        },
        **{one.id: {"done": "left", "target": None, "reason": one.reason} for one in outcome.left},
    }


def _line(row: Mapping[str, Any]) -> dict[str, Any]:
    """What a table shows of a member."""
    sides = (row["width"], row["height"])
    line = {name: row[name] for name in ("group", "keep", "id", "label", "distance")}
    line["size"] = "" if None in sides else f"{sides[0]} × {sides[1]}"
    line["bytes"] = row["bytes"]
    return {**line, "done": row["done"]} if "done" in row else line
