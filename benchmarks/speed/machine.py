"""The machine that figures were measured on, and the versions of what was measured.

python benchmarks/speed/machine.py
"""

import json
import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = ("vecsearch", "faiss-cpu", "numpy", "pillow", "scikit-learn", "onnxruntime")


def machine() -> dict[str, object]:
    """Processor, cores, memory and versions, as plain values."""
    release = platform.release().split(".")
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gb": round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e9, 1),
        "system": " ".join([platform.system(), ".".join(release[:2])]),
        "python": platform.python_version(),
        "versions": {name: found for name in PACKAGES if (found := _version(name))},
    }


def told(facts: dict) -> str:
    """The same in a sentence."""
    versions = ", ".join(f"{name} {number}" for name, number in facts["versions"].items())
    return (
        f"{facts['cores']} cores of {facts['processor']}, {facts['memory_gb']} GB of memory, "
        f"{facts['system']}, Python {facts['python']}; {versions}."
    )


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    flags = next((line for line in lines if line.startswith("flags")), "")
    wide = next((name for name in ("avx512f", "avx2") if name in flags.split()), "")
    return f"{names[0] if names else platform.processor()}{f' ({wide})' if wide else ''}"


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


if __name__ == "__main__":
    print(json.dumps(machine(), indent=2))
