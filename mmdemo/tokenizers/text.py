"""Text tokenizer: UTF-8 bytes, four bytes a position, non-autoregressive decoder.

Four neighbouring bytes become one position: a learned encoder (ConvNeXt blocks or a GRU) mixes in their context, or
each byte's fixed vector is set beside the others' ("fixed"). Residual VQ, and ConvNeXt blocks give 256 logits for each
of the four bytes. Any language works because the alphabet is bytes; any length because nothing attends.
"""

from __future__ import annotations

from dataclasses import field
from typing import Annotated, Any

import torch
import torch.nn.functional as F
from pydantic import BeforeValidator, model_validator
from torch import Tensor, nn

from ..config import Depth, Expansion, ExpansionOr0, Kernel, Natural, Share, Width, WidthOr0, check_weights, settings
from ..quantizers import Bottleneck
from ..quantizers.kmeans import nearest
from ..quantizers.residual import ResidualVQConfig
from . import fallback
from .autoencoder import Autoencoder
from .base import ReceptiveField
from .fallback import ByteFallback
from .layers import ChannelNorm, stack
from .receptive_field import receptive_field

ENCODERS = ("conv", "gru", "fixed")
EARLIER_NAMES = {"read_spelling": "latent_logits"}  # in config.json of earlier versions
EARLIER_ENCODERS = {"spell": "fixed"}
SHARP = 20.0  # unit of the weight that a fixed latent has in the logits: so it is learned as fast as the rest
LEADS = 1 << 13  # bytes whose products with all bytes' vectors are held at once, for texts of any length
CORRECTION = 0.45  # a codeword's part for one byte is about 1 long where it changes the byte, 0.1 where it does not


@settings
class TextTokenizerConfig:
    """Sizes of the text tokenizer."""

    byte_width: Width = 96  # channels of one embedded byte
    width: Width = 256  # channels of one position
    # "conv" (ConvNeXt), "gru" (bidirectional GRU) or "fixed" (a vector for each byte)
    encoder: Annotated[str, BeforeValidator(lambda name: EARLIER_ENCODERS.get(str(name), name))] = "conv"
    encoder_depth: Depth = 4
    decoder_width: WidthOr0 = 0  # channels of one position in the decoder; 0: as in the encoder
    decoder_depth: Depth = 6
    kernel: Kernel = 5
    expansion: Expansion = 3
    decoder_expansion: ExpansionOr0 = 0  # 0: as in the encoder
    code_embeddings: bool = False  # the decoder has a vector of its own for every code, beside the sum of codewords
    fallback: Natural = 0  # codes of level 1, of an encoder "fixed", for bytes which no codewords spell (`fallback.py`)
    fallback_symbols: Natural = 64  # what of a byte a template leaves to later levels: one of so many, 64 or 100
    fallback_lead: Share = 0.0  # codewords spell a byte where they are so much nearer to it than to any other, of 1
    latent_logits: bool = False  # of an encoder "fixed": the logits begin with how near each byte's vector is
    unit_latents: bool = False  # latents of mean 0 and variance 1 at every position before they are quantised
    bottleneck: Bottleneck = field(default_factory=lambda: ResidualVQConfig(dim=16, levels=3, codebook_size=512))

    @model_validator(mode="before")
    @classmethod
    def _earlier_names(cls, values: Any) -> Any:
        if isinstance(values, dict):
            return {EARLIER_NAMES.get(k, k): v for k, v in values.items()}
        return values  # arguments of the constructor

    def __post_init__(self) -> None:
        if self.encoder not in ENCODERS:
            raise ValueError(f"Unknown text encoder {self.encoder!r}; choose one of {', '.join(ENCODERS)}.")
        if self.encoder == "fixed" and self.bottleneck.dim % TextTokenizer.stride:
            raise ValueError(f"A latent of {self.bottleneck.dim} channels has no equal share for each of 4 bytes.")
        needed = fallback.NEEDED.get(self.fallback_symbols)
        if needed is None:
            raise ValueError(f"Byte fallback has 64 or 100 symbols, and not {self.fallback_symbols}.")
        fits = self.bottleneck.levels == fallback.LEVELS and self.bottleneck.codebook_size >= needed
        if self.fallback and (self.encoder != "fixed" or not fits):
            raise ValueError(f'Byte fallback needs the encoder "fixed" and 3 levels of {needed} codes or more.')
        inner = self.decoder_width or self.width
        encoder = self.encoder_depth * max(12, 2 * self.expansion) * self.width**2 + 4 * self.byte_width * self.width
        decoder = self.decoder_depth * 2 * (self.decoder_expansion or self.expansion) * inner**2
        check_weights(encoder + decoder + (1024 + self.bottleneck.levels * self.bottleneck.codebook_size) * inner)


