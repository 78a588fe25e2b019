"""What a terminal shows: help, tables in 80 columns, bars, colours; and what Ctrl-C leaves."""

import json
import os
import pty
import re
import shlex
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import click
import numpy as np
import pytest
from conftest import COMMAND, PHOTOS

from vecsearch import Collection
from vecsearch_cli.main import VERBS
from vecsearch_cli.main import vecsearch as group

Command = Callable[..., subprocess.CompletedProcess[str]]
COLOUR = re.compile(r"\x1b\[[\d;]*(?:3[0-7]|9[0-7])[\d;]*m")


def terminal(*arguments: str | Path, interrupt_at: str = "", **env: str) -> tuple[int, str]:
    """The exit code, and what the command prints on a terminal of 80 columns.

    Ctrl-C is pressed as soon as it prints ``interrupt_at``.
    """
    ours, theirs = pty.openpty()
    # Where the tests run in the background of a shell, Ctrl-C is ignored, and so by what they run.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    process = subprocess.Popen(
        [str(COMMAND), *map(str, arguments)],
        stdout=theirs,
        stderr=theirs,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "80", **env},
        start_new_session=True,
    )
    os.close(theirs)
    output = b""
    while True:
        try:
            data = os.read(ours, 4096)
        except OSError:  # the other side is closed
            break
        if not data:
            break
        output += data
        if interrupt_at and interrupt_at in output.decode(errors="replace"):
            interrupt_at = ""
            os.killpg(process.pid, signal.SIGINT)  # as Ctrl-C does: to the workers too
    code = process.wait(timeout=60)
    os.close(ours)
    return code, output.decode()


def indexed(run: subprocess.CompletedProcess[str]) -> int:
    """How many items there are after a successful command."""
    assert run.returncode == 0, run.stderr
    count: int = json.loads(run.stdout)["indexed"]
    return count


def test_every_verb_has_help_and_every_help_has_examples(vecsearch: Command) -> None:
    listed = vecsearch("--help").stdout
    for verb in VERBS:
        assert f"  {verb} " in listed
        said = vecsearch(verb, "--help")
        assert said.returncode == 0
        assert "--format" in said.stdout
        assert max(map(len, said.stdout.splitlines())) <= 80
        _, _, examples = said.stdout.partition("\n  Examples:\n")
        assert any(f"vecsearch {verb}" in line for line in examples.splitlines()), verb
    assert vecsearch("--version").stdout == "vecsearch 0.1.0\n"


@pytest.mark.parametrize("verb", VERBS)
def test_every_option_in_an_example_is_one(verb: str) -> None:
    command = group.get_command(click.Context(group), verb)
    assert command is not None
    assert command.epilog is not None
    lines = [line for line in command.epilog.splitlines() if "vecsearch " in line]
    for one in re.split(r"\|\|?|\n", "\n".join(lines)):
        words = shlex.split(one)
        if words[:1] != ["vecsearch"]:
            continue  # what is piped into it
        called = group.get_command(click.Context(group), words[1])
        assert called is not None, one
        known = {
            flag for option in called.params for flag in (*option.opts, *option.secondary_opts)
        }
        for word in words[2:]:
            assert not word.startswith("-") or word == "-" or word in known, (one, word)


def test_an_option_is_called_the_same_and_does_the_same_in_every_verb() -> None:
    found: dict[str, set[tuple[object, ...]]] = {}
    for verb in VERBS:
        command = group.get_command(click.Context(group), verb)
        assert command is not None
        for option in command.params:
            if isinstance(option, click.Option):
                what = (tuple(option.opts), option.help, str(option.default))
                found.setdefault(max(option.opts, key=len), set()).add(what)
    for name in ("--format", "--seed", "--quiet", "--debug", "--jobs", "--exact", "--where"):
        assert len(found[name]) == 1, found[name]
    for name, short in (("--out", "-o"), ("--jobs", "-j"), ("--quiet", "-q")):
        assert all(short in what[0] for what in found[name])  # type: ignore[operator]
    helped = {what[1] for what in found["--metric"]}
    assert helped == {
        "How vectors are compared.",
        "Another metric than the collection's own.",
        "May be repeated.  [default: both]",
    }


