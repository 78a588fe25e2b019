"""Whether all of a Milvus collection answers."""

from typing import TYPE_CHECKING, Any

from vecsearch.distributed.stores import Health

if TYPE_CHECKING:
    from pymilvus import MilvusClient


def health_of(client: "MilvusClient", name: str, items: int, is_file: bool) -> Health:
    """How a collection is, as its coordinator knows.

    Args:
        client: The server.
        name: The collection, which is loaded.
        items: How many items it counted.
        is_file: Whether it is a file of Milvus Lite, which has neither shards nor replicas.
    """
    if is_file:
        return Health(items)
    replicas: Any = client.describe_replica(name)
    faults = []
    for at, replica in enumerate(replicas, 1):
        lost = [shard.channel_name for shard in replica.shards if shard.shard_leader <= 0]
        faults += [f"shard {channel} of replica {at} has no leader" for channel in lost]
        if not replica.group_nodes:
            faults.append(f"replica {at} has no query node")
    shards = max((len(replica.shards) for replica in replicas), default=0)
    if not shards:
        faults.append("no shard is loaded")
    warnings = []
    if len(replicas) < 2:
        warnings.append(
            "there is one replica: while its query node is replaced, answers may lack items "
            "without a word from the server"
        )
    return Health(items, shards, len(replicas), faults, warnings)


def faults_of(client: "MilvusClient", name: str) -> list[str]:
    """What is wrong with the shards of a collection; the count of items is not asked for."""
    return list(health_of(client, name, 0, is_file=False).faults)
