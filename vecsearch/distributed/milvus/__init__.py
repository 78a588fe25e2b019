"""Milvus as a store: a server of many machines that keeps vectors and finds the nearest."""

from vecsearch.distributed.milvus.address import Address
from vecsearch.distributed.milvus.store import MilvusStore

__all__ = ["Address", "MilvusStore"]
