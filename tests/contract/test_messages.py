"""What a user is told who asked for something that cannot be: what, why, and what to do."""

import ast
import logging
import re
import shutil
import signal
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import PROJECT

from vecsearch import Collection, errors
from vecsearch_cli.main import main

OURS = {name for name, one in vars(errors).items() if isinstance(one, type)} | {"Failure"}
# Each is shown behind the file that it is of, as its reason.
REASONS = {"ImageError"}


def text_of(node: ast.expr) -> str:
    """What a literal says, with {…} for what is only known when it is raised."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(text_of(part) for part in node.values)
    return "{…}"


def messages() -> list[tuple[str, str, str]]:
    """Where each error of ours is raised, which one it is, and what it says."""
    found = []
    for folder in ("vecsearch", "cli"):
        for path in sorted((PROJECT / folder).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text())):
                if (
                    isinstance(node, ast.Raise)
                    and isinstance(node.exc, ast.Call)
                    and isinstance(node.exc.func, ast.Name)
                    and node.exc.func.id in OURS
                    and node.exc.args
                ):
                    where = f"{path.relative_to(PROJECT)}:{node.lineno}"
                    found.append((where, node.exc.func.id, text_of(node.exc.args[0])))
    return found


def test_every_message_is_a_sentence_that_names_what_was_found() -> None:
    found = messages()
    assert len(found) > 350
    for where, kind, text in found:
        assert text.strip() == text, where
        assert len(text) > 10 or "{…}" in text, where
        assert not re.match(r"(?i)(invalid|illegal|bad|error|failed|wrong)\b", text), (where, text)
        if kind not in REASONS and not text.endswith("{…}"):
            ends = (".", "?", "…", ")", "'", '"')
            # Or with the command that helps.
            assert text.endswith(ends) or re.search(r"(vecsearch|pip install) [^.]+$", text), (
                where,
                text,
            )


@pytest.fixture
def place(small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with collections and files to go wrong with."""
    shutil.copytree(small / "train", tmp_path / "photos")
    shutil.copytree(small / "train" / "bag", tmp_path / "flat")
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.jpg").write_text("hello")
    (tmp_path / "semicolons.csv").write_text("path;label\n")
    (tmp_path / "elsewhere.csv").write_text("path,label\nnowhere.png,bag\n")
    np.save(tmp_path / "ok.npy", np.ones((3, 4), np.float32))
    shutil.copy(next((tmp_path / "flat").iterdir()), tmp_path / "x.png")
    monkeypatch.chdir(tmp_path)
    Collection.build("photos", "ix", encoder="pixels", size=(8, 8))
    Collection.build("photos", "plain", encoder="pixels", size=(8, 8), labels="none")
    return tmp_path


