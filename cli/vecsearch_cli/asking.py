"""Images that a user names, asked about one by one; one that cannot be read stops no other."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

import click

from vecsearch.errors import ImageError
from vecsearch_cli.verb import Failure, printable

Answer = TypeVar("Answer")


class Asking:
    """How many answers there were, and how many images could not be read."""

    def __init__(self) -> None:
        self.answered = self.failed = 0

    def each(
        self, images: Iterable[str], ask: Callable[[str], Sequence[Answer]]
    ) -> Iterator[Answer]:
        """The answers about each image, as they come; what cannot be read is told at once."""
        for image in images:
            try:
                answers = ask(image)
            except ImageError as error:
                click.echo(f"Error: {printable(error)}", err=True)
                self.failed += 1
            else:
                self.answered += len(answers)
                yield from answers

    def check(self) -> None:
        """Whether all could be read.

        Raises:
            Failure: Some could not.
        """
        if self.failed:
            count = self.failed + self.answered
            raise Failure(f"{self.failed} of {count} images could not be read.")
