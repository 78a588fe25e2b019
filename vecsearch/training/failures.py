"""What may go wrong in a training, in words of ours."""

from collections.abc import Iterator
from contextlib import contextmanager

from vecsearch.encoders.memory import is_out_of_memory
from vecsearch.errors import InvalidArgument
from vecsearch.training.settings import TrainSettings


class Diverged(InvalidArgument):
    """The loss is no finite number any more."""


@contextmanager
def in_words(settings: TrainSettings) -> Iterator[None]:
    """Say in our words that the training diverged, or that there is not enough memory."""
    try:
        yield
    except FloatingPointError as error:
        raise Diverged(
            "The training diverged: its loss is no finite number. Take a lower learning rate than "
            f"{settings.rate}."
        ) from error
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        raise InvalidArgument(
            "There is not enough memory for a step: take a smaller --batch, --size or --width, or "
            "another --device."
        ) from error
