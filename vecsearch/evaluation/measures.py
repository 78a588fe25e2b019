"""Measures of ranked answers: pure functions, one value a query.

All take ``relevance``, ``(n, depth)`` bool: whether the answer at each rank is relevant, best
first; and, where it matters how many relevant items the whole gallery has, ``total``, ``(n,)`` int.
A query for which nothing is relevant gets 0; whether it counts is for the caller to say.

Names and definitions are those of trec_eval (NIST) unless another source is named.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Relevance = NDArray[np.bool_]
Totals = NDArray[np.int64]
Values = NDArray[np.float64]


def precision_at(relevance: Relevance, k: int) -> Values:
    """The fraction of the first k answers that are relevant. trec_eval: ``P_k``.

    Example:
        >>> precision_at(np.array([[True, False, True]]), 2)
        array([0.5])
    """
    found: Values = relevance[:, :k].sum(axis=1) / k
    return found


def recall_at(relevance: Relevance, total: Totals, k: int) -> Values:
    """The fraction of all relevant items that are among the first k. trec_eval: ``recall_k``.

    This is the true recall; whether any relevant item is there is ``hit_at``.

    Example:
        >>> recall_at(np.array([[True, False, True]]), np.array([4]), 3)
        array([0.5])
    """
    return ratio(relevance[:, :k].sum(axis=1), total)


def hit_at(relevance: Relevance, k: int) -> Values:
    """1 if any of the first k answers is relevant, else 0. trec_eval: ``success_k``.

    Papers on metric learning call its mean "Recall@k".
    """
    found: Values = (relevance[:, :k].sum(axis=1) > 0).astype(np.float64)
    return found


def average_precision(relevance: Relevance, total: Totals) -> Values:
    """The mean of the precision at the rank of each relevant item. trec_eval: ``map``.

    A relevant item that was not retrieved counts with precision 0.

    Example:
        >>> average_precision(np.array([[True, False, True]]), np.array([2]))
        array([0.83333333])
    """
    return ratio((_running_precision(relevance) * relevance).sum(axis=1), total)


def map_at_r(relevance: Relevance, total: Totals) -> Values:
    """Average precision over the first R answers, R being the number of relevant items.

    Musgrave, Belongie and Lim, A Metric Learning Reality Check, 2020, equation 2.
    """
    first = relevance[:, : int(total.max(initial=0))]
    counted = first & (np.arange(first.shape[1]) < total[:, None])
    return ratio((_running_precision(first) * counted).sum(axis=1), total)


def r_precision(relevance: Relevance, total: Totals) -> Values:
    """The precision at R, R being the number of relevant items. trec_eval: ``Rprec``."""
    first = relevance[:, : int(total.max(initial=0))]
    counted = first & (np.arange(first.shape[1]) < total[:, None])
    return ratio(counted.sum(axis=1), total)


def reciprocal_rank(relevance: Relevance) -> Values:
    """1 / the rank of the first relevant answer, 0 if there is none. trec_eval: ``recip_rank``.

    Example:
        >>> reciprocal_rank(np.array([[False, True, True]]))
        array([0.5])
    """
    if relevance.shape[1] == 0:
        return np.zeros(len(relevance))
    first = relevance.argmax(axis=1)
    found: Values = relevance.any(axis=1) / (first + 1.0)
    return found


def ndcg_at(relevance: Relevance, total: Totals, k: int) -> Values:
    """Discounted cumulative gain of the first k, as a fraction of the best possible.

    The gain is 1 for a relevant answer, the discount 1 / log2(rank + 1): Järvelin and Kekäläinen,
    Cumulated Gain-based Evaluation of IR Techniques, 2002. trec_eval: ``ndcg_cut_k``.
    """
    depth = min(k, relevance.shape[1])
    k = min(k, max(depth, int(total.max(initial=0))))
    discounts = 1 / np.log2(np.arange(2, k + 2))
    gained = relevance[:, :depth] @ discounts[:depth]
    best = np.concatenate([[0.0], np.cumsum(discounts)])[np.minimum(total, k)]
    return ratio(gained, best)


def graded_ndcg_at(gains: Values, best: Values, k: int) -> Values:
    """``ndcg_at`` where an answer gains more than another. trec_eval: ``ndcg_cut_k``.

    Args:
        gains: What the answer at each rank gains, ``(n, depth)``.
        best: The largest gains of the whole gallery, descending, ``(n, up to k, or more)``.
        k: How many answers count.

    Example:
        >>> graded_ndcg_at(np.array([[0.0, 2.0]]), np.array([[2.0, 1.0]]), 1)
        array([0.])
    """
    depth, most = (min(k, one.shape[1]) for one in (gains, best))
    discounts = 1 / np.log2(np.arange(2, max(depth, most) + 2))
    return ratio(gains[:, :depth] @ discounts[:depth], best[:, :most] @ discounts[:most])


def _running_precision(relevance: Relevance) -> Values:
    ranks = np.arange(1, relevance.shape[1] + 1)
    precision: Values = relevance.cumsum(axis=1, dtype=np.int32) / ranks
    return precision


def ratio(part: NDArray[Any], whole: NDArray[Any]) -> Values:
    """``part / whole``, 0 where ``whole`` is 0."""
    result = np.zeros(len(part))
    np.divide(part, whole, out=result, where=whole > 0)
    return result