# The command, its exit code, and what its message must say: what was found, and what to do.
WRONG = [
    ("buidl photos", 2, "'buidl'. Did you mean 'build'?"),
    ("build nowhere -o new", 2, "'nowhere' does not exist"),
    ("build empty -o new", 2, "no images in empty, of the formats JPEG"),
    ("build photos -o new --encoder pcaa", 2, "Did you mean 'pca'? There are: chain"),
    ("build photos -o new --encoder lda --dim 9", 2, "2 for these 3 classes: 9 are too many"),
    ("build photos -o new --encoder pixels --dim 3", 2, "it takes: size, fit, color"),
    ("build photos -o new --dim 1.5", 2, "a fraction of the variance as 0.95, not 1.5"),
    ("build photos -o new --size 64", 2, "'64' is not WIDTHxHEIGHT, as 64x64"),
    ("build photos -o new --metric cosin", 2, "'cosin' is not one of 'euclidean', 'cosine'"),
    ("build photos -o new --metrc cosine", 2, "'--metric'"),
    ("build photos -o new --labels semicolons.csv", 2, "with commas between"),
    ("build photos -o new --labels elsewhere.csv", 2, "they are relative to that folder"),
    ("build photos -o new --index ivf8", 2, "There are auto, exact"),
    ("build photos -o new --memory-budget lots", 2, "write 500MB, 2GB or 2GiB"),
    ("build photos -o new --model ix", 2, "as INDEX/encoder/"),
    ("build photos -o photos", 1, "holds other things"),
    ("build photos -o ix", 1, "(--overwrite)"),
    ("build flat -o new --encoder lda", 2, "(--labels FILE.csv); or take pca."),
    ("query ix", 2, "Name an IMAGE, or say --text WORDS."),
    ("query ix nowhere.jpg", 1, "nowhere.jpg: cannot be read: No such file"),
    ("query ix text.jpg", 1, "text.jpg: not an image in one of the formats JPEG"),
    ("query ix photos", 1, "photos: a folder, where the name of an image was expected"),
    ("query nowhere x.png", 1, "make one: vecsearch build FOLDER -o nowhere"),
    ("query photos x.png", 1, "make one: vecsearch build FOLDER -o photos"),
    ("query ix x.png --where lable=bag", 2, "Did you mean 'label'? There are: id, label, path."),
    ("query ix x.png --where label", 2, "write KEY=VALUE"),
    ("query ix x.png --sheet out.gif", 2, "it must end in .png, .jpg or .webp"),
    ("query ix --text shoe", 2, "as openclip:ViT-B-32"),
    ("recommend ix", 2, "Say what is liked (--like ID or IMAGE)"),
    ("recommend ix --like bag/0018.png", 2, "Did you mean 'bag/0"),
    ("recommend ix --like x.png --max-per colour 2", 2, "There are: id, label, path."),
    ("classify plain x.png", 2, "vecsearch update plain --labels FILE.csv takes them"),
    ("classify ix x.png --reject auto", 2, "vecsearch calibrate ix QUERIES"),
    ("classify ix x.png --clusters kinds", 2, "vecsearch cluster --save"),
    ("duplicates ix --apply movee", 2, "is not move:DIR, delete or hardlink"),
    ("cluster ix --k 100", 2, "ask for 30 clusters or fewer"),
    ("calibrate ix", 2, "bring 99 or more, or accept more (--far)"),
    ("evaluate ix", 2, "Give either a folder of QUERIES or --leave-one-out."),
    ("evaluate ix flat", 2, "put the images of each class into a folder of its name"),
    ("evaluate ix photos --fail-under mapp=1", 2, "Did you mean 'map'?"),
    ("evaluate ix photos --fail-under map=1.1 -q", 4, "under 1.1."),
    ("compare photos --encoders pca=x", 2, "as in pca=32"),
    ("compare photos --protocol cross", 2, "holdout, kfold, unseen, or a CSV file"),
    ("train photos -o new --time-budget soon", 2, "write 90s, 10m or 1h30m"),
    ("train photos -o new --time-budget 1h30", 2, "write 90s, 10m or 1h30m"),
    ("tune ix", 2, "exact search takes no time"),
    ("plot ix -o map.gif", 2, "it must end in .png or .html"),
    ("plot ix -o map.png --color-by lable", 2, "Did you mean 'label'?"),
    ("add ix nowhere.jpg", 2, "Nothing was added."),
    ("add ix photos/bag", 2, "--replace"),
    ("remove ix bag/0018.png", 2, "Nothing was removed."),
    ("verify nowhere", 1, "make one: vecsearch build FOLDER -o nowhere"),
    ("export ix -o out.xls", 2, ".csv, .npz, .parquet"),
    ("import text.jpg -o new", 2, "is no .npy file of numbers"),
    ("import ok.npy -o ix", 1, "(--overwrite)"),
    ("serve nowhere", 1, "make one: vecsearch build FOLDER -o nowhere"),
    ("serve ix --report nowhere", 2, "There is no folder nowhere"),
]


def test_what_went_wrong_is_told_with_what_to_do(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # Of what the command sets for its process, nothing stays in that of the tests.
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    logger = logging.getLogger("vecsearch")
    monkeypatch.setattr(logger, "handlers", [])
    monkeypatch.setattr(logger, "level", logger.level)
    before = Collection.open("ix").info()
    for line, code, said in WRONG:
        monkeypatch.setattr(sys, "argv", ["vecsearch", *line.split()])
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        assert ended.value.code == code, (line, err)
        assert said in err, (line, err)
        assert "Traceback" not in err
        assert "mistake in vecsearch" not in err
        assert err.splitlines()[-1].startswith("Error: "), (line, err)
        assert not out or code == 4, (line, out)
        assert not Path("new").exists() or not any(Path("new").glob("manifest-*")), line
    assert Collection.open("ix").info() == before
