"""What a collection is, in the properties that Milvus keeps with it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

from vecsearch.distributed.stores import Profile
from vecsearch.errors import DamagedCollection, NewerFormat
from vecsearch.store import EncoderEntry
from vecsearch.types import Metric

FORMAT = 1
PROFILE = "vecsearch.profile"
STATE = "vecsearch.state"


@dataclass(frozen=True)
class Properties:
    """What is kept beside the rows.

    Attributes:
        profile: What the collection is.
        files: The sha256 and the size of each file of its encoder.
        whole: Whether all that it was to hold has been put in.
        wrong: Whether it was found to hold something else than what was pushed.
        created: When, ISO 8601 in UTC.
        software: The version of vecsearch that made it.
    """

    profile: Profile
    files: Mapping[str, tuple[str, int]]
    whole: bool
    created: str
    software: str
    wrong: bool = False

    def to_milvus(self) -> dict[str, str]:
        """As Milvus keeps them: texts."""
        own = self.profile
        entry = None if own.encoder is None else {**vars(own.encoder), "folder": ""}
        body = {
            "format": FORMAT,
            "profile": {**vars(own), "metric": own.metric.value, "encoder": entry},
            "files": self.files,
            "created": self.created,
            "software": self.software,
        }
        text = json.dumps(body, ensure_ascii=False)
        return {PROFILE: text, STATE: "whole" if self.whole else "filling"}

    @classmethod
    def of_milvus(cls, properties: Mapping[str, str], place: str) -> Self:
        """Read them.

        Raises:
            DamagedCollection: They are none of ours, or of a later format.
        """
        try:
            body: Any = json.loads(properties[PROFILE])
            if body["format"] != FORMAT:
                raise NewerFormat(
                    f"{place} is of format {body['format']}, this version reads {FORMAT}: update "
                    "vecsearch."
                )
            own = Profile(**{**body["profile"], "metric": Metric(body["profile"]["metric"])})
            if own.encoder is not None:
                encoder: Any = own.encoder
                own = replace(own, encoder=EncoderEntry(**encoder))
            files = {name: (str(sha), int(size)) for name, (sha, size) in body["files"].items()}
            whole = properties.get(STATE) == "whole"
            wrong = properties.get(STATE) == "wrong"
            return cls(own, files, whole, body["created"], body["software"], wrong)
        except (KeyError, ValueError, TypeError, AttributeError) as error:
            raise DamagedCollection(
                f"{place} is a collection of Milvus, but none that vecsearch made: push one under "
                "another name."
            ) from error
