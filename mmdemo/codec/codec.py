"""A codec: one modality's files, one trained tokenizer, and the tokens between them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from .. import checkpoints
from ..checks import check_int
from ..entropy import store
from ..errors import InputError
from ..modalities import MODALITIES
from ..modalities.base import Item
from ..tokenizers import Tokenizer, build_tokenizer
from ..tokenizers.text import TextTokenizer
from ..tokens import Tokens
from ..tokens.header import AXES, META
from . import tiling


class Codec:
    """What `mmdemo.load` gives for a tokenizer checkpoint: any accepted input -> `Tokens` -> output."""

    def __init__(self, folder: Path, device: str | torch.device = "auto") -> None:
        self.config = checkpoints.read_config(folder)
        self.folder, self.name = folder, str(self.config["name"])
        self.modality = str(self.config["modality"])
        self.device = checkpoints.auto_device(device)
        model = build_tokenizer(self.modality, self.config["model"])
        checkpoints.load_into(model, folder).eval().requires_grad_(False)
        self.tokenizer: Tokenizer = model
        self.fingerprint = self.tokenizer.fingerprint()
        model.to(self.device)
        self.files = MODALITIES[self.modality]
        store.register(self.name, folder)

    @property
    def levels(self) -> int:
        return self.tokenizer.levels

    @property
    def codebook_size(self) -> int:
        return max(self.tokenizer.codebook_sizes, default=0)

    @property
    def card(self) -> str:
        """The model card, Markdown."""
        path = self.folder / "README.md"
        return path.read_text("utf-8") if path.is_file() else ""

    @property
    def codebooks(self) -> Tensor:
        """(levels, K, D), where all levels have as many codes."""
        return torch.stack([self.codebook(level) for level in range(self.levels)])

    def codebook(self, level: int) -> Tensor:
        """(K, D) codewords of one level, 0 the coarsest."""
        codewords = self.tokenizer.codebook(level)
        if codewords is None:
            raise InputError(f"The codes of {self.name!r} have no codewords.")
        return codewords.cpu()

    def load(self, source: Any) -> Item:
        """Validate an input and bring it to canonical form. Raises InputError with the reason it is refused."""
        return self.files.load(source)

    def encode(self, source: Any, levels: int | None = None, lossless: bool = False) -> Tokens:
        """Anything the modality takes (or an `Item`) -> `Tokens`.

        Args:
            levels: how many residual levels to keep, 1..L (None: all). Raises InputError outside that range.
            lossless: text only: keep the bytes too, so that `decode` is exact.
        """
        item = source if isinstance(source, Item) else self.load(source)
        levels = self._levels(levels)
        x = item.tensor[None].to(self.device)  # (1, ...)
        codes = tiling.encode(self.tokenizer, x, levels)[0].cpu()  # (levels, *positions)
        tokens = self.wrap(codes, item.meta)
        if not lossless:
            return tokens
        if self.modality != "text":
            raise InputError(f"Lossless coding is for text; {self.modality} tokens are lossy.")
        return replace(tokens, exact=bytes(item.tensor.numpy()), raw=item.raw)

    def complete(self, tokens: Tokens) -> Tokens:
        """Tokens of an exact text with their codes: a file holds only the text, and is encoded again here."""
        if tokens.levels or not tokens.exact:
            return tokens
        text = torch.frombuffer(bytearray(tokens.exact), dtype=torch.uint8)
        return self.encode(Item(text, dict(tokens.meta), raw=tokens.raw), lossless=True)

    def _levels(self, levels: int | None) -> int:
        if levels is None:
            return self.levels
        return check_int(f"number of levels of the model {self.name!r}", levels, 1, self.levels)

    def wrap(self, codes: Tensor, meta: dict[str, Any]) -> Tokens:
        """Codes (levels, *positions) made by this tokenizer -> `Tokens`."""
        return Tokens(codes.long(), self.name, self.modality, self.codebook_size, self.fingerprint, dict(meta))

    def decode(self, tokens: Tokens, levels: int | None = None, original: bool = False) -> Any:
        """`Tokens` -> PIL.Image, str, or (16000, float32 array). Raises InputError if other weights made them.

        With ``original`` a sound has the sample rate and channels of the input: (rate, array (T,) or (T, channels)).
        """
        return self.restore(self.decode_tensor(tokens, levels), tokens.meta, original)

    def restore(self, y: Tensor, meta: dict[str, Any], original: bool = False) -> Any:
        """Canonical tensor -> what `decode` gives."""
        if original and self.modality == "audio":
            return self.files.restore(y, meta, original=True)
        return self.files.restore(y, meta)

    def decode_tensor(self, tokens: Tokens, levels: int | None = None) -> Tensor:
        """`Tokens` -> canonical tensor, cropped to the input's size; the exact text where the tokens hold it.

        With ``levels`` given the result is the lossy one of that many levels.
        """
        if tokens.exact and levels is None:
            return torch.frombuffer(bytearray(tokens.exact), dtype=torch.uint8)
        tokens = self.complete(tokens)
        self.check(tokens)
        if levels is not None:
            tokens = tokens.truncate(levels)
        y = tiling.decode(self.tokenizer, tokens.codes[None].to(self.device))
        return self._cropped(y, tokens.meta)[0].cpu()

    def canonical(self, y: Tensor, meta: dict[str, Any] | None = None) -> Tensor:
        """Tokenizer output (B, ...) -> canonical batch: pictures clipped, waveforms clipped, logits -> bytes."""
        return self._cropped(self.tokenizer.to_canonical(y), meta or {})

    def _cropped(self, y: Tensor, meta: dict[str, Any]) -> Tensor:
        if self.modality == "image":
            return y[..., : meta.get("height"), : meta.get("width")]
        return y[..., : meta.get("samples" if self.modality == "audio" else "bytes")]

    def check(self, tokens: Tokens) -> None:
        """Raise InputError unless this very tokenizer made ``tokens``."""
        if tokens.modality != self.modality:
            raise InputError(
                f"These tokens are {tokens.modality}, and the model {self.name!r} decodes {self.modality}."
            )
        if tokens.fingerprint != self.fingerprint:
            raise InputError(
                f"These tokens were made by other weights ({tokens.model} {tokens.fingerprint}); "
                f"the model {self.name!r} here is {self.fingerprint}."
            )
        sizes = [tokens.meta[key] for key in META[self.modality][: AXES[self.modality]]]
        positions = tuple(-(-size // self.tokenizer.stride) for size in sizes)
        fits = tokens.codebook_size == self.codebook_size and tokens.levels <= self.levels
        fits = fits and tokens.positions == positions and tokens.count > 0
        if not fits or not 0 <= int(tokens.codes.min()) <= int(tokens.codes.max()) < self.codebook_size:
            raise InputError(
                f"These tokens are none of the model {self.name!r}: {_times(tokens.codes.shape)} codes of "
                f"{tokens.codebook_size} for a size of {_times(sizes)}, where it has up to "
                f"{_times([self.levels, *positions])} of {self.codebook_size}."
            )

    def latent(self, tokens: Tokens, levels: int | None = None) -> Tensor:
        """Sum of the chosen codewords, (1, D, *positions): what the diffusion transformer works on."""
        self.check(tokens)
        codes = tokens.codes if levels is None else tokens.truncate(levels).codes
        return self.tokenizer.latent(codes[None].to(self.device))

    @torch.no_grad()
    def decode_latent(self, z: Tensor, meta: dict[str, Any] | None = None) -> Tensor:
        """Latents (B, D, *positions) -> canonical batch."""
        return self.canonical(self.tokenizer.decode_latent(z.to(self.device)), meta)

    def show_code(self, level: int, code: int) -> Any:
        """One codeword alone, decoded in the middle of otherwise average surroundings.

        A picture patch (8x8 pixels), a short sound (5 frames of the code), or the text its position spells; of a text
        tokenizer that spells (`TextTokenizer.corrections`), what a code of a level after the first puts where. Of a
        template (`tokenizers.fallback`), what it leaves open.
        """
        return self.show_codes(level, torch.tensor([code]))[0]

    @torch.no_grad()
    def show_codes(self, level: int, codes: Tensor) -> list[Any]:
        """`show_code` for many codes (N,) at once."""
        if (
            not 0 <= level < self.levels
            or len(codes) == 0
            or not 0 <= int(codes.min()) <= int(codes.max()) < self.codebook_size
        ):
            raise InputError(f"{self.name!r} has levels 1 to {self.levels} with codes 0 to {self.codebook_size - 1}.")
        word = self.codebook(level)[codes].to(self.device)  # (N, D)
        if level and isinstance(self.tokenizer, TextTokenizer) and self.tokenizer.spells:
            return self.tokenizer.corrections(word)
        side = {"image": 3, "audio": 5, "text": 1}[self.modality]
        axes = 2 if self.modality == "image" else 1
        z = word[(...,) + (None,) * axes].expand(-1, -1, *[side] * axes)  # the code next to itself
        y = self.canonical(self.tokenizer.decode_latent(z.contiguous(), level + 1)).cpu()
        stride = self.tokenizer.stride
        if self.modality == "image":
            y = y[..., stride:-stride, stride:-stride]
        meta = {
            "image": {"height": stride, "width": stride},
            "audio": {"samples": y.shape[-1], "sample_rate": 16_000, "channels": 1},
            "text": {"bytes": stride},
        }
        shown = [self.files.restore(row, meta[self.modality]) for row in y]
        if isinstance(self.tokenizer, TextTokenizer) and (fallback := self.tokenizer.fallback) is not None:
            taken = fallback.taken.tolist()
            return [
                fallback.tells([code])[0] if taken[code] else says
                for code, says in zip(codes.tolist(), shown, strict=True)
            ]
        return shown

    def rate(self, tokens: Tokens) -> tuple[float, str]:
        """Rate of the tokens as a whole file, and its unit: bits per pixel, kilobits a second, bits a character."""
        characters = len(tokens.exact.decode("utf-8", "replace")) or None
        return rate(self.modality, 8 * len(tokens.to_bytes()), tokens.meta, characters)


def _times(sizes: Iterable[int]) -> str:
    return " x ".join(map(str, sizes))


def rate(modality: str, bits: int, meta: dict[str, Any], characters: int | None = None) -> tuple[float, str]:
    """Bits per pixel ("bpp"), kilobits a second ("kbps"), or bits per byte or character ("bpc")."""
    if modality == "image":
        return bits / (meta["height"] * meta["width"]), "bpp"
    if modality == "audio":
        return bits / max(1, meta["samples"]) * 16.0, "kbps"
    return bits / max(1, characters or meta["bytes"]), "bpc"
