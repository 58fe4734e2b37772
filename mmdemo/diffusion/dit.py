"""A diffusion transformer (DiT) over several modalities at once.

Peebles & Xie 2023 (adaLN-Zero), with one shared modulation MLP and a small table per block (PixArt-alpha, Chen et
al. 2023), QK-norm, and rotary position embedding: axial for images, 1-D for sound and text. Each modality carries its
own time step, so that clean modalities condition noisy ones (UniDiffuser, Bao et al. 2023).
"""

from __future__ import annotations

import math
from dataclasses import field

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..config import Depth, Expansion, Name, Positive, Width, check_weights, settings

MAX_POSITIONS = 65_536  # of one stream: what attends to everything grows with its square


@settings
class Stream:
    """One modality as the transformer sees it."""

    name: Name  # "image", "audio", "text"
    dim: Width  # channels of its latent
    shape: list[Positive]  # latent positions per axis
    # neighbouring positions put into one token: along the last axis, or along each axis
    patch: Positive | list[Positive] = 1

    def __post_init__(self) -> None:
        even = len(self.patches) == len(self.shape) and not any(n % p for n, p in zip(self.shape, self.patches))
        if not 1 <= len(self.shape) <= 2 or math.prod(self.shape) > MAX_POSITIONS or not even:
            raise ValueError(f"A stream cannot have the shape {self.shape} in patches of {self.patch}.")

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
    def token_dim(self) -> int:
        """Channels of a token before the linear map in."""
        return self.dim * math.prod(self.patches)


@settings
class Condition:
    """A vector that the whole model is conditioned on, such as what a prompt means."""

    name: Name
    dim: Width


@settings
class DiTConfig:
    """Sizes of the transformer and the streams it works on."""

    streams: list[Stream]
    styles: list[Name] = field(default_factory=list)  # named styles (speakers), as one extra token; may be empty
    conditions: list[Condition] = field(default_factory=list)  # vectors added to the time embedding (adaLN)
    width: Width = 256
    depth: Depth = 8
    heads: Positive = 4
    expansion: Expansion = 4
    summaries: bool = False  # one more token a stream, made of its whole latent at once (see `DiT`)

    def __post_init__(self) -> None:
        if not self.streams:
            raise ValueError("A diffusion transformer needs a stream at least.")
        if self.width % (2 * self.heads):
            raise ValueError(f"A width of {self.width} has no equal, even share for each of {self.heads} heads.")
        whole = sum(math.prod(s.shape) * s.dim for s in self.streams) if self.summaries else 0
        streams = sum(2 * s.token_dim for s in self.streams) + len(self.styles)
        check_weights(self.depth * (4 + 2 * self.expansion) * self.width**2 + (whole + streams) * self.width)


# ------------------------------------------------------------------------------------------ parts


def rotary(config: DiTConfig) -> Tensor:
    """Rotation angles of every token, (N, head_dim / 2); summaries and the style token, last, do not rotate."""
    half = config.width // config.heads // 2
    rows = []
    for stream in config.streams:
        axes = len(stream.shape)
        per_axis = half // axes
        frequency = 1.0 / (100.0 ** (torch.arange(per_axis) / per_axis))  # (per_axis,); short sequences: base 100
        grid = torch.cartesian_prod(*[torch.arange(n).float() for n in stream.grid]).reshape(-1, axes)  # (N, axes)
        angles = (grid[:, :, None] * frequency).reshape(len(grid), -1)
        rows.append(F.pad(angles, (0, half - angles.shape[1])))
    still = len(config.streams) * config.summaries + bool(config.styles)
    return torch.cat([*rows, torch.zeros(still, half)])


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotate pairs of channels: x (B, heads, N, head_dim), cos and sin (N, head_dim / 2)."""
    a, b = x.chunk(2, dim=-1)
    return torch.cat([a * cos - b * sin, a * sin + b * cos], dim=-1)


def time_features(t: Tensor, width: int) -> Tensor:
    """Sinusoids of t in [0, 1]: (...,) -> (..., width)"""
    frequency = torch.exp(-math.log(1000.0) * torch.arange(width // 2, device=t.device) / (width // 2))
    angle = 1000 * t[..., None] * frequency
    return torch.cat([angle.cos(), angle.sin()], dim=-1)


class Attention(nn.Module):
    """Multi-head self-attention with normalised queries and keys (QK-norm keeps large learning rates stable)."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.q_norm = nn.RMSNorm(width // heads, eps=1e-6)
        self.k_norm = nn.RMSNorm(width // heads, eps=1e-6)
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        """(B, N, C) -> (B, N, C)"""
        batch, n, width = x.shape
        q, k, v = self.qkv(x).reshape(batch, n, 3, self.heads, -1).permute(2, 0, 3, 1, 4)  # (B, heads, N, C/heads)
        # The norms in full precision, also under autocast: mixed types take their slow path.
        q, k = (rotate(norm(h.float()), cos, sin).to(v) for norm, h in ((self.q_norm, q), (self.k_norm, k)))
        if self.training and x.device.type == "cpu":
            # For short sequences the fused kernel's backward takes a third of the step on CPUs; this does not.
            weights = (q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])).softmax(-1)
            y = weights @ v
        else:
            y = F.scaled_dot_product_attention(q, k, v)
        return self.out(y.transpose(1, 2).reshape(batch, n, width))


