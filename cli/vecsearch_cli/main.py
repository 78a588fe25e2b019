"""The group of all verbs. A verb is imported when it is called, so that --help is quick."""

import importlib
import io
import os
import signal
import sys

import click

from vecsearch_cli.verb import Failure, Interrupted, ReaderGone, printable

# In the order in which one meets them.
VERBS = {
    "demo": "The whole main job on bundled real images.",
    "build": "Turn a folder of images into a collection.",
    "update": "Follow the folder at the cost of what changed.",
    "query": "Find the nearest items of images.",
    "recommend": "Find more like these, less like those.",
    "classify": "Say what images are.",
    "duplicates": "Find what is there more than once, and clear it away.",
    "cluster": "Put the items of a collection in clusters.",
    "calibrate": "Find from how far on something is a stranger.",
    "evaluate": "Measure how good a collection's answers are.",
    "compare": "Put encoders side by side in one table.",
    "train": "Train a network on labelled images, to build collections with.",
    "tune": "Find the fastest index that finds enough.",
    "plot": "Draw a collection in two dimensions.",
    "serve": "Serve a web page and an HTTP API.",
    "push": "Copy a collection to Milvus, to be served from there.",
    "add": "Add images by hand.",
    "remove": "Remove items by hand.",
    "info": "Show what a collection is.",
    "verify": "Check every byte of a collection.",
    "repair": "Save what can be saved of a damaged collection.",
    "compact": "Clear away what removed items have left.",
    "export": "Write the items and vectors to a file.",
    "import": "Make a collection of vectors from elsewhere.",
    "encoders": "List the encoders that can be used here.",
    "doctor": "Look whether everything works on this machine.",
}


class Verbs(click.Group):
    """Knows its verbs by name only until one is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """The names, in their order."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:  # noqa: ARG002
        """Import one verb."""
        if name not in VERBS:
            return None
        verb: click.Command = importlib.import_module(_module_of(name)).command
        for option in verb.params:
            # VECSEARCH_QUERY_FORMAT for query --format: by the option's name, not the variable's.
            long = [flag for flag in option.opts if flag.startswith("--")]
            short = [flag for flag in option.opts if flag.startswith("-")]
            if short:
                flag = (long or short)[0].lstrip("-").replace("-", "_")
                option.envvar = f"VECSEARCH_{name}_{flag}".upper()
        return verb

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the verb, or say which one may be meant."""
        known = args[0] in VERBS or args[0].startswith("-")
        if not known and not ctx.resilient_parsing:  # as by the shell, which looks for words
            from vecsearch.spelling import did_you_mean

            ctx.fail(f"No such command {args[0]!r}.{did_you_mean(args[0], VERBS)}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """List the verbs without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(VERBS.items()))


def _module_of(name: str) -> str:
    # import is a word of Python's, and cannot be the name of a module.
    return f"vecsearch_cli.{'import_' if name == 'import' else name}"


@click.command(
    cls=Verbs,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Begin with: vecsearch demo",
)
@click.version_option(package_name="vecsearch", message="%(prog)s %(version)s")
def vecsearch() -> None:
    """Turn a folder of images into a search engine."""


def main() -> None:
    """Run the command and exit with its code."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:  # closed by whoever started us
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        # In a pipe or a file, JSON and CSV are UTF-8, whatever a console takes.
        encoding = None if stream.isatty() else "utf-8"
        stream.reconfigure(encoding=encoding, errors="backslashreplace")  # type: ignore[union-attr]
    if isinstance(sys.stdin, io.TextIOWrapper):  # names of files need not be text
        sys.stdin.reconfigure(errors="surrogateescape")
    # So that a build that is asked to stop takes back what it wrote. Under nohup it goes on.
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, lambda sent, _: sys.exit(128 + sent))
    try:
        code = vecsearch.main(prog_name="vecsearch", standalone_mode=False)
    except Interrupted as stop:
        click.echo(f"\nInterrupted. {printable(stop)}".rstrip(), err=True)
        code = stop.exit_code
    except Failure as failure:
        said = "\n".join(map(printable, str(failure).split("\n")))  # names of files are in it
        click.echo(f"Error: {said}", err=True)
        code = failure.exit_code
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("Interrupted.", err=True)
        code = 130
    except ReaderGone:
        sys.stdout = None
        code = 1
    sys.exit(code)
