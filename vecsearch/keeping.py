"""Keep with a collection what was found out of its vectors: thresholds and clusterings."""

from collections.abc import Mapping
from pathlib import Path

from vecsearch.errors import InvalidArgument
from vecsearch.store import Writer
from vecsearch.types import JSON, Clustering

NAME_LENGTH = 100


def keep_calibration(
    path: Path, method: str, calibration: Mapping[str, JSON], fingerprint: str | None
) -> None:
    """Store the thresholds for strangers.

    Args:
        path: Where the collection lies.
        method: Of classification; what is stored for others stays.
        calibration: The thresholds.
        fingerprint: That of the encoder by which they were found.

    Raises:
        InvalidArgument: The vectors were made anew since, by another encoder.
        CollectionLocked: Another process is writing to the collection.
    """
    with Writer(path, amend=True) as writer:
        entry = writer.base.manifest.encoder
        if (entry.fingerprint if entry else None) != fingerprint:
            raise InvalidArgument(
                f"{path} was encoded anew while thresholds were looked for: calibrate it again."
            )
        writer.commit(calibration={**writer.base.calibration(), method: dict(calibration)})


def keep_clustering(
    path: Path, name: str, clustering: Clustering | None, fingerprint: str | None
) -> None:
    """Store a clustering under a name, in the place of one that had it; or forget it.

    Args:
        path: Where the collection lies.
        name: What it is called.
        clustering: The clustering; None to forget the one of that name.
        fingerprint: That of the encoder of the vectors that it was made of.

    Raises:
        InvalidArgument: The name or the clustering cannot be taken, or there is none of that name
            to forget; or the vectors were made anew since, by another encoder.
        CollectionLocked: Another process is writing to the collection.
    """
    check_clustering_name(name)
    with Writer(path, amend=True) as writer:
        manifest = writer.base.manifest
        if clustering is None:
            manifest.clustering_file(name, path)
        else:
            entry = manifest.encoder
            if (entry.fingerprint if entry else None) != fingerprint:
                raise InvalidArgument(
                    f"The clustering was made of vectors of another encoder than those of {path}: "
                    "cluster them anew."
                )
            if clustering.centers.shape[1] != manifest.dim:
                raise InvalidArgument(
                    f"The clustering is of vectors with {clustering.centers.shape[1]} dims, those "
                    f"of {path} have {manifest.dim}."
                )
        writer.commit(clusterings={name: clustering}, compaction="none")


def check_clustering_name(name: str) -> None:
    """Refuse what a clustering cannot be called.

    Raises:
        InvalidArgument: It is empty, too long, or cannot be printed.
    """
    if not 0 < len(name) <= NAME_LENGTH or not name.isprintable():
        raise InvalidArgument(
            f"A clustering has a name of 1 to {NAME_LENGTH} printable characters, not {name!r}."
        )
