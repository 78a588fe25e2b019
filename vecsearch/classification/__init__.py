"""Say what something is by what lies near it: k nearest neighbours and nearest centroid."""

from vecsearch.classification.centroids import Center, Centroids
from vecsearch.classification.rejection import Rejection
from vecsearch.classification.task import Classifier, Method, Prediction, Rule, classify
from vecsearch.classification.votes import Weights, knn_vote

__all__ = [
    "Center",
    "Centroids",
    "Classifier",
    "Method",
    "Prediction",
    "Rejection",
    "Rule",
    "Weights",
    "classify",
    "knn_vote",
]
