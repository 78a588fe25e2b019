"""Shows ``Example:`` of a docstring as code: Griffe knows ``Examples:`` alone."""

import re
from typing import Any

import griffe


class Examples(griffe.Extension):
    """Used by mkdocstrings: see ``mkdocs.yml``."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Rename the section, before the docstring is parsed."""
        if obj.docstring is not None:
            obj.docstring.value = re.sub(
                r"^( *)Example:$", r"\1Examples:", obj.docstring.value, flags=re.MULTILINE
            )
