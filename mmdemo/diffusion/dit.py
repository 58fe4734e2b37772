"""A diffusion transformer (DiT) over several modalities at once.

Peebles & Xie 2023 (adaLN-Zero), with one shared modulation MLP and a small table per block (PixArt-alpha, Chen et
al. 2023), QK-norm, and rotary position embedding: axial for images, 1-D for sound and text, with learned positions
besides where asked for. Each modality carries its own time step, so that clean modalities condition noisy ones
(UniDiffuser, Bao et al. 2023).

Shapes: B samples, N tokens, R runs of tokens that share a time step, C the width, D the channels of a latent.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from . import functional as fn
from .patches import from_tokens, missing_positions, to_tokens, without_padding
from .streams import Condition, DiTConfig, Stream

# ------------------------------------------------------------------------------------------ embeddings


def rotary_angles(config: DiTConfig) -> Tensor:
    """Rotation angles of every token, (N, head_dim / 2); those of no place in a stream, last, do not rotate."""
    half = config.width // config.heads // 2
    rows = []
    for stream in config.leaders:
        axes = len(stream.shape)
        per_axis = half // axes
        steps = torch.arange(per_axis, dtype=torch.float32) / per_axis
        frequency = 1.0 / 100.0**steps  # (per_axis,); short sequences: base 100
        grid = torch.cartesian_prod(*[torch.arange(n).float() for n in stream.grid]).reshape(-1, axes)  # (n, axes)
        angles = (grid[:, :, None] * frequency).reshape(len(grid), -1)
        rows.append(F.pad(angles, (0, half - angles.shape[1])))
    return torch.cat([*rows, torch.zeros(config.unplaced, half, dtype=torch.float32)])


def timestep_embedding(t: Tensor, width: int) -> Tensor:
    """Sinusoids of t in [0, 1]: (...,) -> (..., width)"""
    steps = torch.arange(width // 2, device=t.device, dtype=torch.float32)
    frequency = torch.exp(-math.log(1000.0) * steps / (width // 2))
    angle = 1000 * t[..., None] * frequency
    return torch.cat([angle.cos(), angle.sin()], dim=-1)


def timestep_embedder(width: int) -> nn.Sequential:
    """(..., C) -> (..., C)"""
    return nn.Sequential(nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width))


class TokenSequence(NamedTuple):
    """What all blocks need to know of the token sequence of a batch.

    Attributes:
        runs: tokens of each stream, then 1 for each global token, each of a condition, and the style.
        cos, sin: (N, head_dim / 2).
        mask: (B, 1, 1, N) bool, False on padding (None: there is none).
    """

    runs: list[int]
    cos: Tensor
    sin: Tensor
    mask: Tensor | None


class Given(NamedTuple):
    """Vector conditions of a batch, as in `DiT.forward`."""

    vectors: Mapping[str, Tensor]
    known: Mapping[str, Tensor]

    def embedded(self, name: str, embedder: nn.Module, null: Tensor, batch: int) -> Tensor:
        """What a condition becomes, and ``null`` (D,) where it is not given: (B, D)"""
        none = null.expand(batch, -1)
        if name not in self.vectors:
            return none
        return self.where_known(name, embedder(self.vectors[name]), none)

    def where_known(self, name: str, told: Tensor, none: Tensor | float) -> Tensor:
        """What a condition tells (B, ...), and ``none`` in rows that do not have it."""
        if name not in self.known:
            return told
        return torch.where(self.known[name].reshape(-1, *[1] * (told.ndim - 1)), told, none)


# ------------------------------------------------------------------------------------------ block


class Attention(nn.Module):
    """Multi-head self-attention with normalised queries and keys (QK-norm keeps large learning rates stable)."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.qkv = nn.Linear(width, 3 * width)
        self.q_norm = nn.RMSNorm(width // heads, eps=fn.EPS)
        self.k_norm = nn.RMSNorm(width // heads, eps=fn.EPS)
        self.proj = nn.Linear(width, width)

    def forward(self, x: Tensor, seq: TokenSequence) -> Tensor:
        """(B, N, C) -> (B, N, C)"""
        qkv = self.qkv(x)  # (B, N, 3C)
        q, k, v = fn.qk_norm_rotary(qkv, self.q_norm.weight, self.k_norm.weight, seq.cos, seq.sin)
        y = fn.attention(q, k, v, seq.mask, self.training)  # (B, heads, N, head_dim)
        return self.proj(y.transpose(1, 2).flatten(2))


class Mlp(nn.Module):
    """Two layers, with a GELU between them."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, hidden)
        self.fc2 = nn.Linear(hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        """(B, N, C) -> (B, N, C)"""
        return fn.mlp(x, self.fc1, self.fc2)


class Block(nn.Module):
    """Attention and MLP, each modulated by the time step (adaLN-Zero)."""

    def __init__(self, config: DiTConfig) -> None:
        super().__init__()
        width = config.width
        self.attn = Attention(width, config.heads)
        self.mlp = Mlp(width, config.expansion * width)
        # This block's offset to the modulation that all share.
        self.scale_shift_table = nn.Parameter(torch.randn(6, width) / width**0.5)

    def forward(self, x: Tensor, modulation: Tensor, seq: TokenSequence) -> Tensor:
        """x (B, N, C), modulation (B, R or N, 6, C): a row for each run of tokens, or each token -> (B, N, C)"""
        m = modulation + self.scale_shift_table
        shift_msa, scale_msa, gate_msa, shift_mlp, scale_mlp, gate_mlp = m.unbind(2)  # (B, R or N, C) each
        h = fn.modulate(fn.layer_norm(x), 1 + scale_msa, shift_msa, seq.runs)  # (B, N, C)
        x = fn.modulate(self.attn(h, seq), gate_msa, x, seq.runs)  # x + gate * attn(h)
        h = fn.modulate(fn.layer_norm(x), 1 + scale_mlp, shift_mlp, seq.runs)
        return fn.modulate(self.mlp(h), gate_mlp, x, seq.runs)


class ConditionalMean(nn.Module):
    """What a condition and the style lead one to expect of some streams: the mean of their latents.

    A perceptron gives all places at once, for a hundredth of the transformer's time, and learns what belongs where from
    a tenth of the pictures that the transformer takes, which sees it from one noisy token at a time. Its mean is added
    to the noisy tokens and may be trained as such, too (Grad-TTS, Popov et al. 2021, begins from an encoder's mean).
    """

    def __init__(self, condition: Condition, config: DiTConfig) -> None:
        super().__init__()
        self.streams = [s for s in config.leaders if s.name in condition.mean]
        hidden = condition.hidden
        self.fc1, self.fc2 = nn.Linear(condition.dim + config.width, hidden), nn.Linear(hidden, hidden)
        self.fc3 = nn.Linear(hidden, sum(s.tokens * s.token_dim for s in self.streams))
        self.embedders = nn.ModuleDict({s.name: nn.Linear(s.token_dim, config.width) for s in self.streams})

    def forward(self, vector: Tensor, style: Tensor) -> dict[str, Tensor]:
        """vector (B, dim), the style's embedding (B, C) -> per stream (B, tokens, positions of a token * D)"""
        h = F.gelu(self.fc1(torch.cat([vector, style], dim=1)), approximate="tanh")
        h = self.fc3(F.gelu(self.fc2(h), approximate="tanh"))
        parts = h.split([s.tokens * s.token_dim for s in self.streams], dim=1)
        return {s.name: p.unflatten(1, (s.tokens, -1)) for s, p in zip(self.streams, parts, strict=True)}


# ------------------------------------------------------------------------------------------ model


class DiT(nn.Module):
    """Noisy latents and a time step per modality -> predicted velocity per modality.

    Tokens in their order: those of each stream; a global token of each stream, if there are any; those of vector
    conditions, if they have any; the style. A global token is a linear map of all of a stream's latent: the first layer
    of a perceptron, from which a digit is read sooner than from tokens that see 8 x 8 pixels each. Nothing is predicted
    from it.

    A stream that is `aligned` to another has no tokens of its own: what both say of a moment is added up to one token,
    from which both are predicted (as text is added to the frames of speech in Voicebox, Le et al. 2023, and F5-TTS,
    Chen et al. 2024). That takes half the tokens of two streams side by side, and they cannot drift apart. Each still
    has a time step of its own; what is made of both modulates the token.
    """

    cos: Tensor
    sin: Tensor
    modality: Tensor

    def __init__(self, config: DiTConfig) -> None:
        super().__init__()
        self.config = config
        width, k = config.width, len(config.streams)
        self.x_embedders = nn.ModuleDict({s.name: nn.Linear(s.token_dim, width) for s in config.streams})
        self.final_layers = nn.ModuleDict({s.name: nn.Linear(width, s.token_dim) for s in config.streams})
        summarised = config.streams if config.global_tokens else []
        self.summary_proj = nn.ModuleDict({s.name: nn.Linear(s.dim * math.prod(s.shape), width) for s in summarised})
        of_conditions = sum(c.tokens for c in config.conditions)
        # streams; style; global tokens; tokens of conditions
        self.modality_embedding = nn.Embedding(k + 1 + len(summarised) + of_conditions, width)
        self.position_embedding = (
            nn.Embedding(sum(s.tokens for s in config.leaders), width) if config.positions else None
        )
        self.style_embedding = nn.Embedding(len(config.styles) + 1, width)  # the last entry means "any"
        # What a vector says, and what stands for it where it is not given; both start at nothing.
        self.vector_embedders = nn.ModuleDict({c.name: nn.Linear(c.dim, width) for c in config.conditions})
        self.null_vectors = nn.ParameterDict({c.name: nn.Parameter(torch.zeros(width)) for c in config.conditions})
        worded = [c for c in config.conditions if c.tokens]
        self.vector_tokens = nn.ModuleDict({c.name: nn.Linear(c.dim, c.tokens * width) for c in worded})
        self.null_tokens = nn.ParameterDict({c.name: nn.Parameter(torch.zeros(c.tokens * width)) for c in worded})
        self.means = nn.ModuleDict({c.name: ConditionalMean(c, config) for c in config.conditions if c.mean})
        self.t_embedder = timestep_embedder(width)
        self.modulation = nn.Sequential(nn.SiLU(), nn.Linear(width, 6 * width))
        self.blocks = nn.ModuleList([Block(config) for _ in range(config.depth)])
        self.final_scale_shift_table = nn.Parameter(torch.zeros(2, width))
        self.aligned_t_embedders = nn.ModuleDict(
            {s.name: timestep_embedder(width) for s in config.streams if s.aligned}
        )
        angles = rotary_angles(config)
        self.register_buffer("cos", angles.cos(), persistent=False)
        self.register_buffer("sin", angles.sin(), persistent=False)
        modality = [i for i, s in enumerate(config.streams) if not s.aligned for _ in range(s.tokens)]
        modality += range(k + 1, k + 1 + len(summarised) + of_conditions)
        modality += [k] if config.styles else []
        self.register_buffer("modality", torch.tensor(modality), persistent=False)  # (N,)
        self._initialize_weights()

    @property
    def any_style(self) -> int:
        """Style index that means "not given"."""
        return len(self.config.styles)

    def _initialize_weights(self) -> None:
        for m in self.modules():
            if isinstance(m, nn.Linear):
                nn.init.xavier_uniform_(m.weight)
                nn.init.zeros_(m.bias)
        # adaLN-Zero: gates start near 0, so every block starts as the identity, and the output starts at 0.
        nn.init.zeros_(self.modulation[-1].get_parameter("weight"))
        for block in self.blocks:
            with torch.no_grad():
                block.get_parameter("scale_shift_table")[[2, 5]] = 0
        for mean in self.means.values():
            for embedder in mean.get_submodule("embedders").children():
                nn.init.zeros_(embedder.get_parameter("weight"))
        for out in self.final_layers.values():
            nn.init.zeros_(out.get_parameter("weight"))
        nn.init.normal_(self.modality_embedding.weight, std=0.02)
        nn.init.normal_(self.style_embedding.weight, std=0.02)
        if self.position_embedding is not None:
            nn.init.normal_(self.position_embedding.weight, std=0.02)

    def forward(
        self,
        x: Mapping[str, Tensor],
        t: Mapping[str, Tensor],
        style: Tensor | None = None,
        hidden: list[Tensor] | None = None,
        vectors: Mapping[str, Tensor] | None = None,
        known: Mapping[str, Tensor] | None = None,
        mask: Mapping[str, Tensor] | None = None,
    ) -> dict[str, Tensor]:
        """One network evaluation.

        Args:
            x: per stream (B, D, *shape), scaled to unit variance; a stream of one axis may be shorter than its shape.
            t: per stream (B,) in [0, 1], or (B, tokens) where the tokens of a stream differ (parts of it are kept
                clean while the rest is made).
            style: (B,) int64, `any_style` where not given (None: nowhere given).
            hidden: if given, each stream's global token (without them, its mean token) after the last block is
                appended, (B, C) each: what the network has understood, for auxiliary losses.
            vectors: condition -> (B, dim) (absent: not given). known: condition -> (B,) bool, False where a row has
                none (absent: all have).
            mask: stream -> (B, *shape) bool, False on padding, for rows of different lengths in one batch (absent: no
                padding). Nothing is read from padding, and the velocity there is 0. A row that is nothing but padding
                is a stream that is absent, and is seen as it is: pure noise.

        Returns:
            per stream (B, D, *shape): the velocity (see `NoiseSchedule.target`).
        """
        real = {k: m | ~m.flatten(1).any(1).reshape(-1, *[1] * (m.ndim - 1)) for k, m in (mask or {}).items()}
        given = Given(vectors or {}, known or {})
        h, seq = self.embed(x, style, real, given)  # (B, N, C)
        c = self.embed_timesteps(t, seq.runs)  # (B, R or N, C)
        c = c + self.embed_vectors(len(h), given)
        modulation = self.modulation(c).unflatten(-1, (6, -1))  # (B, R or N, 6, C)
        for block in self.blocks:
            h = block(h, modulation, seq)  # (B, N, C)
        if hidden is not None:
            hidden += self.features(h, seq)  # (B, C) each
        return self.unembed(h, seq.runs, x, real)

    # ------------------------------------------------------------------------------ its parts

    def embed(
        self, x: Mapping[str, Tensor], style: Tensor | None, real: Mapping[str, Tensor], given: Given
    ) -> tuple[Tensor, TokenSequence]:
        """Latents, vectors and style -> tokens (B, N, C). ``real``: stream -> (B, *shape) bool, False on padding."""
        config = self.config
        x = without_padding(x, real)
        tokens = []
        for s in config.leaders:
            parts = [self.x_embedders[p.name](to_tokens(x[p.name], p)) for p in (s, *config.aligned_to(s))]
            tokens.append(sum(parts[1:], parts[0]))  # (B, tokens, C)
        batch = len(tokens[0])
        if style is None:
            style = torch.full((batch,), self.any_style, device=tokens[0].device)
        styles = self.style_embedding(style)  # (B, C)
        tokens = self.add_means(tokens, styles, given)
        lengths = [part.shape[1] for part in tokens]
        tokens += [
            proj(F.pad(x[name], missing_positions(x[name], self._stream(name))).flatten(1))[:, None]
            for name, proj in self.summary_proj.items()
        ]
        for name, embedder in self.vector_tokens.items():
            rows = given.embedded(name, embedder, self.null_tokens[name], batch)  # (B, tokens * C)
            tokens += rows.reshape(batch, -1, config.width).split(1, dim=1)
        if config.styles:
            tokens.append(styles[:, None])
        runs = lengths + [1] * (len(tokens) - len(lengths))
        cos, sin, modality = (self._rows(table, lengths) for table in (self.cos, self.sin, self.modality))
        h = torch.cat(tokens, dim=1) + self.modality_embedding(modality)
        if self.position_embedding is not None:
            places = self._rows(self.position_embedding.weight, lengths)  # (tokens of the streams, C)
            h = h + F.pad(places, (0, 0, 0, h.shape[1] - len(places)))
        return h, TokenSequence(runs, cos, sin, self._attention_mask(real, runs, batch))

    def add_means(self, tokens: list[Tensor], styles: Tensor, given: Given) -> list[Tensor]:
        """Tokens of the leading streams (B, tokens, C), with what conditions expect of them; ``styles``: (B, C)."""
        tokens = list(tokens)
        for name in (name for name in self.means if name in given.vectors):
            mean = cast(ConditionalMean, self.means[name])
            for stream, told in mean(given.vectors[name], styles).items():
                i = [s.name for s in self.config.leaders].index(stream)
                more = mean.embedders[stream](told[:, : tokens[i].shape[1]])
                tokens[i] = tokens[i] + given.where_known(name, more, 0.0)
        return tokens

    def embed_timesteps(self, t: Mapping[str, Tensor], runs: list[int]) -> Tensor:
        """Time steps -> (B, R, C), or (B, N, C) where some are given per token."""
        config = self.config
        per_token = any(steps.ndim == 2 for steps in t.values())

        def rows(s: Stream, run: int) -> Tensor:
            """(B, 1), or (B, tokens)"""
            steps = t[s.name] if t[s.name].ndim == 2 else t[s.name][:, None]
            return steps.expand(-1, runs[run]) if per_token else steps

        timesteps = [rows(s, i) for i, s in enumerate(config.leaders)]
        summarised = config.streams if config.global_tokens else []
        timesteps += [t[s.name].reshape(len(t[s.name]), -1).mean(1, keepdim=True) for s in summarised]
        clean = config.unplaced - len(summarised)  # conditions and the style always are: t = 0
        c = F.pad(torch.cat(timesteps, dim=1), (0, clean))
        c = self.t_embedder(timestep_embedding(c, config.width))
        for i, leader in enumerate(config.leaders):
            before = sum(runs[:i]) if per_token else i
            for s in config.aligned_to(leader):
                own = self.aligned_t_embedders[s.name](timestep_embedding(rows(s, i), config.width))
                c = c + F.pad(own, (0, 0, before, c.shape[1] - before - own.shape[1]))
        return c

    def embed_vectors(self, batch: int, given: Given) -> Tensor | float:
        """Sum of the vector conditions, (B, 1, C)."""
        total: Tensor | float = 0.0
        for name, embedder in self.vector_embedders.items():
            total = total + given.embedded(name, embedder, self.null_vectors[name], batch)[:, None]
        return total

    def features(self, h: Tensor, seq: TokenSequence) -> list[Tensor]:
        """Each stream's global token, or the mean of its tokens that are no padding: (B, C) each."""
        config = self.config
        parts = h.split(seq.runs, dim=1)
        if config.global_tokens:
            first = len(config.leaders)
            return [part[:, 0] for part in parts[first : first + len(config.streams)]]
        weights = torch.ones_like(h[..., :1]) if seq.mask is None else seq.mask[:, 0, 0, :, None].to(h)  # (B, N, 1)
        pairs = zip(parts, weights.split(seq.runs, dim=1), strict=True)
        means = [(part * w).sum(1) / w.sum(1) for part, w in pairs]
        at = {s.name: i for i, s in enumerate(config.leaders)}
        return [means[at[s.aligned or s.name]] for s in config.streams]

    def unembed(
        self, h: Tensor, runs: list[int], x: Mapping[str, Tensor], real: Mapping[str, Tensor]
    ) -> dict[str, Tensor]:
        """Tokens (B, N, C) -> velocity per stream (B, D, *shape); the other arguments as in `forward`."""
        shift, scale = self.final_scale_shift_table
        h = fn.layer_norm(h) * (1 + scale) + shift
        parts = dict(zip([s.name for s in self.config.leaders], h.split(runs, dim=1), strict=False))
        out = {}
        for s in self.config.streams:
            y = self.final_layers[s.name](parts[s.aligned or s.name])  # (B, tokens, positions of a token * D)
            out[s.name] = from_tokens(y, s, x[s.name].shape[2])
        return without_padding(out, real)

    def _stream(self, name: str) -> Stream:
        return next(s for s in self.config.streams if s.name == name)

    def _rows(self, table: Tensor, lengths: list[int]) -> Tensor:
        """A table's rows of the tokens that there are: of a shorter stream, the first."""
        full = [s.tokens for s in self.config.leaders]
        if lengths == full:
            return table
        rest = table[sum(full) :]
        parts = table[: sum(full)].split(full)
        return torch.cat([*(part[:n] for part, n in zip(parts, lengths, strict=True)), rest])

    def _attention_mask(self, real: Mapping[str, Tensor], runs: list[int], batch: int) -> Tensor | None:
        """(B, 1, 1, N) bool. A token is there if any of its positions is, in any stream that is aligned to it."""
        if not real:
            return None
        there = [torch.ones(batch, n, dtype=torch.bool, device=self.cos.device) for n in runs]
        for i, leader in enumerate(self.config.leaders):
            group = (leader, *self.config.aligned_to(leader))
            if all(s.name in real for s in group):
                there[i] = torch.stack([to_tokens(real[s.name][:, None], s).any(2) for s in group]).any(0)
        return torch.cat(there, dim=1)[:, None, None]
