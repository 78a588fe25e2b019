"""An environment with everything but torch: all but what needs it works, and that says so."""

import json
import subprocess
import sysconfig
import venv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import COMMAND

import vecsearch as library
from vecsearch_cli.main import VERBS

pytestmark = pytest.mark.slow
Run = Callable[..., Any]
OF_TORCH = ("torch", "functorch", "pytorch_metric_learning", "timm", "open_clip")
LOOK = ("--size", "28x28", "--color", "grey")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The command in an environment that has what is installed here, less all of torch."""
    root = tmp_path_factory.mktemp("without")
    venv.create(root, symlinks=True)
    (there,) = root.glob("lib/python*/site-packages")
    for entry in Path(sysconfig.get_path("purelib")).iterdir():
        if not entry.name.startswith(OF_TORCH):
            (there / entry.name).symlink_to(entry)
    python = str(root / "bin" / "python")
    import_it = [python, "-c", "import torch"]
    assert subprocess.run(import_it, check=False, capture_output=True).returncode == 1

    def call(*arguments: str | Path, code: int = 0) -> Any:
        command = [python, str(COMMAND), *map(str, arguments)]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        assert done.returncode == code, done.stderr
        assert "Traceback" not in done.stderr
        return done.stderr if code else [json.loads(line) for line in done.stdout.splitlines()]

    call.python = python  # type: ignore[attr-defined]
    return call


def test_every_other_verb(run: Run, small: Path, tmp_path: Path) -> None:
    train, test, index = small / "train", small / "test", tmp_path / "index"
    upload = next((test / "bag").iterdir())
    done = set()

    def call(verb: str, *arguments: str | Path) -> Any:
        done.add(verb)
        return run(verb, *arguments)

    call("demo", "-o", tmp_path / "demo")
    call("tune", tmp_path / "demo" / "demo-pca-euclidean", "--kind", "IVF8,Flat", "--recall", "0.5")
    call("build", train, "-o", index, "--dim", "8", *LOOK)
    call("update", index)
    assert call("query", index, upload, "-k", "1")[0]["hits"][0]["label"] == "bag"
    call("recommend", index, "--like", upload)
    call("calibrate", index, test, "--far", "0.5")
    call("classify", index, upload)
    call("duplicates", index)
    call("cluster", index, "--k", "3")
    assert call("evaluate", index, test, "--report", tmp_path / "report")[0]["queries"] == 15
    call("compare", train, test, "--encoders", "pixels,pca,lda", *LOOK)
    call("plot", index, "-o", tmp_path / "map.html")
    call("add", index, upload, "--label", "bag")
    call("remove", index, f"bag/{next((train / 'bag').iterdir()).name}")
    call("info", index)
    call("verify", index)
    call("repair", index)
    call("compact", index)
    call("export", index, "-o", tmp_path / "items.npz")
    call("push", index, f"milvus://{tmp_path}/there.db/bags")
    np.save(tmp_path / "vectors.npy", np.eye(4, dtype=np.float32))
    call("import", tmp_path / "vectors.npy", "-o", tmp_path / "own")
    call("encoders")
    call("doctor")
    assert done == set(VERBS) - {"train", "serve"}
    serve = [run.python, str(COMMAND), "serve", str(index), "--port", "0"]  # type: ignore[attr-defined]
    with subprocess.Popen(serve, stderr=subprocess.PIPE, text=True) as server:
        assert server.stderr is not None
        told = server.stderr.readline()
        server.terminate()
    assert told.startswith("Listening on http://127.0.0.1:")


@pytest.mark.parametrize(
    "encoder", ["efficientnet-lite0", "chain:pca+lda", "concat:pca,pixels", "lda"]
)
def test_encoders_that_need_no_torch(run: Run, small: Path, tmp_path: Path, encoder: str) -> None:
    index = tmp_path / "index"
    run("build", small / "train", "-o", index, "--encoder", encoder)
    told = run("evaluate", index, small / "test", "-k", "1")
    assert told[0]["measures"]["precision@1"] > 0.8


def test_a_trained_network(run: Run, sample: Path, small: Path, tmp_path: Path) -> None:
    quick = {"preset": "fast", "width": 4, "epochs": 1, "size": (28, 28), "color": "grey"}
    library.train(sample / "test", tmp_path / "model", **quick)
    index = tmp_path / "index"
    run("build", small / "train", "-o", index, "--model", tmp_path / "model")
    assert len(run("query", index, next((small / "test" / "bag").iterdir()), "-k", "3")) == 1


def test_what_needs_it_says_what_to_install(run: Run, small: Path, tmp_path: Path) -> None:
    for arguments, extra in (
        (("train", small / "train", "-o", tmp_path / "model"), "torch"),
        (("build", small / "train", "-o", tmp_path / "i", "--encoder", "siamese"), "torch"),
        (("build", small / "train", "-o", tmp_path / "i", *of("torchvision:resnet18")), "torch"),
        (("build", small / "train", "-o", tmp_path / "i", *of("timm:resnet18")), "timm"),
        (("build", small / "train", "-o", tmp_path / "i", *of("openclip:RN50")), "openclip"),
    ):
        assert f"pip install 'vecsearch[{extra}]'" in run(*arguments, code=1)
        assert not (tmp_path / "i").exists()
    status = {line["name"]: line["status"] for line in run("encoders")}
    assert status["efficientnet-lite0"] == "ok"
    assert "pip install 'vecsearch[timm]'" in status["timm:NETWORK"]


def of(encoder: str) -> tuple[str, ...]:
    return "--encoder", encoder, "--weights", "DEFAULT"
