"""The folder on disk. Files never change once written; a manifest names those that count."""

from vecsearch.store.manifest import EncoderEntry, Manifest, generations, manifest_name
from vecsearch.store.segment import Record
from vecsearch.store.store import Damage, Store, Verification
from vecsearch.store.writer import Writer

__all__ = [
    "Damage",
    "EncoderEntry",
    "Manifest",
    "Record",
    "Store",
    "Verification",
    "Writer",
    "generations",
    "manifest_name",
]
