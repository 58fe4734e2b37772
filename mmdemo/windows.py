"""Encoding and decoding of inputs of any size in windows, with exact seams and bounded memory.

The tokenizers have no global operation, so an output depends only on inputs within a fixed reach. A window with a
margin of at least that reach gives, in its middle, exactly what the whole input would give.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from .tokenizers import Tokenizer
from .tokenizers.image import ImageTokenizer, pad_to_multiple
from .tokenizers.layers import ConvNeXtBlock

WINDOW = {"image": (192, 192), "audio": (1500,), "text": (8192,)}  # latent positions per window, without margin
EVERYWHERE = 1 << 40  # a reach longer than any input


def reach(part: nn.Module) -> int:
    """Latent positions, to each side, that an output of an encoder or decoder depends on; a safe upper bound.

    Blocks at a finer resolution count for less, but counting them whole is safe. Four more positions cover the
    in- and out-projections and the STFT's window. A recurrent encoder carries anything to anywhere: it takes an input
    whole, however long.
    """
    if any(isinstance(m, nn.GRU) for m in part.modules()):
        return EVERYWHERE
    return sum(m.reach for m in part.modules() if isinstance(m, ConvNeXtBlock)) + 4


@torch.inference_mode()
def encode_windows(tokenizer: Tokenizer, x: Tensor, levels: int | None = None) -> Tensor:
    """As ``tokenizer.encode``, for inputs of any size: (1, ...) -> (1, levels, *positions)."""
    if isinstance(tokenizer, ImageTokenizer):
        x = pad_to_multiple(x, tokenizer.stride)
    axes = 2 if tokenizer.modality == "image" else 1
    stride = tokenizer.stride
    sizes = [-(-n // stride) for n in x.shape[-axes:]]
    out = torch.empty(0)
    for where, take in plan(sizes, WINDOW[tokenizer.modality], reach(tokenizer.encoder)):
        cut = [(a * stride, min(b * stride, n)) for (a, b), n in zip(where, x.shape[-axes:], strict=True)]
        codes = tokenizer.encode(x[_box(cut)], levels)
        if not out.numel():
            out = codes.new_zeros((1, codes.shape[1], *sizes))
        inner = [(t0 - a, t1 - a) for (a, _), (t0, t1) in zip(where, take, strict=True)]
        out[_box(take)] = codes[_box(inner)]
    return out


@torch.inference_mode()
def decode_windows(tokenizer: Tokenizer, codes: Tensor) -> Tensor:
    """As ``tokenizer.decode``, for codes of any size: (1, levels, *positions) -> reconstruction.

    Text comes back as bytes (1, T) rather than logits, which would not fit in memory for long inputs.
    """
    stride = tokenizer.stride
    sizes = list(codes.shape[2:])
    out = torch.empty(0)
    for where, take in plan(sizes, WINDOW[tokenizer.modality], reach(tokenizer.decoder)):
        y = tokenizer.decode(codes[_box(where)])
        if tokenizer.modality == "text":
            y = y.argmax(1)
        if not out.numel():
            lead = y.shape[: y.ndim - len(sizes)]
            out = y.new_empty((*lead, *(n * stride for n in sizes)))
        inner = [((t0 - a) * stride, (t1 - a) * stride) for (a, _), (t0, t1) in zip(where, take, strict=True)]
        out[_box([(t0 * stride, t1 * stride) for t0, t1 in take])] = y[_box(inner)]
    return out


Span = tuple[int, int]


def _box(spans: list[Span]) -> Any:
    """Index of the last axes: ``x[_box([(0, 4), (2, 6)])]`` is ``x[..., 0:4, 2:6]``."""
    return (..., *(slice(a, b) for a, b in spans))


def plan(sizes: list[int], window: tuple[int, ...], margin: int) -> list[tuple[list[Span], list[Span]]]:
    """(positions to compute, positions to keep) per window; together the kept parts tile the whole."""
    axes: list[list[tuple[Span, Span]]] = []
    for size, step in zip(sizes, window, strict=True):
        # Whole if it fits with its margin: most inputs need one window and no overhead.
        step = size if size <= step + 2 * margin else step
        spans = [(s, min(s + step, size)) for s in range(0, size, max(1, step))]
        axes.append([((max(0, a - margin), min(size, b + margin)), (a, b)) for a, b in spans])
    if len(axes) == 1:
        return [([w], [t]) for w, t in axes[0]]
    return [([w0, w1], [t0, t1]) for w0, t0 in axes[0] for w1, t1 in axes[1]]
