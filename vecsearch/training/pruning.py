"""Which images an epoch can do without."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vecsearch.training.settings import FEW_IMAGES
from vecsearch.types import Rows


class Pruning:
    """Leaves out a share of the images that are easy, whose others then count for them.

    After Qin et al., *InfoBatch: lossless training speed up by unbiased dynamic data pruning*,
    2024: easy are those whose loss was below the mean when they were last learned from. Of few
    images none is left out.

    Args:
        images: How many there are.
        share: How many of the easy ones an epoch leaves out, below 1.

    Attributes:
        losses: What the loss of each image was when it was last learned from; NaN if it never was.

    Example:
        >>> pruning = Pruning(10_000, 0.5)
        >>> rows = np.arange(10_000)
        >>> len(pruning.chosen(rows, np.random.default_rng(0)))
        10000
        >>> pruning.weighed(rows, torch.tensor([0.0, 0.0, 0.0, 4.0]).repeat(2500)).mean()
        tensor(1.)
        >>> pruning.work(rows)
        0.625
        >>> len(pruning.chosen(rows, np.random.default_rng(0)))
        6274
    """

    def __init__(self, images: int, share: float) -> None:
        self.losses = np.full(images, np.nan, np.float32)
        self._worth = np.ones(images, np.float32)
        self._share = share

    def chosen(self, rows: Rows, rng: np.random.Generator) -> Rows:
        """Those of some images that an epoch learns from."""
        if not self._share or len(rows) < FEW_IMAGES:
            return rows
        easy = self._are_easy(rows)
        self._worth[rows] = np.where(easy, 1 / (1 - self._share), 1)
        return rows[~easy | (rng.random(len(rows)) >= self._share)]

    def work(self, rows: Rows) -> float:
        """What share of some images the next epoch learns from."""
        if not self._share or len(rows) < FEW_IMAGES:
            return 1.0
        return 1.0 - self._share * float(self._are_easy(rows).mean())

    def weighed(self, rows: Rows, losses: Tensor) -> Tensor:
        """Note what the losses of some images are; returns what they count."""
        self.losses[rows] = losses.detach().float().cpu().numpy()
        return losses * torch.from_numpy(self._worth[rows]).to(losses)

    def forget(self) -> None:
        """Know nothing of any image."""
        self.losses[:] = np.nan

    def _are_easy(self, rows: Rows) -> NDArray[np.bool_]:
        losses = self.losses[rows]
        known = losses[~np.isnan(losses)]
        return losses < known.mean() if len(known) else np.zeros(len(rows), np.bool_)
