"""The API never answers 5xx to bad input: promise 17 of docs/reliability.md."""

import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from serving import Server, serving

from vecsearch import Collection, cluster, keep_clustering

TOKEN = "the-token-of-this-test"


@pytest.fixture
def collections(small: Path, tmp_path: Path) -> list[Path]:
    clothes = Collection.build(
        small / "train", tmp_path / "clothes", dim=4, size=(28, 28), color="grey"
    )
    keep_clustering(clothes, "three", cluster(clothes, 3))
    Collection.from_vectors([[1, 2], [3, 4]], ["a", "b"], path=tmp_path / "bare", metric="cosine")
    Collection.from_vectors([[1, 2]], path=tmp_path / "empty").remove(["0"])
    return [tmp_path / name for name in ("clothes", "bare", "empty")]


def cases(server: Server, count: int) -> Counter[int]:
    """Requests that schemathesis makes of the OpenAPI document; how many had each status."""
    import schemathesis

    schema = schemathesis.openapi.from_dict(server.json("GET", "openapi.json").json)
    # In half of the cases there is such a collection, or all of them would end there.
    names = st.sampled_from(["clothes", "bare", "empty"])
    ids = st.sampled_from(["bag/0.png", "a", "b", "0"])
    statuses: Counter[int] = Counter()
    operations = [one.ok() for one in schema.get_all_operations()]
    for operation in operations:

        @given(case=operation.as_strategy(), name=names, known=ids, mend=st.integers(0, 3))
        @settings(
            max_examples=-(-count // len(operations)),
            deadline=None,
            database=None,
            derandomize=True,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        def ask(case: object, name: str, known: str, mend: int) -> None:
            parts = case.path_parameters  # type: ignore[attr-defined]
            if mend and parts and "name" in parts:
                parts["name"] = name
            if mend > 1 and parts and "id" in parts:
                parts["id"] = known
            answer = case.call(  # type: ignore[attr-defined]
                base_url=f"http://127.0.0.1:{server.port}",
                headers={"Authorization": f"Bearer {TOKEN}"},
                timeout=120,  # a map by umap brings numba
            )
            statuses[answer.status_code] += 1
            assert answer.status_code < 500, (case, answer.content)
            if answer.status_code >= 400:
                kind = answer.headers["content-type"][0]
                assert kind == "application/problem+json", (case, kind)

        ask()
    return statuses


def test_some_cases(collections: list[Path]) -> None:
    with serving(*collections, "--writable", "--token", TOKEN) as server:
        found = cases(server, 400)
        assert not [line for line in server.said if "Traceback" in line]
    print(f"{found.total():,} cases: {dict(sorted(found.items()))}")
    assert found.total() >= 350
    assert found[200] > 50


@pytest.mark.slow
def test_many_cases(collections: list[Path]) -> None:
    with serving(*collections, "--writable", "--token", TOKEN) as server:
        found = cases(server, 6000)  # some operations have few cases
        assert not [line for line in server.said if "Traceback" in line]
    print(f"{found.total():,} cases: 0 of 5xx; {dict(sorted(found.items()))}")
    assert found.total() >= 5000


@pytest.mark.slow
def test_a_minute_of_mixed_queries() -> None:
    """Promise 18 in short; ten minutes: benchmarks/server_soak.py."""
    script = Path(__file__).parents[2] / "benchmarks" / "server_soak.py"
    run = subprocess.run(
        [sys.executable, str(script), "--minutes", "1"], capture_output=True, text=True, check=True
    )
    print(run.stdout)
    assert ", 0 errors" in run.stdout
    kinds = re.findall(r"^  (\w+) +([\d,]+)$", run.stdout, re.MULTILINE)
    assert len(kinds) == 8, "each kind of query was asked"
    assert sum(int(count.replace(",", "")) for _, count in kinds) > 1000
    growth = float(run.stdout.split(" MB: ")[1].split(" %")[0])
    assert growth <= 5
