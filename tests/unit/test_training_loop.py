"""The parts of a training that are networks and steps."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from vecsearch.encoders.devices import quickest  # noqa: E402
from vecsearch.encoders.network import Architecture, Network  # noqa: E402
from vecsearch.errors import InvalidArgument  # noqa: E402
from vecsearch.training import beginning  # noqa: E402
from vecsearch.training.beginning import new_network, statistics, suited_settings  # noqa: E402
from vecsearch.training.device import device_of, is_reduced  # noqa: E402
from vecsearch.training.loop import Loop  # noqa: E402
from vecsearch.training.objectives import objective_of  # noqa: E402
from vecsearch.training.pruning import Pruning  # noqa: E402
from vecsearch.training.schedule import Plan  # noqa: E402
from vecsearch.training.settings import TrainSettings  # noqa: E402


def loop_of(count: int, plan: Plan, **settings: Any) -> Loop:
    """A small network before its training on grey noise of three classes."""
    wanted = TrainSettings.of(**{"width": 4, "precision": "float32", **settings})
    torch.manual_seed(0)
    network = Network(Architecture("small", dim=4, width=4, channels=1))
    objective = objective_of(wanted, (1, 16, 16), 3, 4, count)
    images = np.random.default_rng(0).integers(0, 256, (count, 16, 16, 1), np.uint8)
    return Loop(network, objective, images, np.arange(count) % 3, wanted, plan, 0)


def state_of(*parts: Any) -> list["torch.Tensor"]:
    return [value.clone() for part in parts for value in part.state_dict().values()]


def test_even_a_single_step_learns_something() -> None:
    loop = loop_of(12, Plan(1))
    before = state_of(loop.network.head, loop.network.backbone)
    steps: list[tuple[int, int]] = []
    loop.epoch(np.arange(12), lambda done, of: steps.append((done, of)))
    assert steps == [(1, 1)]
    after = state_of(loop.network.head, loop.network.backbone)
    weights = [(a, b) for a, b in zip(before, after, strict=True) if a.ndim > 1]
    assert all(not torch.equal(one, other) for one, other in weights)


def test_what_is_held_out_is_measured_in_batches_of_all_kinds() -> None:
    """As it lies in folders, a batch would be of one kind, and harder than what is learned from."""
    loop = loop_of(90, Plan(1), objective="simclr", batch=30)
    loop.codes = np.repeat([0, 1, 2], 30)
    seen: list[set[int]] = []
    losses = loop._losses

    def watched(rows: Any, generator: Any) -> Any:
        seen.append(set(loop.codes[rows].tolist()))
        return losses(rows, generator)

    loop._losses = watched  # type: ignore[method-assign]
    assert loop.loss_of(np.arange(90)) == loop.loss_of(np.arange(90)) > 0
    assert len(seen) > 2
    assert all(kinds == {0, 1, 2} for kinds in seen)


def test_what_was_unfrozen_stays_so() -> None:
    """A plan that has grown by quick epochs has another tenth."""
    loop = loop_of(12, Plan(100))
    loop.settings = replace(loop.settings, backbone="resnet18", weights="known.pth")
    loop.plan.done, loop.plan.left = 10, 90
    assert loop.frozen is False
    loop.plan.done, loop.plan.left = 10, 103
    assert loop.frozen is True
    loop.plan.timed = 1.0
    assert loop.frozen is False


def test_smaller_batches_take_smaller_steps() -> None:
    """Whether they are asked for, or there are few images."""
    for given in ({}, {"batch": 16}):
        loop = loop_of(400, Plan(1), **given)
        rates: list[float] = []
        set_rates = loop._set_rates

        def watched(rate: float, to: Any = set_rates, seen: list[float] = rates) -> None:
            seen.append(rate)
            to(rate)

        loop._set_rates = watched  # type: ignore[method-assign]
        loop.epoch(np.arange(400), lambda *_: None)
        assert max(rates) == pytest.approx(0.2 * 16 / 256, rel=0.05)
    assert TrainSettings.of(backbone="resnet18", batch=8).rate_for(8) == pytest.approx(0.05 / 8)
    assert TrainSettings.of(batch=1024).rate_for(1024) == 0.2


def test_a_step_of_a_classifier_is_only_so_long() -> None:
    """Its embeddings may be of any length: a few steps on long ones made it diverge."""
    lengths = []
    for max_norm in (5.0, math.inf):
        loop = loop_of(12, Plan(1), objective="classifier", decay=0.0)
        assert loop.objective.max_norm == 5
        loop.objective.max_norm = max_norm
        with torch.no_grad():
            loop.objective.last.weight *= 1e4
        weights = [*loop.network.parameters(), *loop.objective.parameters()]
        before = [weight.detach().clone() for weight in weights]
        loop.epoch(np.arange(12), lambda *_: None)
        steps = [weight.detach() - was for weight, was in zip(weights, before, strict=True)]
        lengths.append(float(torch.cat([step.flatten() for step in steps]).double().norm()))
    # Nesterov's first step is 1 + 0.9 times the rate times the gradient.
    assert lengths[0] == pytest.approx(1.9 * loop.optimizer.param_groups[0]["lr"] * 5, rel=0.01)
    assert lengths[1] > 100 * lengths[0]


def test_easy_images_are_left_out_and_others_count_for_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("vecsearch.training.pruning.FEW_IMAGES", 100)
    pruning, rows = Pruning(120, 0.5), np.arange(20, 120)
    rng = np.random.default_rng(0)
    assert pruning.chosen(rows, rng).tolist() == rows.tolist()  # nothing is known of them
    assert pruning.work(rows) == 1
    losses = torch.from_numpy(rng.exponential(size=100))
    assert torch.equal(pruning.weighed(rows, losses), losses)
    easy = losses.numpy() < losses.numpy().mean()
    assert pruning.work(rows) == pytest.approx(1 - 0.5 * easy.mean())
    counts, total = np.zeros(120), 0.0
    for _ in range(2000):
        kept = pruning.chosen(rows, rng)
        counts[kept] += 1
        total += float(pruning.weighed(kept, losses[kept - 20]).sum())
    assert (counts[:20] == 0).all()
    assert (counts[20:][~easy] == 2000).all()
    assert np.abs(counts[20:][easy] / 2000 - 0.5).max() < 0.05  # 4.5 standard deviations
    assert total / 2000 == pytest.approx(float(losses.sum()), rel=0.02)
    few = rows[:99]
    assert pruning.chosen(few, rng).tolist() == few.tolist()
    assert pruning.work(few) == 1
    pruning.forget()
    assert len(pruning.chosen(rows, rng)) == 100


@pytest.mark.parametrize(
    ("given", "pruned"),
    [
        ({}, True),
        ({"objective": "classifier"}, True),
        ({"prune": 0.0}, False),
        ({"preset": "thorough"}, True),
        ({"preset": "best"}, False),
        ({"loss": "supcon"}, False),
        ({"objective": "simclr"}, False),
        ({"objective": "autoencoder"}, False),
    ],
)
def test_which_trainings_leave_out_what_is_easy(
    given: dict[str, Any], pruned: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vecsearch.training.pruning.FEW_IMAGES", 100)
    loop = loop_of(120, Plan(3), batch=20, **given)
    for of in (6, None):
        steps: list[tuple[int, int]] = []
        loop.epoch(np.arange(120), lambda *step, to=steps: to.append(step))
        assert (len(steps) < 6) == (pruned and of is None)
        loop.plan.advance(1)


def test_what_is_told_of_an_epoch_is_the_loss_of_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else it would go up once easy images are left out."""
    monkeypatch.setattr("vecsearch.training.pruning.FEW_IMAGES", 100)
    loop = loop_of(3000, Plan(3), batch=200, rate=0.0, average=0.0)
    first, second = (loop.epoch(np.arange(3000), lambda *_: None) for _ in range(2))
    assert second == pytest.approx(first, rel=0.05)


