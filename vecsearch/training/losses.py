"""How a batch of embeddings is measured against its labels, by name."""

import torch
from torch import Tensor, nn
from torch.nn import functional

# Tried on a part of Fashion-MNIST's training images that was held out.
TEMPERATURE = 0.1
PROXY_SCALE = 16.0


class PairClassifier(nn.Module):
    """A logistic regression on |a − b| that tells whether two images have one label.

    The loss is binary cross-entropy over all pairs of a batch, where pairs of one label count as
    much together as all others do. Its weights are learned with the network.

    Args:
        dim: How long the embeddings are.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.same = nn.Linear(dim, 1)
        nn.init.constant_(self.same.weight, -1 / dim)

    def forward(self, vectors: Tensor, labels: Tensor) -> Tensor:
        """The loss of embeddings ``(n, dim)`` and their labels ``(n,)``."""
        first, second = torch.triu_indices(len(vectors), len(vectors), 1, device=vectors.device)
        logits = self.same((vectors[first] - vectors[second]).abs())[:, 0]
        same = (labels[first] == labels[second]).float()
        each = functional.binary_cross_entropy_with_logits(logits, same, reduction="none")
        shares = [(each * kind).sum() / kind.sum() for kind in (same, 1 - same) if bool(kind.any())]
        return torch.stack(shares).mean() if shares else 0 * vectors.sum()


class Mined(nn.Module):
    """A loss of pytorch-metric-learning with the miner that goes with it."""

    def __init__(self, loss: nn.Module, miner: nn.Module) -> None:
        super().__init__()
        self.loss, self.miner = loss, miner

    def forward(self, vectors: Tensor, labels: Tensor) -> Tensor:
        """The loss of embeddings ``(n, dim)`` and their labels ``(n,)``."""
        found: Tensor = self.loss(vectors, labels, self.miner(vectors, labels))
        return found


class Proxies(nn.Module):
    """Softmax over the cosines with one learned vector a class: Zhai & Wu 2019.

    Args:
        classes: How many labels there are.
        dim: How long the embeddings are.
    """

    def __init__(self, classes: int, dim: int) -> None:
        super().__init__()
        from pytorch_metric_learning import losses, reducers

        self.loss = losses.NormalizedSoftmaxLoss(
            classes, dim, temperature=1 / PROXY_SCALE, reducer=reducers.DoNothingReducer()
        )

    def forward(self, vectors: Tensor, labels: Tensor) -> Tensor:
        """The losses ``(n,)`` of embeddings ``(n, dim)`` and their labels ``(n,)``."""
        found: Tensor = self.loss(vectors, labels)["loss"]["losses"]
        return found


def metric_loss(name: str, classes: int, dim: int) -> nn.Module:
    """The loss of that name; called with embeddings ``(n, dim)`` and labels ``(n,)``.

    It returns that of each, ``(n,)``, if it compares them with learned vectors, as ``proxy`` does;
    else, of all pairs of them, a single one.

    ``pairs``: see ``PairClassifier``. ``contrastive``: Hadsell et al. 2006, margins 0 and 1.
    ``triplet``: Schroff et al. 2015, margin 0.2, semi-hard triplets. ``multi-similarity``: Wang et
    al. 2019, with its miner. ``supcon``: Khosla et al. 2020. ``proxy``: see ``Proxies``.
    """
    from pytorch_metric_learning import losses, miners

    match name:
        case "pairs":
            return PairClassifier(dim)
        case "contrastive":
            loss: nn.Module = losses.ContrastiveLoss(pos_margin=0, neg_margin=1)
        case "triplet":
            return Mined(
                losses.TripletMarginLoss(margin=0.2),
                miners.TripletMarginMiner(margin=0.2, type_of_triplets="semihard"),
            )
        case "multi-similarity":
            return Mined(
                losses.MultiSimilarityLoss(alpha=2, beta=50, base=0.5),
                miners.MultiSimilarityMiner(epsilon=0.1),
            )
        case "proxy":
            return Proxies(classes, dim)
        case _:
            loss = losses.SupConLoss(temperature=TEMPERATURE)
    return loss
