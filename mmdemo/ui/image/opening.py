"""The picture with which a visit begins: a token of it, and the codewords among which it finds its nearest."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from mmdemo.isolation import isolated
from mmdemo.ui.image.session import ImageSession, stride_of
from mmdemo.ui.shared.payload import png_uri

SHOWN = 7  # codewords: the nearest and the next ones
AROUND = 16  # tokens on each side of one that its vector is made from, more than the encoder looks at
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
    codec, stride = picture.codec, stride_of(picture.codec)
    book = codec.codebook(0)  # (K, D)
    rows, columns = picture.tokens.positions
    for row, column in lively(picture.original, stride):
        top, left = max(0, row - AROUND), max(0, column - AROUND)
        bottom, right = min(rows, row + AROUND + 1), min(columns, column + AROUND + 1)
        part = picture.original[:, top * stride : bottom * stride, left * stride : right * stride]
        with isolated(codec.device):
            z = codec.tokenizer.to_latent(part[None].to(codec.device) / 255)  # (1, in_dim, h, w)
        if z.shape[1] != book.shape[1]:
            return None  # this quantizer looks at something else than the vectors themselves
        distance = (book - z[0, :, row - top, column - left].cpu()).square().sum(1)  # (K,)
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
