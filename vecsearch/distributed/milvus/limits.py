"""What a Milvus server would refuse, found out before anything is done about it."""

from contextlib import suppress
from uuid import uuid4

from vecsearch.distributed.milvus.address import Address
from vecsearch.distributed.milvus.connection import Connection, asking
from vecsearch.distributed.milvus.entities import schema_of
from vecsearch.distributed.stores import Profile
from vecsearch.errors import InvalidArgument
from vecsearch.types import Metric

MOST_DIM, MOST_SHARDS = 32768, 16


def refuse_what_cannot_be(address: Address, connection: Connection, profile: Profile) -> None:
    """See that a collection can be made there.

    Args:
        address: Where it shall be.
        connection: The way there.
        profile: What it shall be.

    Raises:
        InvalidArgument: Its vectors are too long, or it has too many shards.
        StoreError: There are fewer query nodes than it shall have replicas.
    """
    if profile.dim > MOST_DIM:
        raise InvalidArgument(
            f"Milvus takes vectors of {MOST_DIM} dims at most, not {profile.dim}: build with "
            "another encoder, as pca."
        )
    if profile.shards > MOST_SHARDS:
        raise InvalidArgument(f"Milvus takes {MOST_SHARDS} shards at most, not {profile.shards}.")
    if profile.replicas > 1 and not address.is_file:
        # How many query nodes there are, it tells by loading something.
        client, name = connection.client, f"{address.name}_{uuid4().hex[:8]}"
        index = client.prepare_index_params()
        index.add_index("vector", index_type="FLAT", metric_type="L2")
        schema = schema_of(client, Profile(Metric.EUCLIDEAN, 2))
        with asking(address):
            try:
                client.create_collection(name, schema=schema, index_params=index)
                client.release_collection(name)
                client.load_collection(name, replica_number=profile.replicas)
            finally:
                with suppress(Exception):  # which would hide why it could not be loaded
                    client.drop_collection(name)
