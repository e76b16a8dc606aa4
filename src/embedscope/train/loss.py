"""Symmetric InfoNCE with weighted hard negatives, vectorised and in log space.

For pair i with query q_i, positive d_i, hard negatives n_ik of weights w_ik, cosine s and temperature t::

    query -> document   -log( e^{s(q_i, d_i)/t} / ( sum_j m_ij e^{s(q_i, d_j)/t} + sum_k w_ik e^{s(q_i, n_ik)/t} ) )
    document -> query   -log( e^{s(q_i, d_i)/t} / ( sum_j m_ji e^{s(q_j, d_i)/t} + sum_k w_ik e^{s(d_i, n_ik)/t} ) )

``m_ij`` is 0 where d_j is relevant to q_i and j != i (an in-batch false negative), else 1. In the second direction the
hard negatives stand against the positive itself: two texts that often differ in one detail are pushed apart. With
``against_positives`` False that sum is left out. The loss of a pair is the mean of the two, the loss of a batch the
mean over pairs. ``w e^{s/t}`` is summed as ``e^{s/t + log w}``, so nothing overflows however low the temperature, and
a weight of 0 drops its term exactly.

Sources: van den Oord et al., "Representation learning with contrastive predictive coding" (2018); Radford et al.,
"Learning transferable visual models from natural language supervision" (2021) for the two directions; Kusupati et
al., "Matryoshka representation learning" (2022) for prefixes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def info_nce(
    queries: torch.Tensor,
    positives: torch.Tensor,
    *,
    is_false_negative: torch.Tensor,
    temperature: float,
    negatives: torch.Tensor | None = None,
    weights: torch.Tensor | None = None,
    against_positives: bool = True,
) -> torch.Tensor:
    """Loss of each pair, shape (B,); see the module for the formula.

    Parameters
    ----------
    queries, positives : tensor of shape (B, dim), unit rows
    is_false_negative : tensor of shape (B, B), bool
        [i, j]: ``positives[j]`` is relevant to ``queries[i]`` and is no negative of it; False on the diagonal.
    temperature : float
        Above 0.
    negatives : tensor of shape (B, M, dim), unit rows, optional
        The hard negatives of each pair, padded to M.
    weights : tensor of shape (B, M), optional
        0 or more; 0 drops a negative, and is the weight of padding.
    against_positives : bool
        Whether the hard negatives stand in the direction from document to query too.
    """
    import torch

    logits = (queries @ positives.T) / temperature  # (B, B)
    own = logits.diagonal()
    to_document = logits.masked_fill(is_false_negative, float("-inf"))
    to_query = to_document.T
    if negatives is not None and weights is not None:
        anchors = torch.stack([queries, positives] if against_positives else [queries], dim=2)  # (B, dim, 1 or 2)
        hard = (negatives @ anchors) / temperature + weights.log()[:, :, None]  # (B, M, 1 or 2)
        to_document = torch.cat([to_document, hard[:, :, 0]], dim=1)  # (B, B + M)
        to_query = torch.cat([to_query, hard[:, :, 1]], dim=1) if against_positives else to_query
    return (to_document.logsumexp(dim=1) + to_query.logsumexp(dim=1)) / 2 - own


def prefix_losses(
    queries: torch.Tensor,
    positives: torch.Tensor,
    prefixes: Sequence[int],
    *,
    is_false_negative: torch.Tensor,
    temperature: float,
    negatives: torch.Tensor | None = None,
    weights: torch.Tensor | None = None,
    against_positives: bool = True,
) -> torch.Tensor:
    """Mean over ``prefixes`` of ``info_nce`` of the first numbers of each vector, made unit rows; shape (B,).

    ``queries``, ``positives`` and ``negatives`` are rows of any length other than 0; the rest as :func:`info_nce`.
    """
    import torch

    losses = [
        info_nce(
            _unit(queries[..., :size]),
            _unit(positives[..., :size]),
            is_false_negative=is_false_negative,
            temperature=temperature,
            negatives=None if negatives is None else _unit(negatives[..., :size]),
            weights=weights,
            against_positives=against_positives,
        )
        for size in prefixes
    ]
    return torch.stack(losses).mean(dim=0)


def _unit(rows: torch.Tensor) -> torch.Tensor:
    import torch

    return torch.nn.functional.normalize(rows, dim=-1)
