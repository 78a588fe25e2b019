"""Find groups among the items: k-means and hierarchical clustering."""

from vecsearch.clustering.assigning import Assigner, Assignment, assign_clusters
from vecsearch.clustering.choosing import Choice, choose_k
from vecsearch.clustering.hierarchy import Linkage
from vecsearch.clustering.keeping import forget_clustering, keep_clustering
from vecsearch.clustering.plots import draw_choice
from vecsearch.clustering.quality import agreement, silhouette
from vecsearch.clustering.summary import (
    ClusterSummary,
    cluster_members,
    describe_clustering,
    labels_of,
    summarize_clusters,
)
from vecsearch.clustering.table import check_table, cluster_rows, write_clusters
from vecsearch.clustering.task import Method, check_plan, cluster, cluster_vectors
from vecsearch.index import Step, lloyd_steps
from vecsearch.types import Clustering

__all__ = [
    "Assigner",
    "Assignment",
    "Choice",
    "ClusterSummary",
    "Clustering",
    "Linkage",
    "Method",
    "Step",
    "agreement",
    "assign_clusters",
    "check_plan",
    "check_table",
    "choose_k",
    "cluster",
    "cluster_members",
    "cluster_rows",
    "cluster_vectors",
    "describe_clustering",
    "draw_choice",
    "forget_clustering",
    "keep_clustering",
    "labels_of",
    "lloyd_steps",
    "silhouette",
    "summarize_clusters",
    "write_clusters",
]