@pytest.mark.parametrize("objective", ["siamese", "autoencoder"])
def test_steps_that_are_tried_leave_nothing_behind(objective: str) -> None:
    loop = loop_of(60, Plan(1), objective=objective, batch=20)
    before = state_of(loop.network, loop.objective)
    assert loop.seconds_of_epoch(np.arange(60), most=10) > 0
    for one, other in zip(before, state_of(loop.network, loop.objective), strict=True):
        assert torch.equal(one, other)
    assert loop.steps == 0


@pytest.mark.parametrize(("count", "looked_at"), [(7, 7), (200, 200), (350, 175), (1000, 200)])
def test_mean_and_spread_of_pixels(count: int, looked_at: int) -> None:
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (count, 6, 5, 3), np.uint8)
    pixels[:, :, :, 1] //= 3
    mean, std = statistics(pixels, np.arange(count))
    chosen = pixels[:: -(-count // 200)]
    assert len(chosen) == looked_at  # of all of them, also of the last
    np.testing.assert_allclose(mean, chosen.mean((0, 1, 2)) / 255, rtol=1e-12)
    np.testing.assert_allclose(std, chosen.std((0, 1, 2)) / 255, rtol=1e-12)
    assert statistics(np.full((3, 4, 4, 1), 200, np.uint8), np.arange(3))[1] == [0]


def test_a_network_too_large_to_be_exported_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(beginning, "MOST_BYTES", 10_000)
    with pytest.raises(InvalidArgument, match=r"'small' has 0\.\d GB of weights, and 0\.0 go into"):
        new_network(TrainSettings.of(), 32, (28, 28, 1), 0)


@pytest.mark.parametrize(
    ("there", "auto"),
    [((), "cpu"), (("mps",), "mps"), (("cuda",), "cuda"), (("mps", "cuda"), "cuda")],
)
def test_devices(there: tuple[str, ...], auto: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: "cuda" in there)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: "mps" in there)
    assert quickest() == auto
    assert device_of("auto") == torch.device(auto)
    for name in ("cpu", "cuda", "mps"):
        if name in {"cpu", *there}:
            assert device_of(name) == torch.device(name)
        else:
            with pytest.raises(InvalidArgument, match=f"There is no {name} here"):
                device_of(name)


def test_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    cpu, cuda, mps = (torch.device(name) for name in ("cpu", "cuda", "mps"))
    for device in (cpu, cuda, mps):
        assert is_reduced("bfloat16", device)
        assert not is_reduced("float32", device)
    for able in (True, False):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda able=able: {"amx_bf16": able})
        monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda able=able, **_: able)
        assert is_reduced("auto", cpu) == able
        assert is_reduced("auto", cuda) == able
        assert not is_reduced("auto", mps)


