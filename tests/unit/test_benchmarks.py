"""What the benchmarks of speed compute; their figures are nobody's test."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

SPEED = Path(__file__).parents[2] / "benchmarks" / "speed"


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(SPEED))


@pytest.mark.parametrize("cosine", [False, True])
def test_recall_is_the_share_of_what_is_as_near_as_the_tenth_nearest(cosine: bool) -> None:
    import recalled
    import sets

    rng = np.random.default_rng(0)
    base = rng.normal(size=(300, 8)).astype(np.float32)
    base[7] = base[3]  # either may be found
    queries = base[:20] + np.float32(0.01)
    apart = np.array(
        [recalled.distances(base, one[None], np.arange(300)[None], cosine)[0] for one in queries]
    )
    nearest = np.argsort(apart, axis=1)[:, :10]
    data = {"base": base, "queries": queries, "tenth": sets._tenth(base, queries, cosine)}
    assert data["tenth"] == pytest.approx(np.sort(apart, axis=1)[:, 9])
    assert recalled.recall(data, nearest, cosine) == 1
    nearest[:, 0] = np.argmax(apart, axis=1)
    assert recalled.recall(data, nearest, cosine) == pytest.approx(0.9)
    nearest[:10, 1] = -1
    assert recalled.recall(data, nearest, cosine) == pytest.approx(0.85)


def test_the_quickest_that_reaches_a_recall_stands_for_a_library() -> None:
    import recall

    rows = [
        {"library": "one", "recall": 0.89, "single": 9.0},
        {"library": "one", "recall": 0.91, "single": 7.0},
        {"library": "one", "recall": 0.99, "single": 2.0},
        {"library": "two", "recall": 0.80, "single": 99.0},
    ]
    assert recall.best(rows, 0.9) == {"one": rows[1]}


def test_tables_replace_what_stands_between_marks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import outcome
    import tables

    monkeypatch.setattr(outcome, "RESULTS", tmp_path)
    row = {"command": "vecsearch --help", "ms": 61.2, "least_ms": 60, "most_ms": 70}
    body = {"rounds": 21, "rows": [{**row, "to_python": 3.1, "to_faiss": 0.4}]}
    outcome.keep("start", body, quick=False)
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- start -->\nold\n<!-- /start -->\nafter\n")
    monkeypatch.setattr(sys, "argv", ["tables.py", "--write", str(page)])
    tables.main()
    first = page.read_text()
    tables.main()
    assert page.read_text() == first
    assert "| `vecsearch --help` | 61 ms (60 – 70) | 3.10 | 0.40 |" in first
    assert first.startswith("before\n<!-- start -->\n\n| command")
    assert "old" not in first
    assert first.endswith("<!-- /start -->\nafter\n")


def test_growth_is_the_slope_of_a_log_log_line() -> None:
    import scale

    rows = [{"count": n, **dict.fromkeys(scale.GROWING, 3 * n**1.5)} for n in (10, 100, 1000)]
    assert scale.exponents(rows) == pytest.approx(dict.fromkeys(scale.GROWING, 1.5))


def test_scripts_say_what_they_take() -> None:
    for name in ("overhead", "recall", "scale", "folder", "start", "kinds", "tables", "run"):
        command = [sys.executable, SPEED / f"{name}.py", "--help"]
        run = subprocess.run(command, check=False, capture_output=True, text=True)
        assert run.returncode == 0, run.stderr
        assert "--quick" in run.stdout
