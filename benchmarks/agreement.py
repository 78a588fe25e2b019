"""Whether we say of all of Fashion-MNIST what scikit-learn says: 10,000 images, 60,000 known.

    python benchmarks/agreement.py FOLDER

FOLDER is what benchmarks/fashion_mnist.py export wrote. Of PCA-32 vectors: the predictions of
KNeighborsClassifier, by plain and by weighted votes, and of NearestCentroid, the classification
report and the confusion matrix. Where classes have equally many votes, scikit-learn takes the
first of them, and we the nearer one: such queries are counted apart.
"""

import sys
from pathlib import Path

import numpy as np
from evaluation_speed import vectors
from sklearn.metrics import classification_report, confusion_matrix
from sklearn.neighbors import KNeighborsClassifier, NearestCentroid

from vecsearch import CentroidClassifier, KNNClassifier
from vecsearch.evaluation.tables import classification


def main(folder: Path) -> None:
    given = vectors(folder, 10_000, 60_000)
    gallery, codes, queries, true = (
        given[name] for name in ("gallery", "gallery_codes", "queries", "query_codes")
    )
    wide = gallery.astype(np.float64), queries.astype(np.float64)
    for weights in ("uniform", "distance"):
        theirs = KNeighborsClassifier(5, weights=weights).fit(wide[0], codes)
        said = theirs.predict(wide[1])
        votes = np.sort(theirs.predict_proba(wide[1]), axis=1)
        tied = votes[:, -1] - votes[:, -2] < 1e-9
        ours = KNNClassifier(5, weights=weights).fit(gallery, codes).predict(queries)
        differ = ours != said
        print(
            f"5 neighbours, {weights:8}: {np.sum(differ & ~tied)} of {np.sum(~tied):,} differ; "
            f"of {np.sum(tied)} ties {np.sum(differ & tied)} are settled otherwise; right: ours "
            f"{np.mean(ours == true):.4f}, theirs {np.mean(said == true):.4f}"
        )
    said = NearestCentroid().fit(wide[0], codes).predict(wide[1])
    ours = CentroidClassifier().fit(gallery, codes).predict(queries)
    print(f"nearest centroid: {np.sum(ours != said)} of {len(said):,} differ")
    names = [str(code) for code in true], [str(code) for code in ours]
    table = classification(*names)
    report = classification_report(*names, output_dict=True, zero_division=0)
    apart = max(
        abs(getattr(table.per_class[name], ours_of) - report[name][theirs_of])
        for name in table.labels
        for ours_of, theirs_of in (
            ("precision", "precision"),
            ("recall", "recall"),
            ("f1", "f1-score"),
        )
    )
    same = np.array_equal(table.confusion, confusion_matrix(*names))
    print(f"report: apart by {apart:.0e} at most; confusion matrix the same: {same}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
