"""Our own networks in ONNX's format: the same vectors as under torch, and the same bytes again."""

from itertools import product
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
onnx = pytest.importorskip("onnx")

from vecsearch.encoders.export import to_onnx  # noqa: E402
from vecsearch.encoders.network import Architecture, Network  # noqa: E402
from vecsearch.encoders.runtimes import run_onnx  # noqa: E402


def network(seed: int, **architecture: Any) -> Network:
    """One with weights, means and variances that are none of those it begins with."""
    torch.manual_seed(seed)
    made = Network(Architecture(width=4, dim=8, **architecture)).eval()
    for name, value in made.state_dict().items():
        if name.endswith("running_var") or name == "std":
            value.copy_(torch.rand_like(value) + 0.5)
        elif value.is_floating_point():
            value.copy_(0.3 * torch.randn_like(value))
    return made


@pytest.mark.parametrize(
    ("backbone", "mirrored", "unit", "channels"),
    list(product(("small", "conv3"), (False, True), (False, True), (1, 3))),
)
@pytest.mark.parametrize("size", [(28, 28), (31, 17)])
def test_the_same_vectors(
    backbone: str, mirrored: bool, unit: bool, channels: int, size: tuple[int, int]
) -> None:
    made = network(0, backbone=backbone, mirrored=mirrored, unit=unit, channels=channels)
    written = to_onnx(made, *size)
    onnx.checker.check_model(onnx.load_from_string(written), full_check=True)
    images = np.random.default_rng(0).integers(0, 256, (9, *size, channels), np.uint8)
    with torch.inference_mode():
        wanted = made(torch.from_numpy(images)).numpy()
    for many in (False, True):
        found = run_onnx(written)(images, many)
        np.testing.assert_allclose(found, wanted, atol=2e-6 * np.abs(wanted).max())


def test_the_same_bytes_again() -> None:
    written = [to_onnx(network(seed, backbone="small"), 28, 28) for seed in (0, 0, 1)]
    assert written[0] == written[1] != written[2]
