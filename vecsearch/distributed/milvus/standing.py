"""Whether a collection stands on a server as it was opened, and can answer."""

import threading
import time
from pathlib import Path

from vecsearch.distributed.milvus.address import Address
from vecsearch.distributed.milvus.connection import Connection, asking
from vecsearch.distributed.milvus.health import faults_of
from vecsearch.distributed.milvus.properties import Properties
from vecsearch.errors import CollectionNotFound, IncompleteAnswer

# How old the knowledge may be that it is what it was, and that all shards answer.
HEALTH_SECONDS = 5.0
# How far any replica lags behind what was written, by far.
SETTLING_SECONDS = 5.0


class Standing:
    """What is known of a collection on Milvus.

    Args:
        address: Where it is, or shall be.
        connection: The way there.
        partial: Whether it is to be filled by a push, and need not be whole.
    """

    def __init__(self, address: Address, connection: Connection, partial: bool) -> None:
        self._address, self._connection, self._partial = address, connection, partial
        self._known: Properties | None = None
        self._loaded = False
        self._looked = -HEALTH_SECONDS
        self._settled = 0.0
        self._lock = threading.RLock()

    @property
    def properties(self) -> Properties:
        """What is kept with the collection, as of the last look.

        Raises:
            CollectionNotFound: There is none of that name.
            DamagedCollection: It is none of ours.
        """
        if self._known is None:
            self._known = self._described()
        return self._known

    @property
    def level(self) -> str:
        """The consistency of a question.

        The server's own sessions know nothing of deletions, nor of what others have written. So for
        some seconds after a write, or a look at the whole, it waits for all that was written.
        """
        level = self._address.consistency
        if level == "session" and time.monotonic() < self._settled:
            return "Strong"
        return level.capitalize()

    def unsettle(self) -> None:
        """Let the questions of the next seconds wait for all that was written."""
        self._settled = time.monotonic() + SETTLING_SECONDS

    def begin(self, properties: Properties) -> None:
        """It was just made, and is not loaded."""
        self._known = Properties.of_milvus(properties.to_milvus(), str(self._address))
        self.doubt()

    def anew(self) -> "Standing":
        """One that takes it for what it will be when it is looked at next."""
        fresh = Standing(self._address, self._connection, self._partial)
        fresh._settled = self._settled
        return fresh

    def forget(self) -> None:
        """It was taken away, or changed: nothing is known of it."""
        self._known = None
        self.doubt()

    def doubt(self) -> None:
        """Whether it answers has to be looked at anew."""
        self._looked, self._loaded = -HEALTH_SECONDS, False

    def look(self) -> None:
        """Take it for what it is now, and see that it is loaded."""
        self._known = self._described()
        self.load()

    def ready(self) -> None:
        """See that it is what it was, loaded, and that all its shards answer: as of a moment ago.

        Raises:
            CollectionNotFound: There is none.
            IncompleteAnswer: A shard does not answer, or it was pushed anew.
        """
        if self._loaded and time.monotonic() - self._looked < HEALTH_SECONDS:
            return
        self.refuse_another()
        self.load()
        if not self._address.is_file:
            with asking(self._address):
                faults = faults_of(self._connection.client, self._address.name)
            if faults:
                raise IncompleteAnswer(
                    f"{self._address} would answer without some of its items: {'; '.join(faults)}. "
                    "Ask again once its query nodes are back."
                )
        self._looked = time.monotonic()

    def refuse_another(self) -> None:
        """See that nobody has begun to push another collection there since it was opened.

        Raises:
            IncompleteAnswer: Somebody has.
        """
        if self._partial:
            return
        known, found = self.properties, self._described()
        if not found.whole:
            raise IncompleteAnswer(
                f"{self._address} is being pushed, or was not to its end: ask once it is whole."
            )
        if (found.profile, found.files) != (known.profile, known.files):
            raise IncompleteAnswer(
                f"{self._address} was pushed anew since it was opened: open it again."
            )

    def load(self) -> None:
        """Let the server load it, if it has not."""
        with self._lock:
            if self._loaded:
                return
            replicas, name = self.properties.profile.replicas, self._address.name
            client = self._connection.client
            with asking(self._address):
                if "Loaded" not in str(client.get_load_state(name)["state"]):
                    client.load_collection(name, replica_number=replicas)
            self._loaded = True

    def _described(self) -> Properties:
        name = self._address.name
        with asking(self._address):
            # Milvus Lite makes a file that it is asked to open.
            absent = self._address.is_file and not Path(self._address.uri).exists()
            if absent or not self._connection.client.has_collection(name):
                raise CollectionNotFound(
                    f"There is no collection {self._address}: vecsearch push INDEX {self._address}"
                )
            found = self._connection.client.describe_collection(name)
        return Properties.of_milvus(found.get("properties", {}), str(self._address))
