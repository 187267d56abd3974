"""
Routers' choices that rounding decides. Where the last expert that a token gets and the first that it does not are as good
as tied, two programs may choose differently; both are right, and the losses are then far from each other.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

# Of the largest score. Rounding in float32 moves scores by about a tenth of that.
TIED = 1e-5


@dataclass
class Tie:
    """The call of a router, from 0, the token in it, and how far apart its experts are."""

    call: int
    token: int
    gap: float


@contextmanager
def routed(exchanged: Tie | None = None) -> Iterator[list[Tie]]:
    """Lists the ties of the routers that are called, which all call `torch.topk`. One is decided the other way."""
    real, ties, calls = torch.topk, [], 0

    def topk(scores: Tensor, k: int, dim: int = -1, **_: Any) -> tuple[Tensor, Tensor]:
        nonlocal calls
        call, calls = calls, calls + 1
        chosen = real(scores.detach(), min(k + 1, scores.shape[dim]), dim)
        indices = chosen.indices[:, :k].clone()
        if k < scores.shape[dim]:
            gaps = (chosen.values[:, k - 1] - chosen.values[:, k]) / scores.detach().abs().amax(dim)
            ties.extend(Tie(call, token, gap) for token, gap in enumerate(gaps.tolist()) if gap < TIED)
            if exchanged is not None and exchanged.call == call:
                indices[exchanged.token, k - 1] = chosen.indices[exchanged.token, k]
        return scores.gather(dim, indices), indices

    torch.topk = topk  # type: ignore[assignment]
    try:
        yield ties
    finally:
        torch.topk = real
