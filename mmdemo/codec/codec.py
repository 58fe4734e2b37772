"""A codec: one modality's files, one trained tokenizer, and the tokens between them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from .. import checkpoints
from ..checks import check_int
from ..entropy.priors import SHIPPED, Priors
from ..errors import InputError
from ..isolation import isolated
from ..modalities import MODALITIES, Item, Modality
from ..tokenizers import Tokenizer, build_tokenizer
from ..tokens import Tokens
from . import tiling


class Codec:
    """What `mmdemo.load` gives for a tokenizer checkpoint: any accepted input -> `Tokens` -> output.

    It can be copied, pickled and sent to other processes; two are equal where all their weights are.

    Attributes:
        tokenizer: the network. device: where it is.
        modality: "image", "audio" or "text"; ``processor``, what that is.
        name, fingerprint: what tokens say that they were made by.
        priors: under which the codes are written to files.
        folder: of the checkpoint, where there is one. config: what its config.json says.

    Raises:
        ValueError: the tokenizer's fingerprint is not 8 hex digits, which is all that a file keeps of it.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        name: str = "",
        *,
        priors: Priors = SHIPPED,
        folder: Path | None = None,
        config: dict[str, Any] | None = None,
    ) -> None:
        self.tokenizer = tokenizer
        self.name = name or tokenizer.modality
        self.priors, self.folder, self.config = priors, folder, config or {}
        self.fingerprint = tokenizer.fingerprint()
        if not re.fullmatch("[0-9a-f]{8}", self.fingerprint):
            raise ValueError(f"A tokenizer's fingerprint is 8 hex digits, and not {self.fingerprint!r}.")

    @staticmethod
    def from_folder(folder: Path, device: str | torch.device = "auto") -> Codec:
        """The codec of a tokenizer checkpoint; its tokenizer stays as it is, whatever it becomes a part of.

        Raises:
            InputError: there is none, or it is damaged, altered or newer than this program.
        """
        config = checkpoints.read_config(folder)
        with isolated():
            model = build_tokenizer(str(config.get("network") or config["modality"]), config["model"])
            checkpoints.load_into(model, folder)
            codec = Codec(
                model.float().freeze(), str(config["name"]), priors=Priors.of(folder), folder=folder, config=config
            )
            model.to(checkpoints.auto_device(device))
        return codec

    @property
    def modality(self) -> str:
        return self.tokenizer.modality

    @property
    def processor(self) -> Modality:
        """How inputs become canonical tensors, and back."""
        modality: Modality = MODALITIES[self.modality]
        return modality

    @property
    def device(self) -> torch.device:
        """Where the tokenizer computes."""
        weights = self.tokenizer.parameters() if isinstance(self.tokenizer, nn.Module) else iter(())
        return next((p.device for p in weights), torch.device("cpu"))

    @property
    def levels(self) -> int:
        return self.tokenizer.levels

    @property
    def codebook_size(self) -> int:
        """Codes of the level that has most."""
        return max(self.tokenizer.codebook_sizes, default=0)

    @property
    def card(self) -> str:
        """The model card, Markdown."""
        path = self.folder / "README.md" if self.folder else None
        return path.read_text("utf-8") if path and path.is_file() else ""

    @property
    def codebooks(self) -> list[Tensor]:
        """(K, D) of each level, coarsest first; K may differ. Raises InputError where codes have no vectors."""
        return [self.codebook(level) for level in range(self.levels)]

    def codebook(self, level: int) -> Tensor:
        """(K, D) codewords of one level, 0 the coarsest. Raises InputError where codes have no vectors."""
        codewords = self.tokenizer.codebook(level)
        if codewords is None:
            raise InputError(f"The codes of {self.name!r} have no codewords.")
        return codewords.cpu()

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Codec):
            return NotImplemented
        if self is other or self.tokenizer is other.tokenizer:
            return self.name == other.name
        return hash(self) == hash(other) and same_weights(self.tokenizer, other.tokenizer)

    def __hash__(self) -> int:
        return hash((self.name, self.modality, self.fingerprint))

    # ------------------------------------------------------------------------------ inputs <-> tokens

    def load(self, source: Any, **options: Any) -> Item:
        """Validate an input and bring it to canonical form. Raises InputError with the reason it is refused.

        Args:
            options: of the modality (`Modality.options`).
        """
        with isolated():
            return self.processor.load(source, **options)

    def encode(self, source: Any, levels: int | None = None, lossless: bool = False) -> Tokens:
        """Anything the modality takes (or an `Item`) -> `Tokens`.

        Args:
            levels: how many residual levels to keep, 1..L (None: all). Raises InputError outside that range.
            lossless: text only: keep the bytes too, so that `decode` is exact.
        """
        item = source if isinstance(source, Item) else self.load(source)
        levels = self.check_levels(levels)
        if lossless and not self.processor.lossless:
            raise InputError(f"Lossless coding is for text; {self.modality} tokens are lossy.")
        with isolated(self.device):
            x = item.tensor[None].to(self.device)  # (1, ...)
            codes = tiling.encode(self.tokenizer, x, levels)[0].cpu()  # (levels, *positions)
        tokens = self.wrap(codes, item.meta)
        return replace(tokens, lossless=bytes(item.tensor.numpy()), raw=item.raw) if lossless else tokens

    def complete(self, tokens: Tokens) -> Tokens:
        """Tokens of an exact text with their codes: a file holds only the text, and is encoded again here."""
        if tokens.levels or not tokens.lossless:
            return tokens
        text = torch.frombuffer(bytearray(tokens.lossless), dtype=torch.uint8)
        return self.encode(Item(text, dict(tokens.meta), raw=tokens.raw), lossless=True)

    def check_levels(self, levels: int | None) -> int:
        """``levels``, or all of them for None. Raises InputError outside 1..L."""
        if levels is None:
            return self.levels
        return check_int(f"number of levels of the model {self.name!r}", levels, 1, self.levels)

    def wrap(self, codes: Tensor, meta: dict[str, Any]) -> Tokens:
        """Codes (levels, *positions) made by this tokenizer -> `Tokens`."""
        made_by = self.name, self.modality, self.codebook_size, self.fingerprint
        return Tokens(codes.long(), *made_by, dict(meta), priors=self.priors)

    def decode(self, tokens: Tokens, levels: int | None = None, original: bool = False) -> Any:
        """`Tokens` -> PIL.Image, str, or (16000, float32 array). Raises InputError if other weights made them.

        With ``original`` a sound has the sample rate and channels of the input: (rate, array (T,) or (T, channels)).
        """
        return self.restore(self.decode_tensor(tokens, levels), tokens.meta, original)

    def restore(self, y: Tensor, meta: dict[str, Any], original: bool = False) -> Any:
        """Canonical tensor -> what `decode` gives."""
        with isolated():
            return self.processor.restore(y, meta, original)

    def decode_tensor(self, tokens: Tokens, levels: int | None = None) -> Tensor:
        """`Tokens` -> canonical tensor, cropped to the input's size; the exact text where the tokens hold it.

        With ``levels`` given the result is the lossy one of that many levels.
        """
        if tokens.lossless and levels is None:
            return torch.frombuffer(bytearray(tokens.lossless), dtype=torch.uint8)
        tokens = self.complete(tokens)
        self.check(tokens)
        if levels is not None:
            tokens = tokens.truncate(levels)
        with isolated(self.device):
            y = tiling.decode(self.tokenizer, tokens.codes[None].to(self.device))
            return self.processor.finish(y, tokens.meta)[0].cpu()

    def canonical(self, y: Tensor, meta: dict[str, Any] | None = None) -> Tensor:
        """Tokenizer output (B, ...) -> canonical batch: pictures clipped, waveforms clipped, logits -> bytes."""
        return self.processor.finish(self.tokenizer.to_canonical(y), meta or {})

    def positions(self, meta: dict[str, Any]) -> tuple[int, ...]:
        """How many positions along each axis an input has, of the size that ``meta`` gives."""
        return tuple(-(-size // self.tokenizer.stride) for size in self._sizes(meta))

    def _sizes(self, meta: dict[str, Any]) -> list[int]:
        return [meta[key] for key in self.processor.meta_keys[: self.processor.axes]]

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
        positions = self.positions(tokens.meta)
        fits = tokens.codebook_size == self.codebook_size and tokens.levels <= self.levels
        if not fits or tokens.positions != positions or not tokens.count:
            raise InputError(
                f"These tokens are none of the model {self.name!r}: {_times(tokens.codes.shape)} codes of "
                f"{tokens.codebook_size} for a size of {_times(self._sizes(tokens.meta))}, where it has up to "
                f"{_times([self.levels, *positions])} of {self.codebook_size}."
            )
        for level, codes in enumerate(tokens.codes):
            self._check_codes(level, codes)

    def _check_codes(self, level: int, codes: Tensor) -> None:
        """Raise InputError unless there are codes, all of that level, whose codebook may be smaller than others."""
        size = self.tokenizer.codebook_sizes[level]
        if not codes.numel() or not 0 <= int(codes.min()) <= int(codes.max()) < size:
            raise InputError(f"Level {level + 1} of {self.name!r} has codes 0 to {size - 1}.")

    # ------------------------------------------------------------------------------ latents

    def latent(self, tokens: Tokens, levels: int | None = None) -> Tensor:
        """Sum of the chosen codewords, (1, D, *positions): what the diffusion transformer works on."""
        self.check(tokens)
        codes = tokens.codes if levels is None else tokens.truncate(levels).codes
        with isolated(self.device):
            return self.tokenizer.latent(codes[None].to(self.device))

    def decode_latent(self, z: Tensor, meta: dict[str, Any] | None = None) -> Tensor:
        """Latents (B, D, *positions) -> canonical batch."""
        with isolated(self.device):
            return self.canonical(self.tokenizer.decode_latent(z.to(self.device)), meta)

    def codewords(self, level: int, codes: Tensor) -> Tensor:
        """Codes (N,) of a level -> what they add to the latent, (N, D), on the model's device. Raises InputError."""
        if not 0 <= level < self.levels:
            raise InputError(f"{self.name!r} has levels 1 to {self.levels}.")
        self._check_codes(level, codes)
        return self.codebook(level)[codes].to(self.device)

    def decode_alone(self, z: Tensor, level: int) -> Tensor:
        """Latents (N, D), each among copies of itself -> canonical batch on the CPU, as of ``level``."""
        axes = self.tokenizer.axes
        around = z[(...,) + (None,) * axes].expand(-1, -1, *[self.processor.shown_positions] * axes)
        with isolated(self.device):
            y = self.canonical(self.tokenizer.decode_latent(around.contiguous(), level + 1)).cpu()
        return self.processor.shown(y, self.tokenizer.stride)

    def show_codes(self, level: int, codes: Tensor) -> list[Any]:
        """Codewords (N,) of a level, each decoded alone, in the middle of otherwise average surroundings.

        A picture patch (8x8 pixels), a short sound (5 frames of the code), or the text its position spells; in words
        where the tokenizer has better ones (`describe`).
        """
        codewords = self.codewords(level, codes)  # (N, D)
        with isolated(self.device):
            said = self.tokenizer.describe(level, codes)
        if all(described is not None for described in said):
            return said
        y = self.decode_alone(codewords, level)
        meta = self.processor.meta_of(y.shape[-self.tokenizer.axes :])
        return [self.processor.restore(row, meta) if w is None else w for row, w in zip(y, said, strict=True)]

    def rate(self, tokens: Tokens) -> tuple[float, str]:
        """Rate of the tokens as a whole file, and its unit: bits per pixel, kilobits a second, bits a character."""
        bits = 8 * len(tokens.to_bytes())
        return self.processor.rate(bits, tokens.meta, tokens.lossless), self.processor.rate_unit


def _times(sizes: Iterable[int]) -> str:
    return " x ".join(map(str, sizes))


def same_weights(a: Any, b: Any) -> bool:
    """Whether two models hold the same, on whatever devices; of what is no module, whether they are equal."""
    if not isinstance(a, nn.Module) or not isinstance(b, nn.Module):
        return a == b
    one, other = a.state_dict(), b.state_dict()
    return one.keys() == other.keys() and all(torch.equal(v.cpu(), other[k].cpu()) for k, v in one.items())
