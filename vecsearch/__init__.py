"""vecsearch turns a folder of images into a search engine.

Example:
    >>> import vecsearch
    >>> photos = vecsearch.Collection.build("tests/data/photos", tmp / "index")
    >>> photos.query_one("tests/data/photos/cat/alpha.png", k=1)[0].item.label
    'cat'
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vecsearch.amend import Changes
    from vecsearch.classification import (
        Centroids,
        Classifier,
        Prediction,
        Rejection,
        classify,
        knn_vote,
    )
    from vecsearch.classification.estimators import CentroidClassifier, KNNClassifier
    from vecsearch.client import Client, ServerError
    from vecsearch.clustering import (
        Assigner,
        Assignment,
        Choice,
        ClusterSummary,
        agreement,
        assign_clusters,
        choose_k,
        cluster,
        cluster_members,
        cluster_vectors,
        describe_clustering,
        draw_choice,
        forget_clustering,
        keep_clustering,
        silhouette,
        summarize_clusters,
        write_clusters,
    )
    from vecsearch.collection import Collection
    from vecsearch.demo import run_demo
    from vecsearch.distributed.push import Pushed, push
    from vecsearch.doctor import diagnose
    from vecsearch.duplicates import (
        Duplicates,
        Group,
        Member,
        Outcome,
        Suggestion,
        apply_duplicates,
        draw_histogram,
        find_duplicates,
        sharpness,
        suggest_threshold,
    )
    from vecsearch.encoders import (
        Encoder,
        Trainable,
        describe_encoders,
        make_encoder,
        open_encoder,
    )
    from vecsearch.encoders.siamese import SiameseEncoder
    from vecsearch.encoders.simple import SimpleEncoder
    from vecsearch.errors import (
        CollectionExists,
        CollectionLocked,
        CollectionNotFound,
        CollectionReplaced,
        DamagedCollection,
        ImageError,
        IncompleteAnswer,
        InvalidArgument,
        MissingPackage,
        NewerFormat,
        NotFitted,
        StoreError,
        VecsearchError,
    )
    from vecsearch.evaluation import (
        Audit,
        Calibration,
        Classification,
        ClassScores,
        Comparison,
        Difference,
        Evaluation,
        Figure,
        Labelled,
        Suspect,
        Twins,
        calibrate,
        compare,
        draw_calibration,
        evaluate,
        evaluate_vectors,
        measure_names,
        write_report,
    )
    from vecsearch.images import Preprocess
    from vecsearch.importing import import_vectors
    from vecsearch.index.gpu import use_device
    from vecsearch.labelling import relabel
    from vecsearch.projection import (
        Plot,
        Projection,
        draw_map,
        plot,
        project,
        project_vectors,
        write_map,
    )
    from vecsearch.recommendation import recommend, recommend_for_each
    from vecsearch.rescue import repair, verify
    from vecsearch.store import Damage, Repair, Verification
    from vecsearch.training.settings import TrainSettings
    from vecsearch.training.trainer import train
    from vecsearch.tuning import Measured, Tuning, draw_tuning, tune
    from vecsearch.types import Clustering, Hit, Item, Metric, Skipped
    from vecsearch.where import Condition, parse_condition

# Where each public name lives. They are imported when first used, so that `import vecsearch`
# brings neither FAISS nor scikit-learn.
_HOMES = {
    "amend": "Changes",
    "classification": "Centroids Classifier Prediction Rejection classify knn_vote",
    "classification.estimators": "CentroidClassifier KNNClassifier",
    "client": "Client ServerError",
    "clustering": "Assigner Assignment Choice ClusterSummary agreement assign_clusters choose_k "
    "cluster cluster_members cluster_vectors describe_clustering draw_choice forget_clustering "
    "keep_clustering silhouette summarize_clusters write_clusters",
    "collection": "Collection",
    "demo": "run_demo",
    "distributed.push": "Pushed push",
    "doctor": "diagnose",
    "duplicates": "Duplicates Group Member Outcome Suggestion apply_duplicates draw_histogram "
    "find_duplicates sharpness suggest_threshold",
    "encoders": "Encoder Trainable describe_encoders make_encoder open_encoder",
    "encoders.siamese": "SiameseEncoder",
    "encoders.simple": "SimpleEncoder",
    "errors": "CollectionExists CollectionLocked CollectionNotFound CollectionReplaced "
    "DamagedCollection ImageError IncompleteAnswer InvalidArgument MissingPackage NewerFormat "
    "NotFitted StoreError VecsearchError",
    "evaluation": "Audit Calibration ClassScores Classification Comparison Difference Evaluation "
    "Figure Labelled Suspect Twins calibrate compare draw_calibration evaluate evaluate_vectors "
    "measure_names write_report",
    "images": "Preprocess",
    "importing": "import_vectors",
    "index.gpu": "use_device",
    "labelling": "relabel",
    "projection": "Plot Projection draw_map plot project project_vectors write_map",
    "recommendation": "recommend recommend_for_each",
    "rescue": "repair verify",
    "store": "Damage Repair Verification",
    "training.settings": "TrainSettings",
    "training.trainer": "train",
    "tuning": "Measured Tuning draw_tuning tune",
    "types": "Clustering Hit Item Metric Skipped",
    "where": "Condition parse_condition",
}
_HOME_OF = {name: f"vecsearch.{home}" for home, names in _HOMES.items() for name in names.split()}

__all__ = [
    "Assigner",
    "Assignment",
    "Audit",
    "Calibration",
    "CentroidClassifier",
    "Centroids",
    "Changes",
    "Choice",
    "ClassScores",
    "Classification",
    "Classifier",
    "Client",
    "ClusterSummary",
    "Clustering",
    "Collection",
    "CollectionExists",
    "CollectionLocked",
    "CollectionNotFound",
    "CollectionReplaced",
    "Comparison",
    "Condition",
    "Damage",
    "DamagedCollection",
    "Difference",
    "Duplicates",
    "Encoder",
    "Evaluation",
    "Figure",
    "Group",
    "Hit",
    "ImageError",
    "IncompleteAnswer",
    "InvalidArgument",
    "Item",
    "KNNClassifier",
    "Labelled",
    "Measured",
    "Member",
    "Metric",
    "MissingPackage",
    "NewerFormat",
    "NotFitted",
    "Outcome",
    "Plot",
    "Prediction",
    "Preprocess",
    "Projection",
    "Pushed",
    "Rejection",
    "Repair",
    "ServerError",
    "SiameseEncoder",
    "SimpleEncoder",
    "Skipped",
    "StoreError",
    "Suggestion",
    "Suspect",
    "TrainSettings",
    "Trainable",
    "Tuning",
    "Twins",
    "VecsearchError",
    "Verification",
    "agreement",
    "apply_duplicates",
    "assign_clusters",
    "calibrate",
    "choose_k",
    "classify",
    "cluster",
    "cluster_members",
    "cluster_vectors",
    "compare",
    "describe_clustering",
    "describe_encoders",
    "diagnose",
    "draw_calibration",
    "draw_choice",
    "draw_histogram",
    "draw_map",
    "draw_tuning",
    "evaluate",
    "evaluate_vectors",
    "find_duplicates",
    "forget_clustering",
    "import_vectors",
    "keep_clustering",
    "knn_vote",
    "make_encoder",
    "measure_names",
    "open_encoder",
    "parse_condition",
    "plot",
    "project",
    "project_vectors",
    "push",
    "recommend",
    "recommend_for_each",
    "relabel",
    "repair",
    "run_demo",
    "sharpness",
    "silhouette",
    "suggest_threshold",
    "summarize_clusters",
    "train",
    "tune",
    "use_device",
    "verify",
    "write_clusters",
    "write_map",
    "write_report",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("vecsearch")
    if name not in _HOME_OF:
        raise AttributeError(f"module 'vecsearch' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME_OF[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
