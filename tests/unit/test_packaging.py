"""What the files around the code say of it agrees."""

import re
import tomllib

from conftest import PROJECT

PROJECT_TABLE = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]


def test_the_lowest_versions_tested_are_the_lower_bounds() -> None:
    pins = [
        line
        for line in (PROJECT / "constraints-lowest.txt").read_text().splitlines()
        if line and not line.startswith("#")
    ]
    bounds = PROJECT_TABLE["dependencies"]
    assert all(re.fullmatch(r"[\w.-]+>=[\d.]+", bound) for bound in bounds)
    assert pins == [bound.replace(">=", "==") for bound in bounds]


def test_constraints_are_within_the_bounds() -> None:
    lines = (PROJECT / "constraints.txt").read_text().splitlines()
    pinned = {name.lower(): version for name, version in (line.split("==") for line in lines)}
    extras = [one for some in PROJECT_TABLE["optional-dependencies"].values() for one in some]
    for bound in [*PROJECT_TABLE["dependencies"], *extras]:
        name, _, least = re.sub(r"\[.*?\]|;.*", "", bound).partition(">=")
        if least and name.lower() in pinned:
            least, _, above = least.partition(",<")
            assert numbers(pinned[name.lower()]) >= numbers(least), bound
            assert not above or numbers(pinned[name.lower()]) < numbers(above), bound


def numbers(version: str) -> list[int]:
    return [int(part) for part in version.split(".")]


def test_the_citation_is_of_this_version() -> None:
    citation = (PROJECT / "CITATION.cff").read_text()
    assert f"\nversion: {PROJECT_TABLE['version']}\n" in citation
    assert f"\nlicense: {PROJECT_TABLE['license']}\n" in citation


def test_the_oldest_python_named_is_the_one_required() -> None:
    named = re.findall(r"Python :: (3\.\d+)", "\n".join(PROJECT_TABLE["classifiers"]))
    assert PROJECT_TABLE["requires-python"] == f">={named[0]}"
