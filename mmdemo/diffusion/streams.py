"""The streams that a transformer works on, and its sizes: what config.json and a recipe say under "model"."""

from __future__ import annotations

import math
from dataclasses import field

from ..config import Depth, Expansion, Name, Natural, Positive, Width, check_weights, settings

MAX_POSITIONS = 65_536  # of one stream: what attends to everything grows with its square


@settings
class Stream:
    """One modality as the transformer sees it."""

    name: Name  # "image", "audio", "text"
    dim: Width  # channels of its latent, as the transformer sees it
    shape: list[Positive]  # latent positions per axis; of a single axis, the most that there may be
    # neighbouring positions put into one token: along the last axis, or along each axis
    patch: Positive | list[Positive] = 1
    # Another stream on the same axis of time, token by token: their tokens are added up to one (see `DiT`).
    aligned: str = ""
    # Channels of the tokenizer's latent, of which the transformer sees the first principal directions; 0: all, as is.
    # What is left out is little, and noise in it would have to be carried through the network's width.
    latent_dim: Natural = 0

    def __post_init__(self) -> None:
        even = len(self.patches) == len(self.shape) and not any(n % p for n, p in zip(self.shape, self.patches))
        if not 1 <= len(self.shape) <= 2 or math.prod(self.shape) > MAX_POSITIONS or not even:
            raise ValueError(f"A stream cannot have the shape {self.shape} in patches of {self.patch}.")
        if self.latent_dim and self.latent_dim < self.dim:
            raise ValueError(
                f"The stream {self.name!r} cannot have {self.dim} directions of {self.latent_dim} channels."
            )
        if self.aligned and len(self.shape) > 1:
            raise ValueError(f"The stream {self.name!r} has no axis of time, and cannot be aligned to another.")

    @property
    def patches(self) -> list[int]:
        """Positions of a token along each axis."""
        return [1] * (len(self.shape) - 1) + [self.patch] if isinstance(self.patch, int) else list(self.patch)

    @property
    def grid(self) -> list[int]:
        """Tokens along each axis."""
        return [n // p for n, p in zip(self.shape, self.patches, strict=True)]

    @property
    def tokens(self) -> int:
        return math.prod(self.grid)

    @property
    def channels(self) -> int:
        """Channels of the tokenizer's latent."""
        return self.latent_dim or self.dim

    @property
    def token_dim(self) -> int:
        """Channels of a token before the linear map in."""
        return self.dim * math.prod(self.patches)


@settings
class Condition:
    """A vector that the whole model is conditioned on, such as what a prompt means."""

    name: Name
    dim: Width
    # So many tokens of the sequence say it, too: what is only added to the time embedding can but scale and shift.
    tokens: Natural = 0
    mean: list[Name] = field(default_factory=list)  # streams whose mean it tells the transformer (`ConditionalMean`)
    hidden: Width = 768  # of the perceptron that does


@settings
class DiTConfig:
    """Sizes of the transformer and the streams it works on."""

    streams: list[Stream]
    styles: list[Name] = field(default_factory=list)  # named styles (speakers), as one extra token; may be empty
    conditions: list[Condition] = field(default_factory=list)  # vectors; at least added to the time embedding (adaLN)
    width: Width = 256
    depth: Depth = 8
    heads: Positive = 4
    expansion: Expansion = 4
    global_tokens: bool = False  # one more token a stream, made of its whole latent at once (see `DiT`)

    # A learned vector for each place of a stream; else rotary positions alone, which say how far two tokens are apart.
    # Where drawings stand in a frame alike, a token of noise has to know its place to know what belongs there.
    positions: bool = False

    def __post_init__(self) -> None:
        if not self.streams:
            raise ValueError("A diffusion transformer needs a stream at least.")
        if self.width % (2 * self.heads):
            raise ValueError(f"A width of {self.width} has no equal, even share for each of {self.heads} heads.")
        leaders = {s.name: s.tokens for s in self.streams if not s.aligned}
        for s in self.streams:
            if s.aligned and leaders.get(s.aligned) != s.tokens:
                raise ValueError(f"The stream {s.name!r} cannot be aligned to {s.aligned!r}: it needs equal tokens.")
        whole = sum(math.prod(s.shape) * s.dim for s in self.streams) if self.global_tokens else 0
        streams = sum(2 * s.token_dim for s in self.streams) + len(self.styles)
        streams += sum(c.dim * (1 + c.tokens) for c in self.conditions) + self.positions * sum(leaders.values())
        means = sum(self._mean_weights(c) for c in self.conditions)
        check_weights(self.depth * (4 + 2 * self.expansion) * self.width**2 + (whole + streams) * self.width + means)

    def _mean_weights(self, condition: Condition) -> int:
        """Weights of a condition's perceptron. Raises ValueError where it names what is no stream with tokens."""
        known = {s.name: s for s in self.leaders}
        for name in condition.mean:
            if name not in known:
                raise ValueError(f"The condition {condition.name!r} cannot tell of {name!r}, which has no tokens.")
        places = sum(known[name].tokens * known[name].token_dim for name in condition.mean)
        return condition.hidden * (condition.dim + self.width + condition.hidden + places) * bool(condition.mean)

    @property
    def leaders(self) -> list[Stream]:
        """Streams with tokens of their own, in their order; the others are aligned to one of them."""
        return [s for s in self.streams if not s.aligned]

    @property
    def unplaced(self) -> int:
        """Tokens that are of no place in a stream: global tokens, those of conditions, the style."""
        globals_ = len(self.streams) * self.global_tokens
        return globals_ + sum(c.tokens for c in self.conditions) + bool(self.styles)

    def aligned_to(self, leader: Stream) -> list[Stream]:
        return [s for s in self.streams if s.aligned == leader.name]