@pytest.fixture(scope="module")
def photos(small: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures with long names, as cameras and shops give them."""
    folder = tmp_path_factory.mktemp("long")
    for path in (small / "train").rglob("*.png"):
        name = f"2026-05-17 holiday in the mountains, {path.stem}, retouched.png"
        (folder / "photos" / path.parent.name).mkdir(parents=True, exist_ok=True)
        shutil.copy(path, folder / "photos" / path.parent.name / name)
    shutil.copytree(small / "test", folder / "more")
    rng = np.random.default_rng(0)
    np.save(folder / "vectors.npy", rng.normal(size=(200, 8)).astype(np.float32))
    return folder


# In an order in which each finds what it needs; and what must stand there in one piece.
TABLES = {
    "build photos -o index --dim 4": "variance|euclidean|3 labels: bag 10, sneaker 10, trouser 10",
    "info index": "fingerprint|index_now",
    "query index more/bag/00018.png": "distance",
    "recommend index --like more/bag/00018.png": "distance",
    "classify index more": "confidence",
    "duplicates index": "groups",
    "cluster index --k 2": "label_share",
    "calibrate index --far 0.05": "threshold",
    "evaluate index more": "macro_precision|centroid_macro_recall",
    "compare photos more --encoders pca=4,lda": "euclidean|centroid",
    "train photos -o model --epochs 1 --width 4 --dim 4": "recall_at_1|best_epoch",
    "plot index -o map.png": "classes",
    "add index more/bag": "indexed",
    "remove index bag/no.png": "",
    "update index": "indexed",
    "verify index": "files",
    "repair index": "encoded",
    "compact index": "segments_before|dead_before",
    "export index -o index.csv": "index.csv",
    "import vectors.npy -o vectors": "indexed",
    "tune vectors": "settings",
    "encoders": "efficientnet-lite0-int8|concat:ENCODER,ENCODER|torchvision:NETWORK",
    "doctor": "faiss-cpu|largest_difference",
}


def test_every_table_fits_into_80_columns(vecsearch: Command, photos: Path) -> None:
    pytest.importorskip("torch")
    missing = {*VERBS} - {line.split()[0] for line in TABLES}
    # The first has a test of its own, the second needs a server, the third has no table.
    assert missing == {"demo", "push", "serve"}
    for line, words in TABLES.items():
        run = vecsearch(*line.split(), "--format", "table", cwd=photos, env={"COLUMNS": "80"})
        assert run.returncode == (2 if "remove" in line else 0), (line, run.stderr)
        assert max(map(len, run.stdout.splitlines()), default=0) <= 80, line
        for word in filter(None, words.split("|")):
            assert word in run.stdout + run.stderr, (line, word, run.stdout)


def test_on_a_terminal_there_are_tables_and_a_bar(small: Path, tmp_path: Path) -> None:
    build = ("build", small / "train", "-o", tmp_path / "index", "--size", "8x8")
    code, said = terminal(*build)
    assert code == 0
    for shown in ("reading", "30/30", "/s", "fitting pca", "encoding", "indexed"):
        assert shown in said
    assert COLOUR.search(said)
    assert "{" not in said
    code, plain = terminal(*build, "--overwrite", NO_COLOR="1")
    assert code == 0
    assert "30/30" in plain
    assert not COLOUR.search(plain)


@pytest.mark.parametrize(
    ("sent", "code"),
    [(signal.SIGINT, 130), pytest.param(signal.SIGTERM, 143, marks=pytest.mark.slow)],
)
def test_interrupted_it_goes_on(
    vecsearch: Command, sample: Path, tmp_path: Path, sent: signal.Signals, code: int
) -> None:
    folder, index = tmp_path / "many", tmp_path / "index"
    for copy in range(8):
        shutil.copytree(sample / "train", folder / str(copy))
    build = ["build", folder, "-o", index, "--encoder", "pixels", "--size", "8x8"]
    # Where the tests run in the background of a shell, Ctrl-C is ignored, and so by what they run.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    process = subprocess.Popen(
        [str(COMMAND), *map(str, build)],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    journal = index / "draft" / "journal"
    while not journal.exists() or not journal.stat().st_size:
        assert process.poll() is None
        time.sleep(0.01)
    if sent is signal.SIGINT:
        os.killpg(process.pid, sent)  # as Ctrl-C does: to the workers too
    else:
        process.send_signal(sent)
    out, err = process.communicate(timeout=30)
    assert process.returncode == code, (out, err)
    if sent is signal.SIGINT:
        told = "Interrupted. Run the same command again: it goes on where it was."
        assert err == f"\n{told}\n"
    assert out == ""
    query = vecsearch("query", index, PHOTOS / "stray.png")
    assert query.returncode == 1
    assert "was interrupted: run the same command again, and it goes on" in query.stderr
    again = vecsearch(*build)
    match = re.search(r"Going on where it was interrupted: (\d+) of 16000 files", again.stderr)
    assert match is not None
    assert 0 < int(match[1]) <= 16000
    assert indexed(again) == 16000
    whole = vecsearch("build", folder, "-o", tmp_path / "whole", *build[4:])
    assert indexed(whole) == 16000
    one, other = Collection.open(index), Collection.open(tmp_path / "whole")
    assert [item.id for item in one] == [item.id for item in other]
    np.testing.assert_array_equal(one.vectors(), other.vectors())
    assert not (index / "draft").exists()


def test_an_interrupted_update_leaves_things_as_they_were_and_goes_on(
    vecsearch: Command, sample: Path, tmp_path: Path
) -> None:
    folder, index = tmp_path / "photos", tmp_path / "index"
    shutil.copytree(sample / "test" / "bag", folder / "bag")
    build = ("build", folder, "-o", index, "--encoder", "pixels", "--size", "8x8")
    assert indexed(vecsearch(*build)) == 100
    for copy in range(4):
        shutil.copytree(sample / "train", folder / str(copy))
    code, said = terminal("update", index, interrupt_at="/s")
    assert code == 130, said
    assert "Interrupted. INDEX is as it was. Run the same command again" in said
    assert "Traceback" not in said
    assert len(Collection.open(index)) == 100
    again = vecsearch("update", index)
    assert indexed(again) == 8100
    assert "Going on where it was interrupted" in again.stderr


@pytest.mark.slow
def test_an_interrupted_training_goes_on(vecsearch: Command, sample: Path, tmp_path: Path) -> None:
    pytest.importorskip("torch")
    train = (
        "train",
        sample / "test",
        "-o",
        tmp_path / "m",
        "--epochs",
        "4",
        "--width",
        "4",
        "-j",
        "1",
    )
    code, said = terminal(*train, interrupt_at="Epoch 2")
    assert code == 130, said
    assert "Interrupted. Run the same command again: it goes on after the last epoch." in said
    assert "Traceback" not in said
    assert not (tmp_path / "m" / "settings.json").exists()
    again = vecsearch(*train)
    assert again.returncode == 0, again.stderr
    assert re.search(r"Going on after epoch [123] of 4\.", again.stderr)


def test_an_interrupted_tuning_changes_nothing(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    made = Collection.from_vectors(
        rng.normal(size=(20_000, 32)).astype(np.float32), path=tmp_path / "index"
    )
    before = made.info()
    code, said = terminal("tune", tmp_path / "index", interrupt_at="measuring kinds")
    assert code == 130, said
    assert "Interrupted. INDEX is as it was." in said
    assert "Traceback" not in said
    assert Collection.open(tmp_path / "index").info() == before


def test_the_parts_of_a_data_set_are_no_labels(
    vecsearch: Command, small: Path, tmp_path: Path
) -> None:
    index = tmp_path / "index"
    run = vecsearch("build", small, "-o", index, "--encoder", "pixels", "--size", "8x8")
    assert indexed(run) == 45
    assert "2 labels: test 15, train 30\n" in run.stderr
    assert f"Then build one part, {small / 'train'}, and evaluate with another." in run.stderr
    named = vecsearch("build", small / "train", "-o", index, "--overwrite", "--size", "8x8")
    assert "3 labels: bag 10, sneaker 10, trouser 10\n" in named.stderr
    assert "parts of a data set" not in named.stderr
    query = vecsearch("query", index, PHOTOS / "stray.png", "--where", "label=trousers")
    assert query.returncode == 0
    assert "Did you mean 'trouser'? Labels: bag, sneaker, trouser." in query.stderr
