"""Find from how far on something is a stranger, and how well that can be told."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from vecsearch.classification import Center, Method, Rejection, Rule, Weights
from vecsearch.collection import Collection
from vecsearch.encoders import has_learned, unfitted
from vecsearch.encoders.base import check_seed
from vecsearch.errors import LABEL_THEM, InvalidArgument
from vecsearch.evaluation.asking import Labelled, checked, gallery_of, queries_of, with_labels
from vecsearch.evaluation.intervals import ENDS, REPLICATES
from vecsearch.evaluation.openset import Curve
from vecsearch.evaluation.refitting import Refitted, can_refit
from vecsearch.evaluation.trial import Answers, Trial, ask, strangers_left_out
from vecsearch.index import as_metric
from vecsearch.keeping import keep_calibration
from vecsearch.types import JSON, Distances, Metric, Progress, Rows, Skipped, Vectors

FMRS = (0.01, 0.001)
FPIRS = (0.01, 0.1)
# More queries than these say little more, and take long to compare.
MOST_QUERIES = 10_000
ROC_POINTS = 200
# A threshold lies this much nearer than the stranger it shall refuse, for the sake of rounding.
MARGIN = 1e-6


@dataclass(frozen=True)
class Figure:
    """A figure with the interval in which 95 of 100 bootstrap samples lie."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Calibration:
    """What a calibration found.

    Attributes:
        rejection: The thresholds, as they were stored.
        figures: By name, each with its 95 % interval, from labels that were resampled as wholes.
            Of single comparisons, a query with a class: ``eer``, the equal error rate;
            ``fnmr@fmr=0.01`` and ``fnmr@fmr=0.001``, how many right ones are refused where so
            many wrong ones are accepted. Of queries: ``auroc``, how well the distance tells known
            from strangers; ``dir@fpir=0.01`` and ``dir@fpir=0.1``, how many known are accepted
            and rightly named where so many strangers are accepted; ``oscr``, the area under that
            curve. At the thresholds that were stored: ``far``, strangers accepted; ``frr``, known
            refused; ``dir``, known accepted and rightly named.
        roc: How many wrong and right comparisons are accepted, ``fmr`` and ``tmr``, up to some
            distances, ``threshold``.
        known: How far known queries are from the class that they are nearest to, ``(n,)``.
        strangers: How far strangers are, ``(m,)``.
        left_out: Whether the strangers are items of the collection, asked of other classes.
        flattered: Whether these are vectors of an encoder that may have learned from them, since
            to fit it anew takes long: then real strangers come nearer than these.
        known_learned: Whether the known queries are items that the encoder may have learned from:
            then real ones are farther off, and more of them are refused.
        unlabelled: Queries without a label, left out.
        skipped: Query files that could not be read.
    """

    rejection: Rejection
    figures: Mapping[str, Figure]
    roc: Mapping[str, Sequence[float]]
    known: Distances
    strangers: Distances
    left_out: bool
    flattered: bool
    known_learned: bool
    unlabelled: int
    skipped: Sequence[Skipped]

    def to_json(self) -> dict[str, JSON]:
        """As plain values."""
        return {
            **self.rejection.to_json(),
            "figures": {name: asdict(figure) for name, figure in self.figures.items()},
            "roc": {name: list(values) for name, values in self.roc.items()},
            "left_out": self.left_out,
            "flattered": self.flattered,
            "known_learned": self.known_learned,
            "unlabelled": self.unlabelled,
            "skipped": len(self.skipped),
        }


