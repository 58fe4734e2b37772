"""Text tokenizer: UTF-8 bytes, four bytes a position, non-autoregressive decoder.

Bytes are embedded, four neighbours become one position, ConvNeXt blocks mix context, residual VQ, and more blocks give
256 logits for each of the four bytes. Any language works because the alphabet is bytes; any length because nothing
attends.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch.nn.functional as F
from torch import Tensor, nn

from .base import Tokenizer
from .layers import ChannelNorm, stack
from .quantize import BottleneckConfig

ENCODERS = ("conv", "gru")


@dataclass
class TextTokenizerConfig:
    """Sizes of the text tokenizer."""

    byte_width: int = 96  # channels of one embedded byte
    width: int = 256  # channels of one position
    encoder: str = "conv"  # "conv" (ConvNeXt) or "gru" (bidirectional GRU)
    encoder_depth: int = 4
    decoder_width: int = 0  # channels of one position in the decoder; 0: as in the encoder
    decoder_depth: int = 6
    kernel: int = 5
    expansion: int = 3
    decoder_expansion: int = 0  # 0: as in the encoder
    unit_latents: bool = False  # latents of mean 0 and variance 1 at every position before they are quantised
    bottleneck: BottleneckConfig = field(default_factory=lambda: BottleneckConfig(dim=16, levels=3, codebook_size=512))

    def __post_init__(self) -> None:
        if self.encoder not in ENCODERS:
            raise ValueError(f"Unknown text encoder {self.encoder!r}; choose one of {', '.join(ENCODERS)}.")


class TextTokenizer(Tokenizer):
    """UTF-8 bytes <-> codes, four bytes a position."""

    modality = "text"
    stride = 4

    def __init__(self, config: TextTokenizerConfig) -> None:
        super().__init__(config.bottleneck)
        self.config = config
        width, unit = config.width, config.byte_width
        self.embed = nn.Embedding(256, unit)
        self.gather = nn.Linear(self.stride * unit, width)
        self.encoder = (
            _Recurrent(width, config.encoder_depth)
            if config.encoder == "gru"
            else stack(width, config.encoder_depth, 1, config.kernel, config.expansion)
        )
        self.project_in = nn.Sequential(ChannelNorm(width), nn.Conv1d(width, self.bottleneck.in_dim, 1))
        inner = config.decoder_width or width
        self.level_embedding = nn.Embedding(self.levels + 1, inner)  # tells the decoder how coarse its latent is
        self.project_out = nn.Linear(self.dim, inner)
        expansion = config.decoder_expansion or config.expansion
        self.decoder = stack(inner, config.decoder_depth, 1, config.kernel, expansion)
        self.logits = nn.Sequential(nn.LayerNorm(inner), nn.Linear(inner, self.stride * 256))
        nn.init.zeros_(self.level_embedding.weight)

    def to_latent(self, x: Tensor) -> Tensor:
        """(B, T) uint8 or int64 bytes -> (B, in_dim, ceil(T / 4)); the tail is padded with NUL bytes."""
        x = F.pad(x.long(), (0, -x.shape[-1] % self.stride))
        h = self.embed(x)  # (B, T, unit)
        h = self.gather(h.reshape(len(x), -1, self.stride * h.shape[-1])).transpose(1, 2)  # (B, width, T/4)
        z = self.project_in(self.encoder(h))  # (B, in_dim, T/4)
        if self.config.unit_latents and self.levels:
            # Else the encoder outgrows its codebooks: latents get large, commitment dear, and half the codes idle.
            z = F.layer_norm(z.transpose(1, 2), z.shape[1:2]).transpose(1, 2)
        return z

    def from_latent(self, z: Tensor, active: Tensor) -> Tensor:
        """(B, D, n) -> logits (B, 256, 4n)."""
        h = self.project_out(z.transpose(1, 2)) + self.level_embedding(active)[:, None]  # (B, n, inner)
        h = self.decoder(h.transpose(1, 2)).transpose(1, 2)  # (B, n, inner)
        return self.logits(h).view(len(z), -1, 256).transpose(1, 2)  # (B, n, 4*256) -> (B, 256, 4n)


class _Recurrent(nn.Module):
    """Bidirectional GRU over (B, C, T), same shape out: the classic sequence encoder, kept for comparison."""

    def __init__(self, channels: int, depth: int) -> None:
        super().__init__()
        self.gru = nn.GRU(channels, channels // 2, depth, batch_first=True, bidirectional=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.gru(x.transpose(1, 2))[0].transpose(1, 2)