class Block(nn.Module):
    """Attention and MLP, each modulated by the time step (adaLN-Zero)."""

    def __init__(self, config: DiTConfig) -> None:
        super().__init__()
        width = config.width
        self.attention = Attention(width, config.heads)
        self.mlp = nn.Sequential(
            nn.Linear(width, config.expansion * width),
            nn.GELU("tanh"),
            nn.Linear(config.expansion * width, width),
        )
        self.table = nn.Parameter(torch.randn(6, width) / width**0.5)  # this block's offset to the shared modulation

    def forward(self, x: Tensor, modulation: Tensor, cos: Tensor, sin: Tensor, runs: list[int]) -> Tensor:
        """x (B, N, C), modulation (B, N or runs, 6, C): a row for each token, or each run of tokens -> (B, N, C)"""
        shift1, scale1, gate1, shift2, scale2, gate2 = (modulation + self.table).unbind(2)
        h = modulated(F.layer_norm(x, x.shape[-1:]), 1 + scale1, shift1, runs)
        x = modulated(self.attention(h, cos, sin), gate1, x, runs)
        h = modulated(F.layer_norm(x, x.shape[-1:]), 1 + scale2, shift2, runs)
        return modulated(self.mlp(h), gate2, x, runs)


def modulated(x: Tensor, scale: Tensor, shift: Tensor, runs: list[int]) -> Tensor:
    """``x * scale + shift``: x (B, N, C), the others with a row for each token, or one for each run of tokens.

    Run by run, so that what all tokens of a stream share is never spread over them: a sixth of a training step.
    """
    rows, n = x.to(scale.dtype), x.shape[1]
    if scale.shape[1] == n:
        return torch.addcmul(shift, rows, scale)
    shifts = shift.split(runs if shift.shape[1] == n else 1, dim=1)
    parts = zip(shifts, rows.split(runs, dim=1), scale.split(1, dim=1), strict=True)
    return torch.cat([torch.addcmul(*part) for part in parts], dim=1)


# ------------------------------------------------------------------------------------------ model