def calibrate(
    collection: Collection,
    queries: str | Path | None = None,
    *,
    far: float = 0.01,
    method: Method = "knn",
    k: int = 5,
    weights: Weights = "uniform",
    centroids: int = 1,
    center: Center = "mean",
    metric: Metric | str | None = None,
    labels: str | Path = "folder",
    jobs: int | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> Calibration:
    """Find the distance from which on something is a stranger, and store it in the collection.

    Strangers are the queries with labels that the collection has not got. If there are none, the
    items of the collection take their part, each asked of items of other classes; and if the
    encoder has learned from the items, one that was fitted to items of other classes encodes them.
    Without queries, known ones are the items of the collection too, each asked about the others.

    The threshold is such that another picture of strangers like these is accepted with a
    probability of ``far`` at most (split conformal prediction: Vovk, Gammerman and Shafer, 2005):
    it lies below the j-th nearest of m strangers, j = ⌊far (m + 1)⌋. A class that enough strangers
    were taken for has a threshold of its own. What becomes of people who are new, the announced
    interval says.

    Args:
        collection: What is known.
        queries: A folder of labelled images, some of them strangers.
        far: The share of strangers that may be taken for somebody.
        method: ``knn`` or ``centroid``: this and what follows as for ``Classifier``.
        k: How many neighbours vote.
        weights: What their votes count.
        centroids: How many a class has.
        center: What they are.
        metric: Another metric than the collection's own.
        labels: How the queries are labelled: ``folder``, or a CSV file with path and label.
        jobs: How many processes decode the queries.
        seed: For whom is asked where they are very many, for the folds, and for the bootstrap.
        progress: Called as the work goes on.

    Raises:
        InvalidArgument: A value makes no sense, there are no queries of known classes, or too few
            strangers for so small a share.
        CollectionLocked: Another process is writing to the collection.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> vectors = np.repeat(np.eye(3), 40, axis=0) + 0.1 * rng.normal(size=(120, 3))
        >>> books = Collection.from_vectors(vectors, labels=sorted(["crime", "love", "war"] * 40))
        >>> found = calibrate(books, far=0.05)
        >>> 0.3 < found.rejection.threshold < 1.4  # between what scatters and what is another genre
        True
    """
    check_seed(seed)
    gallery = gallery_of(collection)
    asked = gallery
    skipped: Sequence[Skipped] = ()
    if queries is not None:
        asked, _, skipped = queries_of(collection, gallery, queries, labels, jobs, progress)
    encoder = collection.encoder if collection.encoder_name else None
    encode, asking = None, encoder
    if encoder is not None and can_refit(encoder):
        asking = unfitted(encoder)  # what it knows before it is fitted without the strangers
        encode = Refitted(collection, with_labels(gallery), seed, jobs, progress).encode
    found = calibrate_vectors(
        gallery,
        asked,
        far=far,
        rule=Rule(method, k, weights, centroids, center),
        metric=collection.metric if metric is None else metric,
        encode=encode,
        seed=seed,
        progress=progress,
    )
    keep_calibration(collection.path, method, found.rejection.to_json(), collection.fingerprint)
    collection.refresh()
    learned = encoder is not None and has_learned(encoder)
    return replace(
        found,
        flattered=found.left_out and asking is not None and has_learned(asking),
        known_learned=learned and not set(gallery.ids).isdisjoint(asked.ids),
        skipped=skipped,
    )


def calibrate_vectors(
    gallery: Labelled,
    queries: Labelled,
    *,
    far: float = 0.01,
    rule: Rule | None = None,
    metric: Metric | str = Metric.EUCLIDEAN,
    encode: Callable[[NDArray[np.bool_]], Vectors] | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> Calibration:
    """Calibrate by labelled vectors. Nothing is stored; as ``calibrate`` otherwise.

    Args:
        gallery: What is known.
        queries: What is asked. One with the id of a gallery item is asked about the others.
        far: The share of strangers that may be taken for somebody.
        rule: How a class is decided.
        metric: How to compare.
        encode: What makes vectors of all labelled gallery items, given which of them an encoder
            may learn from; None if it has learned from none.
        seed: For whom is asked where they are very many, for the folds, and for the bootstrap.
        progress: Called as the work goes on.
    """
    if not 0 < far < 1:
        raise InvalidArgument(f"The share of strangers accepted lies between 0 and 1, not {far}.")
    wanted, chosen = as_metric(metric), rule or Rule()
    gallery = checked(gallery)
    queries = checked(queries, gallery.vectors.shape[1])
    known, asked = with_labels(gallery), with_labels(queries)
    if not known.ids or not asked.ids:
        empty = "gallery" if not known.ids else "queries"
        raise InvalidArgument(f"Nothing in the {empty} has a label: {LABEL_THEM}.")
    rng = np.random.default_rng(seed)
    trial = ask(known, _sampled(asked, known, rng), chosen, wanted, seed, progress)
    if not len(trial.known.distances):
        raise InvalidArgument(
            "No query is of a class that another item of the collection has, so nobody can be "
            "recognised."
        )
    left_out = not len(trial.strangers.distances)
    if left_out:
        taken = strangers_left_out(known, chosen, wanted, rng, encode, MOST_QUERIES, progress)
        free = trial.known.groups.max() + 1  # so that the groups of the two are told apart
        trial = replace(trial, strangers=replace(taken, groups=free + taken.groups))
    strangers, count = trial.strangers, len(trial.names)
    if far * (len(strangers.distances) + 1) < 1:
        raise InvalidArgument(
            f"{len(strangers.distances)} strangers cannot tell whether fewer than {far:g} of them "
            f"are accepted: bring {math.ceil(1 / far) - 1} or more, or accept more (--far)."
        )
    limits = _limits(strangers, count, far)
    rejection = Rejection(
        method=chosen.method,
        metric=wanted,
        settings=chosen.settings,
        far=far,
        threshold=float(limits[-1]),
        per_class={
            name: float(limit)
            for name, limit in zip(trial.names, limits[:-1], strict=True)
            if limit != limits[-1]
        },
        interval=_announced(strangers, count, far, rng),
        known=len(trial.known.distances),
        strangers=len(strangers.distances),
        groups=len(np.unique(strangers.groups)),
    )
    return Calibration(
        rejection=rejection,
        figures=_figures(trial, limits, rng),
        roc=_roc(trial),
        known=trial.known.distances,
        strangers=strangers.distances,
        left_out=left_out,
        flattered=False,
        known_learned=False,
        unlabelled=len(queries.ids) - len(with_labels(queries).ids),
        skipped=(),
    )


def _sampled(asked: Labelled, known: Labelled, rng: Generator) -> Labelled:
    """Queries of known classes and strangers, 10,000 of each at most."""
    classes = set(known.labels)
    is_known = np.array([label in classes for label in asked.labels], np.bool_)
    chosen = []
    for rows in (np.flatnonzero(is_known), np.flatnonzero(~is_known)):
        few = len(rows) <= MOST_QUERIES
        chosen.append(rows if few else rng.choice(rows, MOST_QUERIES, replace=False))
    return asked.part(np.sort(np.concatenate(chosen)).tolist())


def _limits(strangers: Answers, classes: int, far: float) -> NDArray[np.float64]:
    """The threshold of each class, and behind them that of all others, ``(classes + 1,)``.

    Each group of classes has a threshold by the strangers that were taken for it (Mondrian
    conformal prediction): classes with enough of them alone, the others together. If these have
    too few, all classes are one group, so that no stranger counts twice.
    """
    counts = np.bincount(strangers.taken_for, minlength=classes)
    alone = far * (counts + 1) >= 1
    rest = ~alone[strangers.taken_for]
    if far * (np.count_nonzero(rest) + 1) < 1 and not alone.all():
        return np.full(classes + 1, _limit(strangers.distances, far))
    limits = np.full(classes + 1, -1.0)
    limits[classes] = _limit(strangers.distances[rest if rest.any() else slice(None)], far)
    limits[:classes][~alone] = limits[classes]
    order = np.lexsort((strangers.distances, strangers.taken_for))
    apart, codes = strangers.distances[order], strangers.taken_for[order]
    for code in np.flatnonzero(alone):
        first, last = np.searchsorted(codes, [code, code + 1])
        limits[code] = _limit(apart[first:last], far)
    return limits


def _limit(distances: Distances, far: float) -> float:
    """Just nearer than the j-th nearest of m, j = ⌊far (m + 1)⌋; nothing is nearer than −1."""
    # Not 28.999999999999996 where 29 is meant.
    count = min(len(distances), math.floor(far * (len(distances) + 1) + 1e-9))
    if count < 1:
        return -1.0
    first = float(np.partition(distances, count - 1)[count - 1])
    return first * (1 - MARGIN) if first > 0 else -1.0


def _accepted(answers: Answers, limits: NDArray[np.float64]) -> NDArray[np.bool_]:
    accepted: NDArray[np.bool_] = answers.distances <= limits[answers.taken_for]
    return accepted


def _announced(strangers: Answers, classes: int, far: float, rng: Generator) -> tuple[float, float]:
    """What share of other strangers is accepted, in 95 of 100 trials: the wider of two intervals.

    Thresholds are found by strangers whose labels were drawn with replacement, and tried on those
    that were not drawn: the out-of-bag bootstrap (Efron and Tibshirani, 1997). Of few labels it is
    too narrow, since the nearest stranger of all is among those that were seen. So there is also
    what holds of a conformal threshold (Vovk, 2012): the share is of a beta distribution, here of
    as many strangers as there are labels, as if the images of each were all alike.
    """
    from scipy.stats import beta

    order = np.argsort(strangers.groups, kind="stable")
    firsts = np.unique(strangers.groups[order], return_index=True)[1]
    members = np.split(order, firsts[1:])
    shares = []
    for _ in range(REPLICATES):
        drawn = rng.integers(0, len(members), len(members))
        others = np.setdiff1d(np.arange(len(members)), drawn)
        if len(others):
            limits = _limits(_part(strangers, members, drawn), classes, far)
            shares.append(float(_accepted(_part(strangers, members, others), limits).mean()))
    low, high = np.quantile(shares or [0, 1], ENDS)
    count = max(1.0, far * (len(members) + 1))
    least, most = beta.ppf(ENDS, count, len(members) + 1 - count)
    return float(min(low, least)), float(max(high, most))


def _part(answers: Answers, members: Sequence[Rows], groups: Rows) -> Answers:
    return answers.part(np.concatenate([members[group] for group in groups]))


def _figures(trial: Trial, limits: NDArray[np.float64], rng: Generator) -> dict[str, Figure]:
    known, strangers = trial.known, trial.strangers
    accepted = _accepted(known, limits), _accepted(strangers, limits)
    pairs = None
    if len(trial.genuine.distances) and len(trial.impostor.distances):
        pairs = Curve(trial.genuine.distances, trial.impostor.distances)
    told = Curve(known.distances, strangers.distances)
    named = Curve(known.distances, strangers.distances, known.right)

    def measured(weight: NDArray[np.float64]) -> dict[str, float]:
        of_known, of_strangers = weight[known.groups], weight[strangers.groups]
        found = {}
        if pairs is not None:
            pairs.reweighted(weight[trial.genuine.groups], weight[trial.impostor.groups])
            found["eer"] = pairs.equal_error_rate()
            found |= {f"fnmr@fmr={rate:g}": pairs.missed_at(rate) for rate in FMRS}
        told.reweighted(of_known, of_strangers)
        named.reweighted(of_known, of_strangers)
        return {
            **found,
            "auroc": told.auroc(),
            **{f"dir@fpir={rate:g}": 1 - named.missed_at(rate) for rate in FPIRS},
            "oscr": named.oscr(),
            "far": float(np.average(accepted[1], weights=of_strangers)),
            "frr": float(np.average(~accepted[0], weights=of_known)),
            "dir": float(np.average(accepted[0] & known.right, weights=of_known)),
        }

    kinds = [np.unique(answers.groups) for answers in (known, strangers)]
    count = 1 + int(max(kind.max() for kind in kinds))
    samples: dict[str, list[float]] = {}
    for _ in range(REPLICATES):
        drawn = np.concatenate([rng.choice(kind, len(kind)) for kind in kinds])
        for name, value in measured(np.bincount(drawn, minlength=count).astype(float)).items():
            samples.setdefault(name, []).append(value)
    return {
        name: Figure(value, *(float(end) for end in np.quantile(samples[name], ENDS)))
        for name, value in measured(np.ones(count)).items()
    }


def _roc(trial: Trial) -> dict[str, list[float]]:
    if not len(trial.genuine.distances) or not len(trial.impostor.distances):
        return {}
    curve = Curve(trial.genuine.distances, trial.impostor.distances)
    fmr, tmr = curve.false_accepts, curve.accepts
    # Where one of the rates has gone up by a hundredth, so that the curve can be drawn.
    steps = np.floor(fmr * ROC_POINTS / 2) + np.floor(tmr * ROC_POINTS / 2)
    kept = np.unique(np.concatenate([[0], np.flatnonzero(np.diff(steps)) + 1, [len(fmr) - 1]]))
    return {
        "fmr": fmr[kept].tolist(),
        "tmr": tmr[kept].tolist(),
        "threshold": curve.thresholds[kept].tolist(),
    }