class TextTokenizer(Autoencoder):
    """UTF-8 bytes <-> codes, four bytes a position."""

    Config = TextTokenizerConfig
    encoder_parts = (*Autoencoder.encoder_parts, "embed", "gather", "project_in", "fallback")
    decoder_parts = (*Autoencoder.decoder_parts, "code_embedding", "logits", "reading")
    modality = "text"
    stride = 4
    axes = 1

    def __init__(self, config: TextTokenizerConfig) -> None:
        super().__init__(config.bottleneck)
        self.config = config
        self.fixed_bytes = config.encoder == "fixed"
        width = config.width
        if self.fixed_bytes:  # nothing to learn: the vectors come from training.alphabet
            self.embed = nn.Embedding(256, self.dim // self.stride).requires_grad_(False)
            self.gather: nn.Module = nn.Identity()
            self.encoder: nn.Module = nn.Identity()
            self.project_in: nn.Module = nn.Identity()
        else:
            self.embed = nn.Embedding(256, config.byte_width)
            self.gather = nn.Linear(self.stride * config.byte_width, width)
            self.encoder = (
                _Recurrent(width, config.encoder_depth)
                if config.encoder == "gru"
                else stack(width, config.encoder_depth, 1, config.kernel, config.expansion)
            )
            self.project_in = nn.Sequential(ChannelNorm(width), nn.Conv1d(width, self.bottleneck.in_dim, 1))
        inner = config.decoder_width or width
        self.level_embedding = nn.Embedding(self.levels + 1, inner)  # tells the decoder how coarse its latent is
        self.project_out = nn.Linear(self.dim, inner)
        own = config.code_embeddings and self.levels > 0
        self.fallback = ByteFallback(self.codebook_size, config.fallback_symbols) if config.fallback else None
        books = self.levels + (self.levels - 1 if config.fallback else 0)
        self.code_embedding = nn.Embedding(books * self.codebook_size, inner) if own else None
        expansion = config.decoder_expansion or config.expansion
        self.decoder = stack(inner, config.decoder_depth, 1, config.kernel, expansion)
        self.logits = nn.Sequential(nn.LayerNorm(inner), nn.Linear(inner, self.stride * 256))
        self.reading = nn.Parameter(torch.zeros(self.levels + 1)) if self.fixed_bytes and config.latent_logits else None
        nn.init.zeros_(self.level_embedding.weight)
        if self.code_embedding is not None:
            nn.init.normal_(self.code_embedding.weight, std=0.02)

    def to_latent(self, x: Tensor) -> Tensor:
        """(B, T) uint8 or int64 bytes -> (B, in_dim, ceil(T / 4)); the tail is padded with NUL bytes."""
        x = F.pad(x.long(), (0, -x.shape[-1] % self.stride))
        h = self.embed(x)  # (B, T, unit)
        h = self.gather(h.reshape(len(x), -1, self.stride * h.shape[-1])).transpose(1, 2)  # (B, width, T/4)
        z = self.project_in(self.encoder(h))  # (B, in_dim, T/4)
        if self.config.unit_latents and self.levels and not self.fixed_bytes:
            # Else the encoder outgrows its codebooks: latents get large, commitment dear, and half the codes idle.
            z = F.layer_norm(z.transpose(1, 2), z.shape[1:2]).transpose(1, 2)
        return z

    @torch.no_grad()
    def encode(self, x: Tensor, levels: int | None = None) -> Tensor:
        """As every tokenizer; the same four bytes of a fixed encoder are searched for once only."""
        if not self.fixed_bytes:
            return super().encode(x, levels)
        shifts = 8 * torch.arange(self.stride, device=x.device)
        spans = F.pad(x.long(), (0, -x.shape[-1] % self.stride)).view(len(x), -1, self.stride)  # (B, n, 4)
        found, where = (spans << shifts).sum(2).unique(return_inverse=True)  # (U,), (B, n)
        codes = super().encode((found[:, None] >> shifts & 0xFF).view(1, -1), levels)[0]  # (levels, U)
        return codes[:, where].transpose(0, 1)

    @torch.no_grad()
    def codes(self, z: Tensor, levels: int | None = None) -> Tensor:
        """As every tokenizer; bytes that no sum of codewords spells go by a template where one fits."""
        if self.fallback is None:
            return super().codes(z, levels)
        codes = self.rvq.encode(z, barred=self.fallback.taken)  # (B, L, n)
        wanted = self.nearest_bytes(z).view(len(z), -1, self.stride)  # (B, n, 4)
        wrong = (self._lead(self.rvq.decode(codes), wanted) <= self.config.fallback_lead).any(2)  # (B, n)
        exact, fits = self.fallback.encode(wanted[wrong])  # (M, L), (M,)
        rows = codes.transpose(1, 2)  # (B, n, L), the same memory
        rows[wrong] = torch.where(fits[:, None], exact, rows[wrong])
        return codes[:, :levels]

    def latent(self, codes: Tensor, num_levels: Tensor | None = None) -> Tensor:
        """As every tokenizer; where level 1 is a template, the vectors of the bytes as far as they are known.

        Of a byte of which a part is known, it is the mean of the vectors of all bytes that it may be.
        """
        z = self.bottleneck.decode(codes, num_levels)
        if self.fallback is None or not (on := self.fallback.taken[codes[:, 0]]).any():  # (B, n)
            return z
        levels = codes.shape[1]
        counted = codes.new_full((len(codes),), levels) if num_levels is None else num_levels
        told = F.pad(codes, (0, 0, 0, self.levels - levels)).transpose(1, 2)[on]  # (M, L)
        byte, share = self.fallback.known(told, counted[:, None].expand_as(on)[on])  # (M, 4) each
        vectors = self.fallback.means(self.embed.weight)[share, byte]  # (M, 4, D/4)
        z = z.transpose(1, 2).clone()  # (B, n, D)
        z[on] = vectors.flatten(1).to(z.dtype)
        return z.transpose(1, 2)

    @property
    def receptive_field(self) -> ReceptiveField:
        """As every tokenizer; a GRU carries anything to anywhere."""
        return self._fields(receptive_field(self.encoder), receptive_field(self.decoder))

    def to_canonical(self, y: Tensor) -> Tensor:
        """Logits (B, 256, T) -> bytes (B, T) uint8."""
        return y.argmax(1).to(torch.uint8)

    def confidence(self, y: Tensor) -> Tensor:
        """Logits (B, 256, T) -> the probability of each byte of `to_canonical`, (B, T)."""
        return y.float().softmax(1).amax(1)

    def nearest_bytes(self, z: Tensor) -> Tensor:
        """Latents (B, D, n) of a fixed encoder -> the bytes whose vectors are nearest, (B, 4n)."""
        parts = z.transpose(1, 2).reshape(-1, self.embed.embedding_dim)  # (B * 4n, D/4)
        return nearest(parts, self.embed.weight).view(len(z), -1)

    def _lead(self, z: Tensor, wanted: Tensor) -> Tensor:
        """How much nearer latents (B, D, n) are to the bytes (B, n, 4) than to any other, (B, n, 4); < 0: misspelt.

        As a difference of products with the bytes' vectors, which are all of one length: the decoder reads these.
        """
        parts = z.transpose(1, 2).reshape(-1, self.embed.embedding_dim).float()  # (B * 4n, D/4)
        leads, vectors = [], self.embed.weight.float().T
        for part, byte in zip(parts.split(LEADS), wanted.reshape(-1, 1).split(LEADS)):
            near = part @ vectors  # (m, 256)
            own = near.gather(1, byte)[:, 0]
            leads.append(own - near.scatter_(1, byte, -torch.inf).amax(1))
        return torch.cat(leads).view_as(wanted) if leads else parts.new_zeros(wanted.shape)

    def byte_codewords(self) -> Tensor:
        """Codewords that each put one byte in one place and leave the others: (4 * bytes with vectors of their own, D).

        Bytes that differ in kind alone (`mmdemo.training.alphabet`) share one: the kind goes by the first 128.
        """
        letters = self.embed.weight[:128].clone()  # (128, D/4)
        letters -= letters.mean(0)  # what all have, their kind, is no part of a change
        eye = torch.eye(self.stride, device=letters.device)
        return torch.einsum("pq,ld->plqd", eye, letters).reshape(-1, self.dim)

    def describe(self, level: int, codes: Tensor) -> list[str | None]:
        """As every tokenizer: after a fixed encoder, what a later code changes, and what a template leaves open."""
        if level and self.fixed_bytes:
            return [*self.corrections(self.rvq.codebooks[level][codes.to(self.embed.weight.device)])]
        if self.fallback is None:
            return super().describe(level, codes)
        taken = self.fallback.taken.tolist()
        return [self.fallback.describe([code])[0] if taken[code] else None for code in codes.tolist()]

    def describe_together(self, codes: Tensor) -> list[list[str] | None]:
        """Codes (l, N) -> where level 1 is a template of the byte fallback, what each level says there; else None."""
        if self.fallback is None:
            return [None] * codes.shape[1]
        taken = self.fallback.taken.cpu()[codes[0]].tolist()
        templates = [column for column, is_template in zip(codes.T.tolist(), taken, strict=True) if is_template]
        told = iter(self.fallback.describe_each(templates))
        return [next(told) if is_template else None for is_template in taken]

    def corrections(self, words: Tensor) -> list[str]:
        """What codewords (N, D) of a level after the first change: "◦e◦◦" puts an e in the second place.

        Most of them move one or two of the four bytes towards a letter and leave the rest ("◦"). Letters of other
        scripts are written with the same vectors (`mmdemo.training.alphabet`); those of ASCII stand for all.
        """
        ascii_letters = self.embed.weight[33:127]  # those that can be seen
        likeness = words.float().view(len(words), self.stride, -1) @ ascii_letters.T  # (N, 4, 94)
        strength, letter = likeness.max(2)
        rows = torch.where(strength > CORRECTION, letter + 33, ord("◦")).tolist()
        return ["".join(map(chr, row)) for row in rows]

    def from_latent(self, z: Tensor, num_levels: Tensor, codes: Tensor | None = None) -> Tensor:
        """(B, D, n) -> logits (B, 256, 4n)."""
        h = self.project_out(z.transpose(1, 2)) + self.level_embedding(num_levels)[:, None]  # (B, n, inner)
        if self.code_embedding is not None and self.bottleneck.initialized:
            h = h + self._embedded(self.codes(z) if codes is None else codes, num_levels)
        h = self.decoder(h.transpose(1, 2)).transpose(1, 2)  # (B, n, inner)
        norm, linear = self.logits[0], self.logits[1]
        assert isinstance(linear, nn.Linear)
        if self.reading is None:
            logits = linear(norm(h))
        else:
            # What is told exactly needs no guessing, however odd it is; how far to trust it goes by the levels. All
            # bytes' vectors are of one length, so a product with them tells how near they are; one matmul does both.
            near = SHARP * self.reading[num_levels][:, None, None] * z.transpose(1, 2)  # (B, n, D)
            vectors = torch.block_diag(*[self.embed.weight] * self.stride)  # (4 * 256, D)
            weight = torch.cat([linear.weight, vectors], 1)  # (4 * 256, inner + D)
            logits = F.linear(torch.cat([norm(h), near.to(h.dtype)], 2), weight, linear.bias)
        return logits.view(len(z), -1, 256).transpose(1, 2)  # (B, n, 4*256) -> (B, 256, 4n)

    def _embedded(self, codes: Tensor, num_levels: Tensor) -> Tensor:
        """Codes (B, l, n) -> the sum of the decoder's vectors for those of the levels in force, (B, n, inner).

        The sum of codewords says all this too, but to tell K ** 3 sums apart is much to ask of a linear layer.
        """
        assert self.code_embedding is not None
        levels = torch.arange(codes.shape[1], device=codes.device)
        book = levels[:, None].expand(codes.shape[1:])  # (l, n)
        if self.fallback is not None:  # later codes mean something else then, and have other vectors
            templates = self.fallback.taken[codes[:, :1]]  # (B, 1, n)
            book = book + (self.levels - 1) * (templates & (book > 0))  # (B, l, n)
        rows = self.code_embedding(codes + self.codebook_size * book)  # (B, l, n, inner)
        on = (levels < num_levels[:, None]).to(rows.dtype)  # (B, l)
        return torch.einsum("bl,blni->bni", on, rows)


class _Recurrent(nn.Module):
    """Bidirectional GRU over (B, C, T), same shape out: the classic sequence encoder, kept for comparison."""

    def __init__(self, channels: int, depth: int) -> None:
        super().__init__()
        self.gru = nn.GRU(channels, channels // 2, depth, batch_first=True, bidirectional=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.gru(x.transpose(1, 2))[0].transpose(1, 2)
