"""What augmentation does to images, each kind by images on which it can be seen."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from vecsearch.training.augment import CROP, ERASED_AREA, augmentation  # noqa: E402

COUNT, SIDE = 400, 28


def changed(names: tuple[str, ...], images: "torch.Tensor", seed: int = 0) -> "torch.Tensor":
    found = augmentation(names)(images, torch.Generator().manual_seed(seed))
    assert found.shape == images.shape
    assert 0 <= found.min() <= found.max() <= 1
    return found


@pytest.fixture
def ramps() -> "torch.Tensor":
    """Images of which each pixel tells by its value where it lies: across, and down."""
    across = torch.arange(SIDE).float().div(SIDE).expand(SIDE, SIDE)
    return torch.stack([across, across.T])[None].repeat(COUNT, 1, 1, 1)


def test_nothing_is_done_where_nothing_is_named(ramps: "torch.Tensor") -> None:
    assert torch.equal(changed((), ramps), ramps)


@pytest.mark.parametrize("name", ["flip", "shift", "crop", "colour", "erase"])
def test_the_same_seed_does_the_same(ramps: "torch.Tensor", name: str) -> None:
    first = changed((name,), ramps)
    assert torch.equal(first, changed((name,), ramps))
    assert not torch.equal(first, changed((name,), ramps, seed=1))


def test_half_are_mirrored_and_the_others_as_they_were(ramps: "torch.Tensor") -> None:
    found = changed(("flip",), ramps)
    as_before = (found == ramps).all((1, 2, 3))
    mirrored = (found == ramps.flip(3)).all((1, 2, 3))
    assert (as_before ^ mirrored).all()
    assert 0.4 < mirrored.float().mean() < 0.6


def test_a_shift_is_of_two_pixels_at_most_and_repeats_the_edge(ramps: "torch.Tensor") -> None:
    found = (changed(("shift",), ramps) * SIDE).round().long()
    moves = set()
    for across, down in found.numpy():
        far = int(across[10, 10]) - 10, int(down[10, 10]) - 10
        moves.add(far)
        wanted = np.clip(np.arange(SIDE) + far[0], 0, SIDE - 1)
        np.testing.assert_array_equal(across, np.tile(wanted, (SIDE, 1)))
        wanted = np.clip(np.arange(SIDE) + far[1], 0, SIDE - 1)
        np.testing.assert_array_equal(down, np.tile(wanted, (SIDE, 1)).T)
    assert moves == {(right, lower) for right in range(-2, 3) for lower in range(-2, 3)}


def test_a_crop_keeps_the_share_that_it_may(ramps: "torch.Tensor") -> None:
    found = changed(("crop",), ramps)
    # How fast the ramps rise in the middle tells how wide and how high the part is.
    wide = (found[:, 0, :, 20] - found[:, 0, :, 8]).mean(1) / (12 / SIDE)
    high = (found[:, 1, 20, :] - found[:, 1, 8, :]).mean(1) / (12 / SIDE)
    areas = wide * high
    assert areas.min() > CROP[0] - 0.02
    assert areas.max() < CROP[1] + 0.02
    assert areas.max() - areas.min() > 0.3
    assert (wide / high).log().abs().max() < np.log(4 / 3) + 0.02


def test_half_lose_one_rectangle_to_noise() -> None:
    images = torch.full((COUNT, 3, SIDE, SIDE), 0.5)
    gone = (changed(("erase",), images) != 0.5).any(1).numpy()
    hit = gone.any((1, 2))
    assert 0.4 < hit.mean() < 0.6
    for one in gone[hit]:
        rows, columns = np.flatnonzero(one.any(1)), np.flatnonzero(one.any(0))
        assert one[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].all()
    areas = gone[hit].mean((1, 2))
    assert areas.min() > ERASED_AREA[0] / 2
    assert areas.max() < ERASED_AREA[1] + 0.05


@pytest.mark.parametrize("most", [0.3, 0.6])
def test_brightness_changes_by_its_share(most: float) -> None:
    grey = torch.full((500, 1, 4, 4), 0.5)
    found = augmentation(("colour",), colour=most)(grey, torch.Generator().manual_seed(0))
    apart = (found.mean((1, 2, 3)) / 0.5 - 1).abs().max().item()
    assert 0.95 * most < apart <= most + 1e-6


def test_contrast_and_saturation_change() -> None:
    half = torch.full((COUNT, 3, 4, 4), 0.5)
    half[:, :, :2] = 0.3
    found = changed(("colour",), half)
    contrast = (found[:, 0, 3, 0] - found[:, 0, 0, 0]) / found.mean((1, 2, 3)) / (0.2 / 0.4)
    assert 0.69 < contrast.min() < 0.75
    assert 1.25 < contrast.max() < 1.31
    tinted = torch.full((COUNT, 3, 4, 4), 0.5)
    tinted[:, 0] = 0.6
    found = changed(("colour",), tinted)
    apart = found[:, 0] - found[:, 1]
    assert apart.std() > 0.01
    assert (found[:, 1] == found[:, 2]).all()
