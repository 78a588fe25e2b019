"""Ray as the engine of a build: an actor pool of Ray Data makes the parts."""

import logging
import os
import secrets
import shutil
import tempfile
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar, cast

from vecsearch import errors
from vecsearch.distributed.filesystems import INSTALL
from vecsearch.distributed.tasks import Task
from vecsearch.distributed.work import Job, Worker, decode_task, fill_shard
from vecsearch.errors import InvalidArgument, MissingPackage, VecsearchError
from vecsearch.images import Batch, Preprocess
from vecsearch.index import Shard, Shards
from vecsearch.store import Part

LOCAL = "local"
SHORT = "/tmp"  # noqa: S108 - what lies there is made by mkdtemp
# Two tasks a worker: one that it does, and one that it finds when it is done.
AHEAD = 2
T = TypeVar("T")
log = logging.getLogger(__name__)


class RayEngine:
    """A Ray cluster that stands, or one of this machine that ends with the build.

    Use it as a context manager.

    Args:
        address: Of a cluster: ``auto`` for the one that this machine is a part of, or
            ``HOST:PORT``; None starts Ray on this machine.
        workers: How many workers there are; one a processor, or one a GPU, by default.
        gpu: Whether each worker has a GPU.

    Raises:
        MissingPackage: Ray is not installed.
        VecsearchError: There is no Ray at the address, or it has no GPU.
    """

    def __init__(
        self, address: str | None = None, workers: int | None = None, gpu: bool = False
    ) -> None:
        if workers is not None and workers < 1:
            raise InvalidArgument(f"{workers} jobs can do nothing: give 1 or more.")
        self._address = address or LOCAL
        self._workers = workers
        self._gpu = gpu
        self._own: Path | None = None  # of a Ray that is started here
        self._environment: dict[str, str | None] = {}
        self._ray: Any = None

    def __enter__(self) -> Self:
        # Read when Ray is imported. It tells nobody what it is used for, and stderr nothing of what
        # it mends itself; its own logs have that.
        self._set("RAY_USAGE_STATS_ENABLED", "0")
        if "RAY_BACKEND_LOG_LEVEL" not in os.environ:
            self._set("RAY_BACKEND_LOG_LEVEL", "fatal")
        if self._address == LOCAL:
            # A folder of its own: what an earlier Ray has left in /tmp/ray is not looked at. And a
            # short one, since Ray's sockets lie in it, whose names have 107 bytes at most.
            short = SHORT if os.path.isdir(SHORT) else None
            self._own = Path(tempfile.mkdtemp(prefix="vs-ray-", dir=short))
            # Ray listens beyond loopback, and keeps a token in the home directory unless told.
            token = self._own / "token"
            token.write_text(_token())
            token.chmod(0o600)
            self._set("RAY_AUTH_MODE", "token")
            self._set("RAY_AUTH_TOKEN_PATH", str(token))
        try:
            self._begin()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._end()

    @property
    def decoders(self) -> int:
        """How many processes of a worker decode: its share of the processors."""
        return self._shares()[1]

    def make(self, job: Job, tasks: Sequence[Task]) -> Iterator[Part]:
        """Make the part of each task, in any order.

        Raises:
            VecsearchError: A worker cannot do it at all.
        """
        import ray.data

        workers, decoders = self._shares()
        context = ray.data.DataContext.get_current()
        context.enable_progress_bars = False
        rows = [{"task": task.to_json()} for task in tasks]
        made = ray.data.from_items(rows, override_num_blocks=len(rows)).map(
            cast("Any", _Actor),
            fn_constructor_args=(job, self._gpu),
            compute=ray.data.ActorPoolStrategy(
                size=min(workers, len(rows)), max_tasks_in_flight_per_actor=AHEAD
            ),
            num_cpus=decoders,
            num_gpus=1 if self._gpu else None,
        )
        try:
            for row in made.iter_rows():
                if row["error"]:
                    raise _error_of(row["error"], row["told"])
                yield Part.from_json(row["told"])
        except ray.exceptions.RayError as error:
            raise VecsearchError(f"Ray gave up: {_last_line(error)}") from error

    def decode(
        self, tasks: Iterable[Task], preprocess: Preprocess, keep: Path | None
    ) -> Iterator[Batch]:
        """Decode the images of tasks, in their order."""
        return self._in_order(decode_task, ((task, preprocess, keep) for task in tasks))

    def fill(self, shards: Shards, groups: Sequence[Sequence[Path]]) -> Iterator[Shard]:
        """Fill a shard with the vectors of each group of files, in their order."""
        held = self._ray.put(shards)
        return self._in_order(_fill, ((held, group) for group in groups))

    def _in_order(self, work: Callable[..., T], inputs: Iterable[tuple[Any, ...]]) -> Iterator[T]:
        """What some work makes of each input, in their order, a few ahead of who takes it.

        Where it crashed every worker that Ray gave it to, it is done with care instead.
        """
        ray = self._ray
        remote = ray.remote(num_cpus=1)(work)
        waiting = iter(inputs)
        running: deque[tuple[tuple[Any, ...], Any]] = deque()
        most = AHEAD * max(1, int(ray.cluster_resources().get("CPU", 1)))
        try:
            while True:
                while len(running) < most and (one := next(waiting, None)) is not None:
                    running.append((one, remote.remote(*one)))
                if not running:
                    return
                one, result = running.popleft()
                try:
                    yield ray.get(result)
                except ray.exceptions.WorkerCrashedError:
                    yield ray.get(remote.remote(*one, careful=True))
        except ray.exceptions.RayError as error:
            raise VecsearchError(f"Ray gave up: {_last_line(error)}") from error

    def _begin(self) -> None:
        try:
            import ray.data
        except ModuleNotFoundError as error:
            raise MissingPackage(
                f"To build on Ray needs the package {error.name!r}: {INSTALL}"
            ) from error
        if ray.is_initialized():
            raise InvalidArgument(
                "Ray is in use in this process already: build in another, with the address of "
                "that Ray, or call ray.shutdown() first."
            )
        self._ray = ray  # from here on it is ours to shut down
        for name in ("ray", "ray.data"):
            logging.getLogger(name).setLevel(logging.ERROR)
        how: dict[str, Any] = {"logging_level": logging.ERROR, "log_to_driver": False}
        if self._own is not None:
            import loky

            # With GPUs, those whom the workers let decode take processors of their own.
            few = None if self._gpu else self._workers
            how |= {
                "num_cpus": few or loky.cpu_count(),
                "include_dashboard": False,
                "_temp_dir": str(self._own),
            }
        log.info("Starting Ray." if self._own else f"Looking for Ray at {self._address}.")
        try:
            ray.init(address=self._address, **how)
        except (ConnectionError, ValueError, RuntimeError) as error:
            raise VecsearchError(
                f"There is no Ray at {self._address!r}: {_last_line(error)} Start one with ray "
                "start --head, or build without --ray-address."
            ) from error
        if self._gpu and not self._ray.cluster_resources().get("GPU"):
            raise VecsearchError("The workers were to have a GPU each, but Ray finds none.")

    def _end(self) -> None:
        if self._ray is not None:
            self._ray.shutdown()
        for name, value in self._environment.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value
        if self._own is not None:
            shutil.rmtree(self._own, ignore_errors=True)

    def _set(self, name: str, value: str) -> None:
        self._environment[name] = os.environ.get(name)
        os.environ[name] = value

    def _shares(self) -> tuple[int, int]:
        """How many workers there are, and how many processors each has on its machine."""
        resources: dict[str, float] = self._ray.cluster_resources()
        if not self._gpu:
            return self._workers or max(1, int(resources.get("CPU", 1))), 1
        machines = [node["Resources"] for node in self._ray.nodes() if node["Alive"]]
        shares = [
            int(one.get("CPU", 0)) // int(one["GPU"]) for one in machines if one.get("GPU", 0) >= 1
        ]
        return self._workers or int(resources["GPU"]), max(1, min(shares, default=1))


class _Actor:
    """A worker as an actor of Ray.

    What vecsearch has to say to its user goes back as a row: as an exception, Ray would wrap it.
    """

    def __init__(self, job: Job, gpu: bool) -> None:
        if not gpu:
            os.environ["CUDA_VISIBLE_DEVICES"] = ""  # or each would take the same one
        self._worker = Worker(job)

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        """Do a task."""
        try:
            part = self._worker.make(Task.from_json(row["task"]))
        except VecsearchError as error:
            return {"error": type(error).__name__, "told": str(error)}
        return {"error": "", "told": part.to_json()}


def _error_of(kind: str, told: str) -> VecsearchError:
    """What a worker said.

    To a builder, an argument that is invalid means that all was in vain; of one worker it may be
    its machine, and what others have made stays.
    """
    if kind == "InvalidArgument":
        return VecsearchError(told)
    found: VecsearchError = getattr(errors, kind, VecsearchError)(told)
    return found


@cache
def _token() -> str:
    """The token of all that is started here: Ray reads it once a process."""
    return secrets.token_hex(32)


def _fill(shards: Shards, files: Sequence[Path], careful: bool = False) -> Shard:
    del careful  # vectors crash nothing
    return fill_shard(shards, files)


def _last_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
