"""Codes: how much of a codebook is in use."""

from __future__ import annotations

import math
from typing import Any

import torch


def perplexity(counts: Any) -> float:
    """exp(entropy) of a histogram (K,): the number of equally frequent codes it is worth; 0 if empty."""
    p = torch.as_tensor(counts).detach().cpu().double().flatten()
    p = p[p > 0] / p.sum()
    return math.exp(-(p * p.log()).sum().item()) if len(p) else 0.0


def usage(counts: Any) -> float:
    """Share of a histogram's (K,) codes that occur at all, 0..1."""
    return (torch.as_tensor(counts) > 0).double().mean().item()
