"""Which files in a collection's folder are ours, and which of them are no longer needed."""

import re
import shutil
from contextlib import suppress
from pathlib import Path

from vecsearch.errors import CollectionExists, DamagedCollection
from vecsearch.store.durable import new_file
from vecsearch.store.manifest import DRAFT, FILE, Manifest, generations, manifest_name

KEPT_GENERATIONS = 3
# Says of which generation a draft became a part, should nobody come to delete it.
BECOMES = f"{DRAFT}/becomes"
# What else a writer makes, beside the files that a manifest names.
OURS = re.compile(rf"\.lock|\.writer|manifest-\d{{6,18}}\.json(\.tmp)?|{DRAFT}/([a-z]+|parts/.+)")


def collect_garbage(folder: Path, keep_draft: bool = False) -> None:
    """Delete what no manifest of the last three generations names. Only a writer may call this.

    While one of the three cannot be read, only drafts are deleted: it may name anything. A draft
    that has become part of a generation is never kept.
    """
    everything = generations(folder)
    draft = folder / DRAFT
    keep_draft &= (draft / "key").exists() and _becomes(folder) not in everything
    if not keep_draft and not draft.is_symlink():
        with suppress(OSError):
            (draft / "key").unlink()  # first: without it, what is left goes next time
        shutil.rmtree(draft, ignore_errors=True)
    named = {".lock", ".writer"}
    # Parts that were placed by a build that did not come to its commit, and goes on later.
    noted = {note.stem for note in (draft / "parts").glob("*.json")}
    for generation in everything[-KEPT_GENERATIONS:]:
        try:
            manifest = Manifest.read(folder / manifest_name(generation))
        except DamagedCollection:
            return
        named |= {manifest.name, *manifest.files}
    for name, path in contents(folder):
        kept = name.startswith(f"{DRAFT}/") or path.name.partition(".")[0] in noted
        if is_ours(name) and name not in named and not kept:
            # A file that cannot be deleted now, as one that is open on Windows, goes next time.
            with suppress(OSError):
                path.unlink()
    for emptied in [
        *sorted((path for path in folder.glob("encoder/**/*") if path.is_dir()), reverse=True),
        *map(folder.joinpath, ("encoder", "segments", "ann")),
    ]:
        with suppress(OSError):
            emptied.rmdir()


def note_draft(folder: Path, generation: int | None) -> None:
    """Note which generation a draft is about to become part of, or that it is none after all."""
    with suppress(OSError):
        (folder / BECOMES).unlink()
    if generation is not None:
        with new_file(folder / BECOMES) as file:
            file.write(b"%d" % generation)


def _becomes(folder: Path) -> int | None:
    try:
        return int((folder / BECOMES).read_text()) if (folder / BECOMES).is_file() else None
    except (OSError, ValueError):
        return None


def refuse_foreign(folder: Path) -> None:
    """See that a folder holds nothing but a collection, or nothing, or is not there.

    Raises:
        CollectionExists: It holds something else.
    """
    if not folder.exists():
        return
    if not folder.is_dir():
        raise CollectionExists(f"{folder} is a file, not a folder for a collection.")
    foreign = [name for name, path in contents(folder) if not is_ours(name)]
    if foreign and not generations(folder):
        raise CollectionExists(
            f"{folder} holds other things ({foreign[0]} …): name a new folder for the collection."
        )


def is_ours(name: str) -> bool:
    """Whether a file below a collection's folder, by its POSIX path there, can be one of ours."""
    return bool(OURS.fullmatch(name) or FILE.fullmatch(name))


def contents(folder: Path) -> list[tuple[str, Path]]:
    """All files below a folder, with their POSIX paths below it."""
    paths = [path for path in folder.rglob("*") if not path.is_dir() or path.is_symlink()]
    return sorted((path.relative_to(folder).as_posix(), path) for path in paths)
