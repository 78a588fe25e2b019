"""What the documentation takes from the program itself, when the site is built.

A hook of MkDocs: in ``reference/commands.md`` a line ``<!-- commands -->`` becomes the help of
every command, and in ``json.md`` a line ``<!-- answers -->`` becomes a table of each schema in
``schemas/``. So neither can lag behind what it describes. Pages that lie beside the project's
README, for those who read there, come into ``contributing.md`` and ``changelog.md``.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from vecsearch_cli.main import VERBS, vecsearch

PROJECT = Path(__file__).parents[1]
SCHEMAS = PROJECT / "docs" / "schemas"
WIDTH = 92


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Fill in what is marked; MkDocs calls this for each page."""
    for mark, made in MARKS.items():
        if mark in markdown:
            markdown = markdown.replace(mark, made())
    return markdown


def commands() -> str:
    """The help of each command, as ``--help`` prints it."""
    group = click.Context(
        vecsearch, info_name="vecsearch", terminal_width=WIDTH, **vecsearch.context_settings
    )
    parts = [_code(vecsearch.get_help(group))]
    for verb in VERBS:
        if (command := vecsearch.get_command(group, verb)) is None:
            raise LookupError(f"There is no command {verb!r}.")
        inner = click.Context(command, group, verb, terminal_width=WIDTH)
        parts.append(f"## {verb}\n\n{_code(command.get_help(inner))}")
        if (SCHEMAS / f"{verb}.json").exists():
            parts.append(f"[What it prints as JSON](../json.md#{verb})")
    return "\n\n".join(parts)


def _code(text: str) -> str:
    return f"```text\n{text}\n```"


def answers() -> str:
    """A section for each command with the keys of its answer."""
    parts = []
    for verb in VERBS:
        file = SCHEMAS / f"{verb}.json"
        if file.exists():
            parts.append(f"### {verb}\n\n{_tables(json.loads(file.read_text(encoding='utf-8')))}")
    for name in ("hit", "class", "confusion", "figure", "measured"):
        schema = json.loads((SCHEMAS / f"{name}.json").read_text(encoding="utf-8"))
        parts.append(f"### {schema['title']} {{ #{name} }}\n\n{_tables(schema)}")
    return "\n\n".join(parts)


def _tables(schema: Mapping[str, Any]) -> str:
    if "oneOf" in schema:
        return "\n\n".join(f"{one['title']}:\n\n{_tables(one)}" for one in schema["oneOf"])
    if "allOf" in schema:
        return " ".join(f"As {_link(one['$ref'])}." for one in schema["allOf"])
    lines = ["| key | type | is |", "|---|---|---|", *_rows(schema, "")]
    return "\n".join(lines)


def _rows(schema: Mapping[str, Any], above: str) -> Iterator[str]:
    for name, value in schema["properties"].items():
        optional = "" if name in schema["required"] else " (not always there)"
        yield f"| `{above}{name}` | {_type(value)} | {value['description']}{optional} |"
        inner, mark = value, ""
        while "items" in inner:
            inner, mark = inner["items"], f"{mark}[]"
        if "properties" in inner:
            yield from _rows(inner, f"{above}{name}{mark}.")


def _type(schema: Mapping[str, Any]) -> str:
    """A type in words: ``list of number or null``."""
    if "$ref" in schema:
        return _link(schema["$ref"])
    if "const" in schema:
        return f"`{schema['const']}`"
    if "enum" in schema:
        return ", ".join(f"`{one}`" for one in schema["enum"])
    if "anyOf" in schema:
        return " or ".join(map(_type, schema["anyOf"]))
    if "items" in schema:
        return f"list of {_type(schema['items'])}"
    if isinstance(schema.get("additionalProperties"), dict):
        return f"object of {_type(schema['additionalProperties'])}"
    names = schema["type"]
    return names if isinstance(names, str) else " or ".join(names)


def _link(reference: str) -> str:
    name = reference.removesuffix(".json")
    return f"[{name}](#{name})"


def contributing() -> str:
    """How to work on the project, with links as they are from here."""
    text = (PROJECT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    return text.replace("](docs/", "](")


def changelog() -> str:
    """What has changed."""
    return (PROJECT / "CHANGELOG.md").read_text(encoding="utf-8")


MARKS = {
    "<!-- commands -->": commands,
    "<!-- answers -->": answers,
    "<!-- contributing -->": contributing,
    "<!-- changelog -->": changelog,
}
