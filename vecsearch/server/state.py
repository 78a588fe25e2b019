"""What the routes share: the collections, the threads and processes that work, the settings."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Annotated, TypeAlias

from fastapi import Depends, Path, Request

from vecsearch.server.bodies import Reception
from vecsearch.server.decoding import Decoder
from vecsearch.server.problems import Problem
from vecsearch.server.searching import Searcher
from vecsearch.server.served import Generation, Served
from vecsearch.server.settings import Settings

# Questions of a few milliseconds, and what takes seconds and must not hold them up.
LIGHT, HEAVY, WRITERS = 4, 2, 1


@dataclass
class State:
    """What the routes share.

    Attributes:
        settings: How the server runs.
        light: Threads for what takes milliseconds.
        heavy: Threads for what takes seconds.
        writer: A thread for changes, one after the other.
        searcher: Finds nearest items.
        decoder: Decodes pictures.
        reception: Takes in bodies.
        served: The collections by name.
    """

    settings: Settings
    light: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(LIGHT))
    heavy: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(HEAVY))
    writer: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(WRITERS))
    searcher: Searcher = field(default_factory=Searcher)
    decoder: Decoder = field(default_factory=Decoder)
    reception: Reception = field(init=False)
    served: dict[str, Served] = field(init=False)

    def __post_init__(self) -> None:
        self.reception = Reception(self.settings.upload_bytes)
        found = [Served(path, self.light) for path in self.settings.indexes]
        self.served = {one.name: one for one in found}

    def close(self) -> None:
        """Let go of all of it."""
        self.decoder.close()
        self.searcher.close()
        for pool in (self.light, self.heavy, self.writer):
            pool.shutdown(cancel_futures=True)


async def _state(request: Request) -> State:
    state: State = request.app.state.vecsearch
    return state


async def _served(
    request: Request, name: Annotated[str, Path(description="A collection")]
) -> Served:
    state: State = request.app.state.vecsearch
    served = state.served
    if name not in served:
        raise Problem(404, f"There is no collection {name!r}; there are: {', '.join(served)}.")
    return served[name]


async def _generation(served: Annotated[Served, Depends(_served)]) -> Generation:
    return await served.now()


TheState: TypeAlias = Annotated[State, Depends(_state)]
TheServed: TypeAlias = Annotated[Served, Depends(_served)]
TheGeneration: TypeAlias = Annotated[Generation, Depends(_generation)]