@pytest.mark.parametrize(
    ("given", "quick_at_bfloat16", "preset", "width"),
    [
        ({}, True, "thorough", 32),
        ({}, False, "default", 24),
        ({"precision": "float32"}, True, "default", 24),
        ({"precision": "bfloat16"}, True, "thorough", 32),
        ({"precision": "bfloat16"}, False, "default", 24),
        ({"preset": None, "width": 8}, True, "thorough", 8),
        ({"preset": "default"}, True, "default", 24),
        ({"preset": "best"}, True, "best", 64),
        ({"objective": "simclr"}, False, "default", 16),
        ({"objective": "simclr", "precision": "bfloat16"}, True, "thorough", 16),
        ({"objective": "simclr", "width": 24}, False, "default", 24),
        ({"objective": "simclr", "preset": "best"}, True, "best", 64),
    ],
)
def test_without_a_preset_a_training_is_what_half_an_hour_is_good_for(
    given: dict[str, Any],
    quick_at_bfloat16: bool,
    preset: str,
    width: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": quick_at_bfloat16})
    settings = suited_settings(**{"device": "cpu", **given})
    assert (settings.preset, settings.width) == (preset, width)
    assert TrainSettings.of(**settings.to_json()) == settings  # type: ignore[arg-type]


def test_no_preset_suits_a_device_that_is_not_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(InvalidArgument, match="There is no cuda here"):
        suited_settings(device="cuda")
