"""The folder on disk. Files never change once written; a manifest names those that count."""

from vecsearch.store.beside import printable
from vecsearch.store.draft import Draft
from vecsearch.store.durable import put_whole
from vecsearch.store.manifest import (
    EncoderEntry,
    Manifest,
    SegmentEntry,
    SideFile,
    Source,
    generations,
    manifest_name,
)
from vecsearch.store.records import Record, Records
from vecsearch.store.repair import Encode, Repair, repair_store
from vecsearch.store.segment import key_of
from vecsearch.store.store import Store
from vecsearch.store.verification import Damage, Verification, verify_store
from vecsearch.store.writer import Writer

__all__ = [
    "Damage",
    "Draft",
    "Encode",
    "EncoderEntry",
    "Manifest",
    "Record",
    "Records",
    "Repair",
    "SegmentEntry",
    "SideFile",
    "Source",
    "Store",
    "Verification",
    "Writer",
    "generations",
    "key_of",
    "manifest_name",
    "printable",
    "put_whole",
    "repair_store",
    "verify_store",
]
