"""The reference is made of the program itself, and leaves nothing of it out."""

import importlib.util
import re
from types import ModuleType

import click
import pytest
from conftest import PROJECT

import vecsearch
from vecsearch_cli.main import VERBS
from vecsearch_cli.main import vecsearch as group

DOCS = PROJECT / "docs"


@pytest.fixture(scope="module")
def generate() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate", DOCS / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_command_is_in_the_reference_as_its_help_tells_it(generate: ModuleType) -> None:
    page = generate.on_page_markdown((DOCS / "reference" / "commands.md").read_text())
    assert re.findall(r"^## (\S+)$", page, re.MULTILINE) == list(VERBS)
    for verb in VERBS:
        command = group.get_command(click.Context(group), verb)
        assert command is not None
        for option in command.params:
            if isinstance(option, click.Option):
                assert option.help, (verb, option.opts)
                assert option.opts[0] in page, (verb, option.opts)


def test_every_command_is_told_of_outside_the_reference() -> None:
    told = (PROJECT / "README.md").read_text() + "".join(
        page.read_text() for page in DOCS.rglob("*.md") if "reference" not in page.parts
    )
    for verb in VERBS:
        assert re.search(rf"(vecsearch |`){verb}\b", told), verb


def test_every_answer_is_a_table(generate: ModuleType) -> None:
    page = generate.on_page_markdown((DOCS / "json.md").read_text())
    assert "| `hits` | list of [hit](#hit) | the nearest first |" in page
    assert "| `members[].width` | integer or null | in pixels |" in page
    for anchor in re.findall(r"\]\(#([a-z]+)\)", page):
        assert f"### {anchor}\n" in page or f"{{ #{anchor} }}" in page, anchor


def test_every_public_name_has_its_place_in_the_reference() -> None:
    pages = "".join(page.read_text() for page in (DOCS / "reference" / "api").glob("*.md"))
    listed = re.findall(r"^::: vecsearch\.(\w+)$", pages, re.MULTILINE)
    assert sorted(listed) == sorted(vecsearch.__all__)


def test_every_page_is_in_the_navigation() -> None:
    listed = (PROJECT / "mkdocs.yml").read_text()
    for page in DOCS.rglob("*.md"):
        assert f": {page.relative_to(DOCS).as_posix()}\n" in listed, page
