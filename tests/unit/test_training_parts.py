"""The parts of a training that need no network: sampler, split, schedule, figures, settings."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vecsearch.errors import InvalidArgument
from vecsearch.training.choice import is_kept, is_stuck
from vecsearch.training.data import coded
from vecsearch.training.sampler import batches, group_size
from vecsearch.training.schedule import Plan, rate_at
from vecsearch.training.settings import TrainSettings
from vecsearch.training.split import hold_out
from vecsearch.training.validation import pair_accuracy, validate
from vecsearch.types import JSON

# The same examples each time, however long one takes.
steady = settings(deadline=None, derandomize=True)
CODES = st.lists(st.integers(0, 30), min_size=2, max_size=300).map(np.array)


@steady
@given(CODES, st.integers(2, 64), st.sampled_from([1, 2, 4]), st.integers(0, 5))
def test_sampler_shows_each_image_once(
    codes: np.ndarray, batch: int, group: int, seed: int
) -> None:
    parts = list(batches(codes, batch, group, np.random.default_rng(seed)))
    rows = np.concatenate(parts)
    times = np.bincount(rows, minlength=len(codes))
    alone = np.bincount(codes)[codes] == 1
    np.testing.assert_array_equal(times, np.where(alone & (group > 1), 2, 1))
    sizes = {len(part) for part in parts}
    assert max(sizes) - min(sizes) <= 1
    assert min(sizes) >= min(batch, len(rows))
    again = list(batches(codes, batch, group, np.random.default_rng(seed)))
    assert [part.tolist() for part in again] == [part.tolist() for part in parts]


@steady
@given(CODES, st.sampled_from([2, 4]))
def test_sampler_leaves_nobody_alone(codes: np.ndarray, group: int) -> None:
    """In one sequence, every image stands beside another of its class."""
    rows = np.concatenate(list(batches(codes, 1 << 20, group, np.random.default_rng(0))))
    found = np.concatenate([[-1], codes[rows], [-1]])
    beside = (found[1:-1] == found[:-2]) | (found[1:-1] == found[2:])
    assert beside.all()


@pytest.mark.parametrize(("classes", "each"), [(10_000, 2), (2, 10_000), (300, 7)])
def test_sampler_at_its_ends(classes: int, each: int) -> None:
    codes = np.repeat(np.arange(classes), each)
    group = group_size(codes, 256)
    parts = list(batches(codes, 256, group, np.random.default_rng(0)))
    with_partner = [(np.bincount(codes[part])[codes[part]] > 1).mean() for part in parts]
    assert np.mean(with_partner) > 0.98
    assert sum(map(len, parts)) == classes * each


@pytest.mark.parametrize(("large", "few"), [((5, 10_000), (5, 2)), ((8, 2000), (2, 5))])
def test_rare_classes_among_large_ones_find_partners(
    large: tuple[int, int], few: tuple[int, int]
) -> None:
    codes = np.repeat(np.arange(large[0] + few[0]), [large[1]] * large[0] + [few[1]] * few[0])
    parts = batches(codes, 256, group_size(codes, 256), np.random.default_rng(0))
    rare = [part[codes[part] >= large[0]] for part in parts]
    alone = [np.bincount(codes[part])[codes[part]] == 1 for part in rare]
    assert not np.concatenate(alone).any()


@steady
@given(CODES, st.floats(0.01, 0.9), st.integers(0, 3))
def test_split(codes: np.ndarray, share: float, seed: int) -> None:
    split = hold_out(codes, share, seed)
    assert sorted([*split.train, *split.held]) == list(range(len(codes)))
    learned, held = set(codes[split.train].tolist()), set(codes[split.held].tolist())
    if split.whole_classes:
        assert not learned & held
        assert len(held) >= 2
    else:
        assert held <= learned
        for code in held:
            assert (codes[split.train] == code).sum() >= 4


def test_split_of_many_small_classes() -> None:
    split = hold_out(np.repeat(np.arange(100), 2), 0.1, 0)
    assert split.whole_classes
    assert len(split.held) == 20
    assert len(hold_out(np.repeat(np.arange(5), 2), 0.1, 0).held) == 0
    mostly_alone = np.concatenate([np.repeat(np.arange(20), 10), np.arange(20, 620)])
    assert len(hold_out(mostly_alone, 0.1, 0).held) == 20
    mostly_small = np.concatenate([np.repeat(np.arange(999), 2), np.full(6, 999)])
    assert hold_out(mostly_small, 0.1, 0).whole_classes
    assert len(hold_out(np.repeat(np.arange(10_000), 6), 0.1, 0).held) == 3000
    assert len(hold_out(np.arange(2000) % 10, 0.0, 0).held) == 0
    assert len(hold_out(np.arange(200_000) % 10, 0.5, 0).held) == 3000


@pytest.mark.parametrize("seed", range(20))
def test_no_large_class_is_held_out_whole(seed: int) -> None:
    codes = np.concatenate([np.repeat(np.arange(3000), 2), np.full(5900, 3000)])
    split = hold_out(codes, 0.1, seed)
    assert split.whole_classes
    assert 2 <= len(split.held) <= 3000
    assert 3000 not in codes[split.held]


def test_rate_goes_up_and_down() -> None:
    rates = [rate_at(step / 100) for step in range(101)]
    assert (rates[0], max(rates), rates[100]) == (0, 1, 0)
    assert rates.index(1) == 20


def test_plan_without_a_budget() -> None:
    plan = Plan(4)
    seen = []
    while not plan.finished:
        seen += [plan.within(0), plan.within(0.5)]
        plan.advance(100)
    assert seen == [0, 0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875]
    assert (plan.done, plan.progress, plan.spent, plan.seen) == (4, 1, 400, 4)


def test_plan_knows_that_easy_images_are_left_out() -> None:
    plan = Plan(1, 110)
    plan.fit(30)
    plan.advance(30, work=0.5)
    assert (plan.epoch_seconds, plan.left) == (30, pytest.approx(70 / 15))
    plan.advance(15, work=0.7)
    assert (plan.epoch_seconds, plan.left) == (30, pytest.approx(55 / 21))
    while not plan.finished:
        plan.advance(plan.share * 21, work=0.7)
    assert (plan.done, plan.progress) == (5, 1)
    assert plan.spent == pytest.approx(100)


def test_plan_fills_its_budget() -> None:
    plan = Plan(1, 110)
    plan.fit(30)
    assert plan.left == pytest.approx(100 / 30)
    assert plan.epochs == 4
    while not plan.finished:
        share = plan.share
        plan.advance(share * 30)
    assert share == pytest.approx(1 / 3)
    assert (plan.done, plan.progress) == (4, 1)
    assert plan.spent == pytest.approx(100)


@steady
@given(st.floats(50, 5000), st.lists(st.floats(10, 30), min_size=1, max_size=500))
def test_plan_keeps_to_its_budget(budget: float, times: list[float]) -> None:
    """Whatever epochs take, the rate comes down to 0 at about the time that was set."""
    plan = Plan(1, budget)
    plan.fit(times[0])
    while not plan.finished:
        before = plan.progress
        plan.advance(plan.share * times[plan.done % len(times)])
        assert before < plan.progress <= 1
    if plan.done > 1:
        assert plan.progress > 0.45
        assert plan.spent <= budget + 3 * 30


@steady
@given(st.floats(1, 30), st.floats(0, 20), st.floats(1, 1000))
def test_plan_counts_the_measuring(epoch: float, apart: float, budget: float) -> None:
    """After part of an epoch, too, all held-out images are measured."""
    plan = Plan(1, budget, apart=apart)
    plan.fit(epoch)
    while not plan.finished:
        plan.advance(plan.share * epoch + apart, apart)
    assert plan.spent <= max(budget - min(10, budget / 4), 0.1 * epoch + apart) + 1e-6


@steady
@given(st.floats(1, 300), st.floats(60, 5000), st.floats(0.1, 1))
def test_plan_does_not_reckon_with_epochs_of_the_head_alone(
    epoch: float, budget: float, quick: float
) -> None:
    """They take a part of the time of those to come."""
    plan = Plan(1, budget)
    plan.fit(epoch)
    while not plan.finished:
        frozen = plan.done < 0.1 * plan.epochs and plan.epochs > 1
        plan.advance(plan.share * epoch * (quick if frozen else 1), whole=not frozen)
    assert plan.spent <= max(budget, 0.1 * epoch) + 1e-6
    assert plan.progress > 0.85


def test_plan_counts_the_writing_of_checkpoints() -> None:
    plan = Plan(1, budget=200)
    plan.fit(10)
    while not plan.finished:
        plan.advance(plan.share * 10)
        plan.wrote(5)
    # The first plan knows of none, and the last is only known once it is over.
    assert 190 - 15 <= plan.spent <= 195


def test_plan_has_no_more_epochs_than_were_asked_for() -> None:
    plan = Plan(1, budget=1000, most=3)
    plan.fit(10)
    while not plan.finished:
        plan.advance(10)
    assert plan.done == 3


def told(*worths: float) -> list[dict[str, JSON]]:
    return [{"knn_accuracy": worth, "recall_at_1": worth} for worth in worths]


def test_patience_ends_where_nothing_gets_better() -> None:
    rise = [0.8, 0.9, 0.95]
    assert not is_stuck(told(*rise), 5)
    assert not is_stuck(told(*rise, *[0.95] * 4), 5)
    assert is_stuck(told(*rise, *[0.95] * 5), 5)
    assert is_stuck(told(*rise, *np.linspace(0.9499, 0.949, 5).tolist()), 5)
    assert not is_stuck(told(*rise, *[0.95] * 50), 0)
    losses: list[dict[str, JSON]] = [{"held_out_loss": loss} for loss in (0.3, 0.2, 0.2, 0.25)]
    assert is_stuck(losses, 2)
    assert not is_stuck(losses, 3)
    assert not is_stuck([{"epoch": number} for number in range(9)], 1)  # nothing is held out


def test_the_epoch_that_is_kept() -> None:
    assert is_kept(told(0.8), 200)
    assert is_kept(told(0.8, 0.95, 0.945), 200)  # the later of two that cannot be told apart
    assert not is_kept(told(0.8, 0.95, 0.9), 200)
    assert not is_kept([{"held_out_loss": 0.2}, {"held_out_loss": 0.20001}], 200)
    assert is_kept([{"epoch": 1}, {"epoch": 2}], 0)


def test_figures_by_hand() -> None:
    gallery = np.array([[0, 0], [0, 1], [10, 0], [10, 1]], np.float32)
    held = np.array([[0, 0.1], [10, 0.1], [5.1, 0]], np.float32)
    figures = validate(gallery, np.array([0, 0, 1, 1]), held, np.array([0, 1, 0]), False, 0)
    assert figures.recall_at_1 == pytest.approx(2 / 3)
    assert figures.knn_accuracy == pytest.approx(1 / 3 * 2)
    alone = validate(gallery[:0], np.array([], int), gallery, np.array([0, 0, 1, 1]), True, 0)
    assert (alone.recall_at_1, alone.pair_accuracy) == (1, 1)


def test_pairs_that_are_equally_far_apart_are_not_told_apart() -> None:
    codes = np.arange(100) % 2
    assert pair_accuracy(np.zeros((100, 8), np.float32), codes, 0) == 0.5


def test_pair_accuracy() -> None:
    codes = np.arange(1000) % 2
    rng = np.random.default_rng(0)
    apart = np.column_stack([codes, np.zeros(1000)]).astype(np.float32)
    assert pair_accuracy(apart, codes, 0) == 1
    noise = rng.standard_normal((1000, 4)).astype(np.float32)
    assert pair_accuracy(noise, codes, 0) == pytest.approx(0.5, abs=0.02)
    assert pair_accuracy(noise[:3], np.arange(3), 0) is None
    others = apart[:50], codes[:50]
    assert pair_accuracy(apart[:2], codes[:2], 0, others) == 1
    assert pair_accuracy(apart[:2], codes[:2], 0, (apart[:0], codes[:0])) is None


def test_where_no_two_of_a_class_are_held_out_pairs_are_with_what_is_searched() -> None:
    codes = np.repeat(np.arange(40), 10)  # of each 40 people ten photos
    split = hold_out(codes, 0.1, 0)
    assert np.bincount(codes[split.held]).tolist() == [1] * 40
    vectors = np.column_stack([codes, np.zeros(400)]).astype(np.float32)
    held, train = vectors[split.held], vectors[split.train]
    figures = validate(train, codes[split.train], held, codes[split.held], False, 0)
    assert figures.pair_accuracy == 1


def test_labels() -> None:
    names, codes = coded(["b", None, "a", "b"], needed=False)
    assert (names, codes.tolist()) == (["a", "b"], [1, -1, 0, 1])
    with pytest.raises(InvalidArgument, match="only the label 'a'"):
        coded(["a", "a"], needed=True)
    with pytest.raises(InvalidArgument, match=r"no labels: .*; --objective simclr"):
        coded([None], needed=True)
    with pytest.raises(InvalidArgument, match="one image alone"):
        coded([None], needed=False)


@pytest.mark.parametrize(
    ("given_", "said"),
    [
        ({"preset": "quick"}, "'quick' is no preset; there are: fast, default, thorough, best"),
        ({"loss": "l2"}, "'l2' is no loss"),
        ({"objective": "x"}, "no objective"),
        ({"epochs": 0}, "The epochs is from 1"),
        ({"batch": 1}, "The batch is from 2"),
        ({"rate": -1.0}, "The rate is from 0"),
        ({"holdout": 1.0}, "The holdout is from 0 to 0.9"),
        ({"augment": "flip,spin"}, "'spin' is no augmentation"),
        ({"augment": "auto,flip"}, "'auto' is no augmentation"),
        ({"objective": "simclr", "augment": "none"}, "it needs augmentation"),
        ({"objective": "simclr", "loss": "pairs"}, "'simclr' has a loss of its own"),
        ({"backbone": "resnet18", "width": 8}, "'resnet18' has a width of its own"),
        ({"objective": "autoencoder", "mirrored": True}, "not it and its mirror image"),
        ({"epochs": "3"}, "The epochs is int | None, not '3'"),
        ({"batch": 20.5}, "The batch is int, not 20.5"),
        ({"weights": "x.pth"}, "a backbone of torchvision, as resnet18, not 'small'"),
        ({"size": 3}, "Training takes no size; it takes: augment"),
    ],
)
def test_settings_that_cannot_be(given_: dict[str, object], said: str) -> None:
    with pytest.raises(InvalidArgument, match=re.escape(said)):
        TrainSettings.of(**given_)  # type: ignore[arg-type]


def test_a_classifier_learns_at_a_rate_of_its_own() -> None:
    settings = TrainSettings.of("best", objective="classifier")
    assert settings.rate == 0.05
    assert TrainSettings.of(**settings.to_json()) == settings  # type: ignore[arg-type]
    assert TrainSettings.of(objective="classifier", rate=0.1).rate == 0.1
    assert TrainSettings.of().rate == 0.2


@pytest.mark.parametrize(
    ("given_", "mirrored"),
    [
        ({}, True),
        ({"augment": "auto"}, True),
        ({"augment": "crop, flip"}, True),
        ({"augment": "shift,erase"}, False),
        ({"augment": "none"}, False),
        ({"augment": "none", "mirrored": True}, True),
        ({"objective": "autoencoder"}, False),
    ],
)
def test_what_is_not_mirrored_in_training_is_not_mirrored_after_it(
    given_: dict[str, object], mirrored: bool
) -> None:
    assert TrainSettings.of("best", **given_).mirrored == mirrored  # type: ignore[arg-type]


def test_settings_as_plain_values() -> None:
    for given_ in (
        {},
        {"preset": "fast"},
        {"preset": "best", "loss": "triplet", "epochs": 3},
        {"backbone": "resnet18", "batch": 256},
        {"objective": "classifier", "rate": 0.2},
        {"preset": "best", "augment": "none"},
        {"preset": "best", "augment": "none", "mirrored": True},
        {"preset": "best", "objective": "autoencoder"},
        {"objective": "simclr"},
        {"objective": "simclr", "width": 24},
    ):
        settings = TrainSettings.of(**given_)  # type: ignore[arg-type]
        assert TrainSettings.of(**settings.to_json()) == settings  # type: ignore[arg-type]
        assert settings.to_json() == {"preset": "default", **given_}
