"""What is installed here, and whether it works."""

import importlib.metadata
import os
import platform

from vecsearch.encoders import encoder_class, encoder_entries, lacking
from vecsearch.errors import VecsearchError
from vecsearch.index import faiss_facts, selftest
from vecsearch.types import JSON

CORE = (
    "vecsearch numpy faiss-cpu pillow click scikit-learn scipy safetensors filelock loky rich"
).split()
EXTRAS = {
    "torch": ("torch", "torchvision"),
    "onnx": ("onnxruntime",),
    "plot": ("matplotlib", "jinja2"),
    "web": ("uvicorn",),
}


def diagnose() -> dict[str, JSON]:
    """Look at the installation.

    Returns:
        Versions, processor, OpenMP libraries, extras and encoders, the outcome of a comparison of
        FAISS with NumPy, and ``problems``: a sentence for each thing that is wrong.
    """
    problems: list[JSON] = []
    encoders: dict[str, JSON] = {}
    entries = encoder_entries()
    for name in sorted({entry.name for entry in entries}):
        try:
            encoders[name] = lacking(encoder_class(name)) or "ok"
        except VecsearchError as error:
            encoders[name] = str(error)
            problems.append(str(error))
    test = selftest()
    if not test["ok"]:
        problems.append(f"FAISS and NumPy disagree about distances: {test['largest_difference']}.")
    openmp = _openmp()
    if len(openmp) > 1:
        problems.append(
            f"{len(openmp)} different OpenMP libraries are loaded ({', '.join(openmp)}): this may "
            "crash or slow down. Install torch, FAISS and scikit-learn from one source."
        )
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processors": os.cpu_count(),
        "faiss": faiss_facts(),
        "packages": {name: _version(name) for name in CORE},
        "extras": {
            extra: {name: _version(name) for name in names} for extra, names in EXTRAS.items()
        },
        "encoders": encoders,
        "openmp": list(openmp),
        "selftest": test,
        "problems": problems,
    }


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _openmp() -> list[str]:
    """The OpenMP runtimes in this process, one entry a kind: gomp, iomp or omp."""
    import sklearn.cluster  # noqa: F401  (brings the OpenMP that scikit-learn uses)
    import threadpoolctl

    found = {
        library["prefix"]
        for library in threadpoolctl.threadpool_info()
        if library["user_api"] == "openmp"
    }
    return sorted(found)
