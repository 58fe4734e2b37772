"""Where codes live: the latent of one place of an input, how its codes were chosen, the best places of each code."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ..isolation import isolated
from ..quantizers.residual import ResidualVQ
from ..tokenizers.autoencoder import Autoencoder
from . import tiling

if TYPE_CHECKING:
    from .codec import Codec


@dataclass(frozen=True)
class Choice:
    """How one level came to its code at one place.

    Attributes:
        code: the one in the tokens. rank: of how many codewords are nearer to what was left (0: it is the nearest).
        before, after: length of what was left to say before and after it.
        nearest: the nearest codes and the square of their distance, nearest first.
        distance: the square of the chosen code's own distance.
    """

    code: int
    rank: int
    before: float
    after: float
    nearest: tuple[tuple[int, float], ...]
    distance: float


def index_of(place: Sequence[int]) -> tuple[Any, ...]:
    """The index of one place in anything (C, *positions)."""
    return (slice(None), *place)


def is_residual(codec: Codec) -> bool:
    """Whether its codes are chosen by distance, level after level, from a latent that can be had."""
    return isinstance(codec.tokenizer, Autoencoder) and isinstance(codec.tokenizer.bottleneck, ResidualVQ)


def latents(codec: Codec, x: Tensor) -> Tensor:
    """Canonical input (..., *size), not too large to be taken whole -> what the encoder makes of it, (D, *positions).

    Raises:
        ValueError: there is no such latent (see `is_residual`).
    """
    tokenizer = _residual(codec)
    with isolated(codec.device):
        return tokenizer.to_latent(tokenizer.pad(x[None]).to(codec.device))[0].float().cpu()


def latent_at(codec: Codec, x: Tensor, place: Sequence[int]) -> Tensor:
    """The same at one place, (D,): of an input of any size only what the encoder sees from there is computed.

    Raises:
        ValueError: as `latents`.
    """
    tokenizer = _residual(codec)
    stride, axes = tokenizer.stride, tokenizer.axes
    padded = tokenizer.pad(x[None])
    sizes, margin = [n // stride for n in padded.shape[-axes:]], tokenizer.receptive_field.encoder
    spans = [(0, n) if margin is None else (max(0, p - margin), min(n, p + margin + 1)) for p, n in zip(place, sizes)]
    window = padded[tiling.box([(a * stride, b * stride) for a, b in spans])]
    with isolated(codec.device):
        z = tokenizer.to_latent(window.to(codec.device))[0].float().cpu()
    return z[index_of([p - a for p, (a, _) in zip(place, spans)])]


def choices(codec: Codec, z: Tensor, codes: Tensor, count: int = 6) -> list[Choice]:
    """A latent (D,) and its codes (L,) -> how each level chose.

    Returns nothing where the codes do not add up to what they stand for: a text's byte fallback.

    Raises:
        ValueError: as `latents`.
    """
    _residual(codec)
    books = [codec.codebook(level).float() for level in range(len(codes))]
    codewords = torch.stack([book[code] for book, code in zip(books, codes.tolist())])  # (L, D)
    with isolated(codec.device):
        whole = codec.tokenizer.latent(codes.view(1, -1, *[1] * codec.tokenizer.axes).to(codec.device))
    if (whole.flatten().cpu() - codewords.sum(0)).norm() > 1e-3 * (1 + codewords.norm()):
        return []
    found, left = [], z
    for book, code, codeword in zip(books, codes.tolist(), codewords):
        distance = (left - book).square().sum(1)  # (K,)
        near = distance.topk(min(count, len(book)), largest=False)
        rest = left - codeword
        found.append(
            Choice(
                code,
                int((distance < distance[code]).sum()),
                float(left.norm()),
                float(rest.norm()),
                tuple(zip(near.indices.tolist(), near.values.tolist())),
                float(distance[code]),
            )
        )
        left = rest
    return found


def best_places(codec: Codec, inputs: Sequence[Tensor], count: int = 5, of_one: int = 2) -> list[Tensor]:
    """For each level, where in canonical inputs each code fits best: (K, count, 1 + axes) int16.

    A row is the number of the input and the place in it, -1 where the code has fewer places. Those come first where
    the code is nearest to what was left to say; at most ``of_one`` are of one input as long as there are others.

    Raises:
        ValueError: as `latents`.
    """
    axes = codec.tokenizer.axes
    errors: list[list[Tensor]] = [[] for _ in range(codec.levels)]
    codes: list[list[Tensor]] = [[] for _ in range(codec.levels)]
    where: list[Tensor] = []
    for number, x in enumerate(inputs):
        left = latents(codec, x)  # (D, *positions)
        with isolated(codec.device):
            found = codec.tokenizer.codes(left[None].to(codec.device))[0].cpu()  # (L, *positions)
        grid = torch.stack(torch.meshgrid(*[torch.arange(n) for n in found.shape[1:]], indexing="ij"), -1)
        where.append(torch.cat([torch.full((grid[..., 0].numel(), 1), number), grid.view(-1, axes)], 1))
        left = left.flatten(1).T  # (N, D)
        for level, row in enumerate(found.flatten(1)):
            left = left - codec.codebook(level).float()[row]
            errors[level].append(left.norm(dim=1))
            codes[level].append(row)
    places = torch.cat(where)
    return [
        _best(torch.cat(codes[level]), torch.cat(errors[level]), places, len(codec.codebook(level)), count, of_one)
        for level in range(codec.levels)
    ]


def _best(codes: Tensor, errors: Tensor, places: Tensor, size: int, count: int, of_one: int) -> Tensor:
    table = torch.full((size, count, places.shape[1]), -1, dtype=torch.int16)
    order = torch.argsort(errors, stable=True)
    rows: list[list[int]] = [[] for _ in range(size)]
    for at, code in zip(order.tolist(), codes[order].tolist()):
        rows[code].append(at)
    for code, row in enumerate(rows):
        taken: list[int] = []
        of = [0] * (int(places[:, 0].max()) + 1)
        for at in row:
            if of[int(places[at, 0])] < of_one:
                taken.append(at)
                of[int(places[at, 0])] += 1
            if len(taken) == count:
                break
        taken += [at for at in row if at not in taken][: count - len(taken)] if len(taken) < count else []
        if taken:
            table[code, : len(taken)] = places[taken].short()
    return table


def _residual(codec: Codec) -> Autoencoder:
    """Its tokenizer, if `is_residual`."""
    tokenizer = codec.tokenizer
    if not isinstance(tokenizer, Autoencoder) or not is_residual(codec):
        raise ValueError(f"The codes of {codec.name!r} are not the nearest to a latent, level after level.")
    return tokenizer