class DiT(nn.Module):
    """Noisy latents and a time step per modality -> predicted velocity per modality.

    Tokens in their order: those of each stream; a summary of each stream, if there are any; the style. A summary is a
    linear map of all of a stream's latent: the first layer of a perceptron, from which a digit is read sooner than
    from tokens that see 8 x 8 pixels each. Nothing is predicted from it.
    """

    def __init__(self, config: DiTConfig) -> None:
        super().__init__()
        self.config = config
        width = config.width
        self.inputs = nn.ModuleDict({s.name: nn.Linear(s.token_dim, width) for s in config.streams})
        self.outputs = nn.ModuleDict({s.name: nn.Linear(width, s.token_dim) for s in config.streams})
        summarised = config.streams if config.summaries else []
        self.whole = nn.ModuleDict({s.name: nn.Linear(s.dim * math.prod(s.shape), width) for s in summarised})
        k = len(config.streams)
        self.kind = nn.Embedding(k + 1 + len(summarised), width)  # modality of a token; then style, and summaries
        self.style = nn.Embedding(len(config.styles) + 1, width)  # the last entry means "any"
        # What a vector says, and what stands for it where it is not given; both start at nothing.
        self.vectors = nn.ModuleDict({c.name: nn.Linear(c.dim, width) for c in config.conditions})
        self.no_vector = nn.ParameterDict({c.name: nn.Parameter(torch.zeros(width)) for c in config.conditions})
        self.time = nn.Sequential(nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width))
        self.modulate = nn.Sequential(nn.SiLU(), nn.Linear(width, 6 * width))
        self.blocks = nn.ModuleList([Block(config) for _ in range(config.depth)])
        self.final = nn.Parameter(torch.zeros(2, width))
        angles = rotary(config)
        self.register_buffer("cos", angles.cos(), persistent=False)
        self.register_buffer("sin", angles.sin(), persistent=False)
        owner = [i for i, s in enumerate(config.streams) for _ in range(s.tokens)]
        owner += range(k + 1, k + 1 + len(summarised))
        owner += [k] if config.styles else []
        self.register_buffer("owner", torch.tensor(owner), persistent=False)  # (N,) kind of each token
        self._initialise()

    @property
    def any_style(self) -> int:
        """Style index that means "not given"."""
        return len(self.config.styles)

    def _initialise(self) -> None:
        for m in self.modules():
            if isinstance(m, nn.Linear):
                nn.init.xavier_uniform_(m.weight)
                nn.init.zeros_(m.bias)
        # adaLN-Zero: gates start near 0, so every block starts as the identity, and the output starts at 0.
        nn.init.zeros_(self.modulate[-1].get_parameter("weight"))
        for block in self.blocks:
            with torch.no_grad():
                block.get_parameter("table")[[2, 5]] = 0
        for out in self.outputs.values():
            nn.init.zeros_(out.get_parameter("weight"))
        nn.init.normal_(self.kind.weight, std=0.02)
        nn.init.normal_(self.style.weight, std=0.02)

    def forward(
        self,
        x: dict[str, Tensor],
        t: dict[str, Tensor],
        style: Tensor | None = None,
        hidden: list[Tensor] | None = None,
        vectors: dict[str, Tensor] | None = None,
        known: dict[str, Tensor] | None = None,
    ) -> dict[str, Tensor]:
        """One network evaluation.

        Args:
            x: per stream (B, D, *shape), scaled to unit variance. t: per stream (B,) in [0, 1], or (B, tokens) where
                the tokens of a stream differ (parts of it are kept clean while the rest is made).
            style: (B,) int64, `any_style` where not given (None: nowhere given).
            hidden: if given, each stream's summary (without them, its mean token) after the last block is appended,
                (B, C) each: what the network has understood, for auxiliary losses.
            vectors: condition -> (B, dim) (absent: not given). known: condition -> (B,) bool, False where a row has
                none (absent: all have).

        Returns:
            per stream (B, D, *shape): the velocity (see `schedule.Process.target`).
        """
        config = self.config
        tokens = [self.inputs[s.name](to_tokens(x[s.name], s)) for s in config.streams]  # (B, N_s, C)
        own = any(v.ndim == 2 for v in t.values())  # times per token instead of per stream
        # (B, streams), or (B, N); summaries and style are added below
        when = _per_token(t, config.streams) if own else torch.stack([t[s.name] for s in config.streams], dim=1)
        tokens += [layer(x[name].flatten(1))[:, None] for name, layer in self.whole.items()]
        if self.whole:
            means = [v.mean(1) if v.ndim == 2 else v for v in (t[s.name] for s in config.streams)]
            when = torch.cat([when, torch.stack(means, dim=1)], dim=1)
        if config.styles:
            if style is None:
                style = torch.full((len(when),), self.any_style, device=when.device)
            tokens.append(self.style(style)[:, None])
            when = F.pad(when, (0, 1))  # the style token is always clean: t = 0
        h = torch.cat(tokens, dim=1) + self.kind(self.owner)  # (B, N, C)
        state = self.time(time_features(when, config.width)) + self._said(len(h), vectors or {}, known or {})
        modulation = self.modulate(state)  # (B, runs or N, 6C)
        modulation = modulation.unflatten(-1, (6, -1))  # (B, runs or N, 6, C)
        runs = [s.tokens for s in config.streams] + [1] * (len(self.whole) + bool(config.styles))
        for block in self.blocks:
            h = block(h, modulation, self.cos, self.sin, runs)
        if hidden is not None:
            first = len(config.streams) if self.whole else 0
            hidden += [part.mean(1) for part in h.split(runs, dim=1)[first : first + len(config.streams)]]
        shift, scale = self.final
        h = F.layer_norm(h, h.shape[-1:]) * (1 + scale) + shift
        parts = h.split(runs, dim=1)
        return {
            s.name: from_tokens(self.outputs[s.name](part), s) for s, part in zip(config.streams, parts, strict=False)
        }

    def _said(self, batch: int, vectors: dict[str, Tensor], known: dict[str, Tensor]) -> Tensor | float:
        """Sum of the vector conditions, (B, 1, C)."""
        total: Tensor | float = 0.0
        for name, layer in self.vectors.items():
            absent = self.no_vector[name].expand(batch, -1)
            row = absent
            if name in vectors:
                row = layer(vectors[name])
                row = torch.where(known[name][:, None], row, absent) if name in known else row
            total = total + row[:, None]
        return total


def _per_token(t: dict[str, Tensor], streams: list[Stream]) -> Tensor:
    """Times per stream, (B,) or (B, tokens) each -> (B, N)"""
    wide = [t[s.name] if t[s.name].ndim == 2 else t[s.name][:, None].expand(-1, s.tokens) for s in streams]
    return torch.cat(wide, dim=1)


def to_tokens(x: Tensor, stream: Stream) -> Tensor:
    """(B, D, *shape) of any D -> (B, N, positions of a token * D)"""
    batch, dim = x.shape[:2]
    if len(stream.shape) == 1:
        return x.transpose(1, 2).reshape(batch, stream.tokens, -1)
    (rows, columns), (p, q) = stream.grid, stream.patches
    return x.reshape(batch, dim, rows, p, columns, q).permute(0, 2, 4, 3, 5, 1).reshape(batch, stream.tokens, -1)


def from_tokens(h: Tensor, stream: Stream) -> Tensor:
    """(B, N, positions of a token * D) -> (B, D, *shape)"""
    batch, dim = len(h), h.shape[2] * stream.tokens // math.prod(stream.shape)
    if len(stream.shape) == 1:
        return h.reshape(batch, -1, dim).transpose(1, 2)
    (rows, columns), (p, q) = stream.grid, stream.patches
    split = h.reshape(batch, rows, columns, p, q, dim)
    return split.permute(0, 5, 1, 3, 2, 4).reshape(batch, dim, *stream.shape)
