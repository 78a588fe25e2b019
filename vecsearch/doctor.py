"""What is installed here, and whether it works."""

import importlib.metadata
import os
import platform
import re
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

from vecsearch.encoders import encoder_class, encoder_entries, lacking
from vecsearch.errors import VecsearchError
from vecsearch.index import faiss_facts, selftest
from vecsearch.types import JSON

# Of no use to who only runs it.
FOR_DEVELOPERS = ("all", "dev", "docs", "release")
REQUIREMENT = re.compile(r"(?P<name>[\w.-]+)[^;]*(?:;.*extra == ['\"](?P<extra>\w+)['\"])?")
OPENMP = re.compile(r"lib(gomp|iomp5|omp)\b")


def diagnose() -> dict[str, JSON]:
    """Look at the installation.

    Returns:
        Versions, processor, GPU, OpenMP libraries, extras and encoders, the outcome of a comparison
        of FAISS with NumPy, and ``problems``: a sentence for each thing that is wrong.

    Example:
        >>> diagnose()["encoders"]["pca"]
        'ok'
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
        problems.append(
            f"FAISS and NumPy disagree about distances: {test['largest_difference']}. Install "
            "faiss-cpu anew, and report it if that does not help."
        )
    openmp = _openmp()
    if clash := clash_of(openmp):
        problems.append(clash)
    packages = _packages()
    gpu = None
    try:
        gpu = _gpu()
    except (ImportError, OSError) as error:  # as of a library that it lacks
        problems.append(f"torch is installed, and cannot be imported: {error}")
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processors": os.cpu_count(),
        "cpu": _cpu(),
        "gpu": gpu,
        "faiss": faiss_facts(),
        "packages": {"vecsearch": _version("vecsearch"), **packages.pop("")},
        "extras": dict(packages),
        "encoders": encoders,
        "openmp": [f"{library} of {package}" for package, library in openmp],
        "selftest": test,
        "problems": problems,
    }


def _packages() -> dict[str, dict[str, JSON]]:
    """The version of each package that is wanted, by extra; the core's by the empty name."""
    found: dict[str, dict[str, JSON]] = {"": {}}
    for line in importlib.metadata.requires("vecsearch") or ():
        match = REQUIREMENT.match(line)
        if match and match["name"] != "vecsearch" and match["extra"] not in FOR_DEVELOPERS:
            found.setdefault(match["extra"] or "", {})[match["name"]] = _version(match["name"])
    return found


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _cpu() -> list[JSON]:
    """The instruction sets that NumPy has found, as X86_V3, which is AVX2."""
    import numpy as np

    config: Any = np.show_config(mode="dicts")
    found = config["SIMD Extensions"]
    return [*found.get("baseline", ()), *found.get("found", ())]


def _gpu() -> str | None:
    """What networks of torch run on beside the processor; None without torch, or without one."""
    if find_spec("torch") is None:
        return None
    import torch

    if torch.cuda.is_available():
        return str(torch.cuda.get_device_name())
    return "mps" if torch.backends.mps.is_available() else None


def _openmp() -> list[tuple[str, str]]:
    """The packages that bring an OpenMP library, and its kind: libgomp, libiomp5 or libomp.

    They are looked for among files: where two of them clash, to load both may end the process.
    """
    found = set()
    for package in importlib.metadata.distributions():
        for file in package.files or ():
            if match := OPENMP.match(file.name):
                found.add((package.metadata["Name"], match[0]))
    return sorted(found)


def clash_of(openmp: Sequence[tuple[str, str]]) -> str:
    """A sentence, if OpenMP libraries may crash or slow down each other; else nothing.

    Several copies of GNU's get along. Intel's and LLVM's are one library by two names, which
    refuses to be loaded twice.

    Args:
        openmp: Packages, and what each brings.

    Example:
        >>> clash_of([("faiss-cpu", "libgomp"), ("torch", "libgomp")])
        ''
        >>> clash_of([("faiss-cpu", "libomp"), ("torch", "libomp")])[:39]
        '2 OpenMP libraries may clash (libomp of'
    """
    others = [library for _, library in openmp if library != "libgomp"]
    if not others or len(openmp) == 1:
        return ""
    brought = ", ".join(f"{library} of {package}" for package, library in openmp)
    return (
        f"{len(openmp)} OpenMP libraries may clash ({brought}). If it crashes: install torch, "
        "FAISS and scikit-learn from one source, or set OMP_NUM_THREADS=1."
    )
