"""Each loss against a computation pair by pair in plain Python."""

import math
from itertools import combinations, permutations

import pytest

torch = pytest.importorskip("torch")

from vecsearch.training.losses import TEMPERATURE, metric_loss  # noqa: E402

COUNT, DIM, CLASSES = 12, 5, 3
LABELS = [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 0]


def embeddings(seed: int) -> "torch.Tensor":
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(COUNT, DIM, generator=generator, dtype=torch.float64)


def unit(vector: list[float]) -> list[float]:
    length = math.sqrt(sum(value**2 for value in vector))
    return [value / length for value in vector]


def cosine(left: list[float], right: list[float]) -> float:
    return sum(a * b for a, b in zip(unit(left), unit(right), strict=True))


def apart(left: list[float], right: list[float]) -> float:
    return math.dist(unit(left), unit(right))


def mean(values: list[float]) -> float:
    return sum(values) / len(values) if values else 0.0


def same(one: int, other: int) -> bool:
    return LABELS[one] == LABELS[other]


def by_pairs(vectors: list[list[float]], weight: list[float], bias: float) -> float:
    losses: dict[bool, list[float]] = {True: [], False: []}
    for i, j in combinations(range(COUNT), 2):
        between = [abs(a - b) for a, b in zip(vectors[i], vectors[j], strict=True)]
        logit = bias + sum(w * d for w, d in zip(weight, between, strict=True))
        chance = 1 / (1 + math.exp(-logit))
        losses[same(i, j)].append(-math.log(chance if same(i, j) else 1 - chance))
    return mean([mean(losses[True]), mean(losses[False])])


def by_contrast(vectors: list[list[float]]) -> float:
    together, others = [], []
    for i, j in combinations(range(COUNT), 2):
        distance = apart(vectors[i], vectors[j])
        (together if same(i, j) else others).append(distance if same(i, j) else 1 - distance)
    return mean([x for x in together if x > 0]) + mean([x for x in others if x > 0])


def by_triplets(vectors: list[list[float]]) -> float:
    losses = []
    for a, p in permutations(range(COUNT), 2):
        for n in range(COUNT):
            if same(a, p) and not same(a, n):
                gap = apart(vectors[a], vectors[n]) - apart(vectors[a], vectors[p])
                if 0 < gap <= 0.2:  # semi-hard
                    losses.append(0.2 - gap)
    return mean([x for x in losses if x > 0])


def by_similarities(vectors: list[list[float]]) -> float:
    losses = []
    for i in range(COUNT):
        likes = [cosine(vectors[i], vectors[j]) for j in range(COUNT) if j != i and same(i, j)]
        others = [cosine(vectors[i], vectors[j]) for j in range(COUNT) if not same(i, j)]
        hard_likes = [s for s in likes if s - 0.1 < max(others)]
        hard_others = [s for s in others if s + 0.1 > min(likes)]
        loss = math.log(1 + sum(math.exp(-2 * (s - 0.5)) for s in hard_likes)) / 2
        losses.append(loss + math.log(1 + sum(math.exp(50 * (s - 0.5)) for s in hard_others)) / 50)
    return mean(losses)


def by_supervised_contrast(vectors: list[list[float]]) -> float:
    losses = []
    for i in range(COUNT):
        shares = {j: math.exp(cosine(vectors[i], vectors[j]) / TEMPERATURE) for j in range(COUNT)}
        total = sum(share for j, share in shares.items() if j != i)
        likes = [j for j in shares if j != i and same(i, j)]
        losses.append(-mean([math.log(shares[j] / total) for j in likes]))
    return mean(losses)


def by_proxies(vectors: list[list[float]], proxies: list[list[float]]) -> list[float]:
    losses = []
    for vector, label in zip(vectors, LABELS, strict=True):
        shares = [math.exp(16 * cosine(vector, proxy)) for proxy in proxies]
        losses.append(-math.log(shares[label] / sum(shares)))
    return losses


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("contrastive", by_contrast),
        ("triplet", by_triplets),
        ("multi-similarity", by_similarities),
        ("supcon", by_supervised_contrast),
    ],
)
def test_losses_without_weights(name: str, plain, seed: int) -> None:  # type: ignore[no-untyped-def]
    vectors = embeddings(seed)
    loss = metric_loss(name, CLASSES, DIM)(vectors, torch.tensor(LABELS))
    expected = plain(vectors.tolist())
    assert expected > 0
    assert float(loss) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("seed", range(5))
def test_pairs(seed: int) -> None:
    vectors, loss = embeddings(seed), metric_loss("pairs", CLASSES, DIM).double()
    torch.nn.init.normal_(loss.same.weight)
    weight, bias = loss.same.weight[0].tolist(), loss.same.bias.item()
    found = float(loss(vectors, torch.tensor(LABELS)).detach())
    assert found == pytest.approx(by_pairs(vectors.tolist(), weight, bias), rel=1e-6)


@pytest.mark.parametrize("seed", range(5))
def test_proxy(seed: int) -> None:
    vectors, loss = embeddings(seed), metric_loss("proxy", CLASSES, DIM).double()
    found = loss(vectors, torch.tensor(LABELS)).detach()
    proxies = loss.loss.W.detach().T.tolist()
    assert found.tolist() == pytest.approx(by_proxies(vectors.tolist(), proxies), rel=1e-6)


def test_a_batch_of_one_class() -> None:
    for name in ("pairs", "contrastive", "triplet", "multi-similarity", "supcon", "proxy"):
        vectors = embeddings(0).float().requires_grad_()
        loss = metric_loss(name, CLASSES, DIM)(vectors, torch.zeros(COUNT, dtype=torch.int64))
        loss.mean().backward()
        assert math.isfinite(float(loss.mean().detach())), name
