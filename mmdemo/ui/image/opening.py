"""The picture with which a visit begins: a token of it, and the codewords among which it finds its nearest."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from mmdemo.codec.places import is_residual, latent_at
from mmdemo.ui.image.session import ImageSession
from mmdemo.ui.shared.payload import png_uri

SHOWN = 7  # codewords: the nearest and the next ones
_made: dict[str, dict[str, Any] | None] = {}  # by the names of examples


def opening_of(picture: ImageSession) -> dict[str, Any] | None:
    """{"at": [column, row], "words": [[code, distance, PNG], …] nearest first}; None for a picture without any.

    The token is a lively one not far from the middle whose code is the nearest there is (with beam search it need
    not be); distances are those of the encoder's vector there to the codewords of level 1.
    """
    key = picture.place.get("example", "")
    if not key:
        return _make(picture)
    if key not in _made:
        _made[key] = _make(picture)
    return _made[key]


def _make(picture: ImageSession) -> dict[str, Any] | None:
    if picture.original is None:
        return None
    codec = picture.codec
    if not is_residual(codec):
        return None  # its codes are chosen by something else than their distance
    book = codec.codebook(0)  # (K, D)
    for row, column in lively(picture.original, codec.tokenizer.stride):
        z = latent_at(codec, picture.original / 255, (row, column))  # (D,)
        distance = (book - z).square().sum(1)  # (K,)
        if int(distance.argmin()) == int(picture.tokens.codes[0, row, column]):
            codes = distance.argsort()[:SHOWN]
            patches = codec.show_codes(0, codes)
            words = zip(codes.tolist(), distance[codes].sqrt().tolist(), patches)
            return {"at": [column, row], "words": [[k, round(d, 3), png_uri(patch)] for k, d, patch in words]}
    return None


def lively(pixels: Tensor, stride: int, tried: int = 3) -> list[tuple[int, int]]:
    """The (row, column) of some tokens with much contrast in the middle of a picture (3, H, W)."""
    cells = pixels.float().mean(0).unfold(0, stride, stride).unfold(1, stride, stride)  # (h, w, stride, stride)
    contrast = cells.std((2, 3))  # (h, w)
    rows, columns = contrast.shape
    outside = torch.ones_like(contrast, dtype=torch.bool)
    outside[rows // 4 : rows - rows // 4, columns // 4 : columns - columns // 4] = False
    best = contrast.masked_fill(outside, -1).flatten().argsort(descending=True)[:tried]
    return [(int(i) // columns, int(i) % columns) for i in best]
