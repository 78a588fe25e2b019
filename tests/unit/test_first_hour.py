"""The page on the first hour tells the story that its script runs, and hides no failure."""

import importlib.util
import re
from types import ModuleType

import pytest
from conftest import PROJECT

FOLDER = PROJECT / "benchmarks" / "first_hour"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("first_hour", FOLDER / "run.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_the_story_with_what_was_printed(script: ModuleType) -> None:
    story = (FOLDER / "story.md").read_text()
    page = (PROJECT / "docs" / "first-hour.md").read_text()
    said = re.sub(r"```text\n\$.*?\n```\n\n\*[^*]+\*", "RAN", page, flags=re.DOTALL)
    assert said == script.BLOCK.sub("RAN", story)
    typed = re.findall(r"```text\n\$ (.*?)\n```", page, re.DOTALL)
    commands = [command for _, _, command in script.BLOCK.findall(story)]
    assert len(typed) == len(commands)
    for shown, command in zip(typed, commands, strict=True):
        assert shown.startswith(command)
    assert "exit code" not in page
    assert "Traceback" not in page
    rules = [line for line in page.splitlines() if line.startswith(" ─")]
    assert len(rules) > 10  # below the heads of tables, and as wide as these
    assert max(map(len, rules)) <= 80
