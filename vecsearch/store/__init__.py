"""The folder on disk. Files never change once written; a manifest names those that count."""

from vecsearch.store.beside import printable
from vecsearch.store.draft import Draft
from vecsearch.store.durable import put_whole
from vecsearch.store.gathering import segment_items
from vecsearch.store.manifest import (
    EncoderEntry,
    Manifest,
    SegmentEntry,
    SideFile,
    Source,
    generations,
    manifest_name,
)
from vecsearch.store.parts import PARTS, Part, Parts, begin_part, write_part
from vecsearch.store.records import Record, Records, same_values
from vecsearch.store.repair import Encode, Repair, repair_store
from vecsearch.store.segment import key_of
from vecsearch.store.store import Store
from vecsearch.store.uploads import is_of_another, uploads_of
from vecsearch.store.verification import Damage, Verification, verify_store
from vecsearch.store.writer import Writer

__all__ = [
    "PARTS",
    "Damage",
    "Draft",
    "Encode",
    "EncoderEntry",
    "Manifest",
    "Part",
    "Parts",
    "Record",
    "Records",
    "Repair",
    "SegmentEntry",
    "SideFile",
    "Source",
    "Store",
    "Verification",
    "Writer",
    "begin_part",
    "generations",
    "is_of_another",
    "key_of",
    "manifest_name",
    "printable",
    "put_whole",
    "repair_store",
    "same_values",
    "segment_items",
    "uploads_of",
    "verify_store",
    "write_part",
]
