"""The text tokenizer's batches (prose, documentation, translations, labels, random strings) and loss."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field
from pathlib import Path
from typing import Annotated

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from ..config import Share, Weight, settings
from ..datasets import corpora
from ..datasets.folder import read_folder
from ..datasets.place import need
from ..digits.words import WORDS
from ..errors import InputError, MissingError
from ..quantizers.kmeans import kmeans, nearest
from ..tokenizers import fallback
from ..tokenizers.text import TextTokenizer
from .alphabet import alphabet
from .draws import draw_int
from .losses import byte_loss
from .recipe import Recipe
from .tokenizer_task import HELD_OUT, TokenizerLoss, TokenizerTask

START_VECTORS = 100_000  # at most, for the k-means of each level after a fixed encoder
RIGHT_KEPT = 0.2  # share of the spans spelt right already that a level after the first still starts from
STRINGS = ("labels", "like_labels", "digits")
MOST_HELD_OUT = 200_000  # bytes of one corpus
PAD = 4  # NUL bytes after a short string that count in the loss: the decoder must learn where a string ends


@settings
class TextData:
    """The table ``[data]`` of a text tokenizer's recipe."""

    shares: dict[
        str, Weight
    ]  # how often each source is drawn: corpora, "files", "labels", "like_labels", "digits", "random"
    window: Annotated[int, Field(ge=8, le=65_536, multiple_of=4)] = 256  # bytes of a row
    noise: Share = 0.03  # of the bytes of a row, at most, that are replaced at the input
    short: Share = 0.15  # of batches with a window as short as a word
    corpora: list[str] = field(default_factory=list)  # see `datasets.corpora`
    folders: list[str] = field(default_factory=list)  # in --data-dir, with texts: the source "files"
    codebook_shares: list[dict[str, Weight]] = field(default_factory=list)  # what each level's k-means sees
    fallback_shares: dict[str, Weight] = field(default_factory=dict)  # what templates are chosen for
    fallback_ascii: bool = False  # whether also for what is misspelt of ASCII alone, as hexadecimal and base64

    def __post_init__(self) -> None:
        known = {*self.corpora, *(["files"] if self.folders else []), *STRINGS, "random"}
        for shares in (self.shares, self.fallback_shares, *self.codebook_shares):
            for name in shares:
                if name not in known:
                    raise ValueError(f"[data] has a share of {name!r}, and no such corpus.")


class TextTask(TokenizerTask):
    """Windows of bytes at random offsets from several scripts, some bytes replaced at the input (denoising)."""

    modality = "text"
    Data = TextData
    model: TextTokenizer

    settings: TokenizerLoss

    def __init__(
        self,
        recipe: Recipe,
        device: torch.device,
        texts: Mapping[str, Tensor],
        strings: Mapping[str, Sequence[Tensor]] | None = None,
        summary: Mapping[str, object] | None = None,
        notes: Sequence[str] = (),
    ) -> None:
        """
        Args:
            texts: by source, running text (N,) uint8; its end is held out.
            strings: by source, short strings (n,) uint8 each.
        """
        super().__init__(recipe, device, summary, notes)
        self.data = data = recipe.section(TextData, "data")
        self.corpora = {k: text[: len(text) - _held_out(text)] for k, text in texts.items()}
        self.strings = dict(strings or {})
        there = (*self.corpora, *self.strings, "random")
        shares = {k: v for k, v in data.shares.items() if k in there}
        if not any(shares.values()):
            raise MissingError(
                f"There is no text to train on: none of {', '.join(data.shares) or 'any share'} is here."
            )
        self.names = list(shares)
        self.weights = torch.tensor(list(shares.values()))
        # For each level, the sources that its codebook is to serve best.
        levels = data.codebook_shares or [shares] * self.model.levels
        self.start_shares = [{k: v for k, v in level.items() if k in there} for level in levels]
        self.templates_chosen = False
        self.fallback_shares = {k: v for k, v in (data.fallback_shares or shares).items() if k in there}
        self.held_out = {k: text[len(text) - _held_out(text) :] for k, text in texts.items() if k in shares}
        self.held_out = {k: text for k, text in self.held_out.items() if len(text) >= data.window}
        self._summary |= {f"bytes of {k}": len(text) for k, text in self.corpora.items() if k in shares}
        if self.model.fixed_bytes:
            counts = torch.bincount(self._spans(shares).flatten(), minlength=256)
            self.model.embed.weight.data.copy_(alphabet(counts, self.model.embed.embedding_dim))

    @classmethod
    def from_recipe(cls, recipe: Recipe, device: torch.device, data_dir: Path) -> TextTask:
        data = recipe.section(TextData, "data")
        texts = corpora.gather(data_dir, data.corpora)
        summary: dict[str, object] = {}
        notes: list[str] = []
        if data.folders:
            files = read_folder([need(data_dir / f, f) for f in data.folders], "text", lambda text: text)
            texts["files"] = torch.cat(list(files.items.values()))  # of any folder, one after the other
            if len(texts["files"]) < 20 * data.window:
                there = f"{len(texts['files'])} bytes of text"
                raise InputError(f"There are {there}, where {20 * data.window} are needed at least.")
            notes.append(files.note())
            summary |= {"texts": len(files.items)}
            summary |= {"texts left out": len(files.left_out)} if files.left_out else {}
        return cls(recipe, device, texts, _strings(data, texts, data_dir), summary, notes)

    def batch(self, generator: torch.Generator) -> dict[str, Tensor]:
        picks = torch.multinomial(self.weights, self.recipe.batch_size, True, generator=generator)
        # A word alone ends where the convolutions see nothing, not NUL bytes: that must have been seen in training.
        short = torch.rand((), generator=generator) < self.data.short
        window = 4 * (1 + draw_int(8, generator)) if short else self.data.window
        target = torch.zeros(len(picks), window, dtype=torch.long)
        mask = torch.ones(len(picks), window, dtype=torch.bool)
        for row, pick in enumerate(picks.tolist()):
            text = self._text(self.names[pick], generator)[:window]
            target[row, : len(text)] = text
            mask[row, len(text) + PAD :] = False
        noise = self.data.noise * torch.rand(len(picks), 1, generator=generator)
        noisy = torch.rand(target.shape, generator=generator) < noise
        x = torch.where(noisy, torch.randint(256, target.shape, generator=generator), target)
        return {"x": x, "target": target, "mask": mask}

    def held_out_batch(self, generator: torch.Generator) -> dict[str, Tensor] | None:
        if not self.held_out:
            return None
        names = list(self.held_out)
        weights = torch.tensor([self.data.shares[k] for k in names])
        rows = []
        for pick in torch.multinomial(weights, self.recipe.batch_size, True, generator=generator).tolist():
            text = self.held_out[names[pick]]
            start = draw_int(len(text) - self.data.window + 1, generator)
            rows.append(text[start : start + self.data.window])
        x = torch.stack(rows).long()
        return {"x": x, "target": x, "mask": torch.ones_like(x, dtype=torch.bool)}

    def before_step(self, step: int, progress: float) -> None:
        super().before_step(step, progress)
        if self.model.fallback is None or self.unfinished or self.templates_chosen or self.recipe.freeze:
            return
        self.templates_chosen = True
        more = self.model.config.fallback - int((self.model.fallback.templates[:, 0] >= 0).sum())
        if more > 0:  # all of them, or more than the checkpoint has that this training starts from
            self.start_fallback(more)

    @torch.no_grad()
    def start_fallback(self, count: int) -> None:
        """Turn ``count`` codes of level 1 into templates, each the one that fits most of the spans still misspelt.

        Those that were kept free for them become it. In a checkpoint with fewer, which had none kept free, codes give
        way that spell least of the bytes they are used for, all numbers of levels together; codes for ASCII stay.
        """
        rvq, fallbacks = self.model.rvq, self.model.fallback
        assert fallbacks is not None
        spans = torch.cat([self._spans(self.fallback_shares, START_VECTORS * rvq.levels), self._padded()])  # (N, 4)
        spans = spans.to(self.device)
        z = self.model.to_latent(spans)  # (N, D, 1)

        def right(codes: Tensor) -> Tensor:
            return self.model.nearest_bytes(self.model.latent(codes)) == spans  # (N, 4)

        codes, before, free = self.model.codes(z), fallbacks.taken, fallbacks.templates[:, 0] == fallback.UNUSED
        score = torch.stack([right(codes[:, :n]).float().mean(1) for n in range(1, rvq.levels + 1)]).sum(0)  # (N,)
        worth, uses = torch.zeros(2, rvq.config.codebook_size, device=self.device)
        worth.index_add_(0, codes[:, 0, 0], score)
        uses.index_add_(0, codes[:, 0, 0], torch.ones_like(score))
        ascii_only = (self.model.nearest_bytes(rvq.codebooks[0].T[None]).view(-1, self.model.stride) < 128).all(
            1
        )  # (K,)
        worth = (worth / uses.clamp(min=1)).masked_fill(ascii_only | before, torch.inf).masked_fill(free, -1)
        given_up = torch.zeros_like(ascii_only)
        given_up[worth.argsort(stable=True)[:count]] = True
        fallbacks.templates[given_up] = fallback.UNUSED  # neither codewords nor templates
        wanted = (spans >= 128).any(1) | self.data.fallback_ascii
        misspelt = ~right(self.model.codes(z)).all(1) & wanted
        fallbacks.templates[given_up] = fallback.NONE
        rows = fallback.choose(spans, misspelt.float(), count, fallbacks.symbols)
        numbers = given_up.nonzero()[: len(rows), 0]
        fallbacks.templates[numbers] = rows
        first = self.model.latent(numbers[:, None, None])[:, :, 0]  # (F, D)
        uses = torch.bincount(self.model.codes(z)[:, 0, 0], minlength=len(worth))[numbers]
        rvq.set_codes(0, numbers, first, uses / len(spans) * rvq.ema_count[0].sum())

    def _padded(self, number: int = START_VECTORS // 2) -> Tensor:
        """(number, 4) bytes that make a position of short strings, which begin one and end with NUL bytes."""
        strings = next(self.strings[k] for k in ("like_labels", "labels", "digits") if k in self.strings)
        rows = torch.cat([F.pad(s, (0, -len(s) % self.model.stride)) for s in strings]).view(-1, self.model.stride)
        generator = torch.Generator().manual_seed(self.recipe.seed + 4)
        return rows[torch.randint(len(rows), (number,), generator=generator)].long()

    @torch.no_grad()
    def start_codebooks(self) -> None:
        """k-means as ever, or after a fixed encoder, for each level on what the levels before it leave to be told.

        A level after the first is not to make small errors smaller still: most of what it starts from are spans that
        come out misspelt before it. Nor is it for the most common ones again: a span counts as the square root of how
        often it occurs. The last level starts from one code for each byte in each place, where it has so many codes:
        then all that is misspelt in one place by then can be put right, also what was never seen. What codes it has
        besides start from what these leave.

        Codes of level 1 that are to be templates are kept free.
        """
        if not self.model.fixed_bytes:
            return super().start_codebooks()
        rvq, codewords = self.model.rvq, self.model.byte_codewords()
        size = self.model.codebook_size
        last = rvq.levels - 1 if len(codewords) <= size else None
        generator = torch.Generator().manual_seed(self.recipe.seed + 3)
        for level, shares in enumerate(self.start_shares):
            spans = self._spans(shares, START_VECTORS * (1 + level))  # (N, 4)
            if level:
                spans, count = spans.unique(dim=0, return_counts=True)
                spans = spans.repeat_interleave(count.sqrt().ceil().long(), 0)
                spans = spans[torch.randperm(len(spans), generator=generator)]
            z = self.model.to_latent(spans.to(self.device))[:, :, 0]  # (N, D)
            left = rvq.residual_after(z, level)
            if level:
                misspelt = (self.model.nearest_bytes((z - left)[:, :, None]) != spans.to(self.device)).any(1)  # (N,)
                left = left[misspelt | (torch.rand(len(z), generator=generator) < RIGHT_KEPT).to(self.device)]
            left = left[:START_VECTORS]
            start = self._with_more(codewords, left, size) if level == last else None
            rvq.init_codebook(level, left, start, size - self.model.config.fallback if not level else None)
        if self.model.fallback is not None:
            self.model.fallback.templates[size - self.model.config.fallback :] = fallback.UNUSED

    @staticmethod
    def _with_more(codewords: Tensor, left: Tensor, size: int) -> Tensor:
        """``size`` codewords: those given (k, D), and k-means of those of ``left`` (N, D) that are not near any."""
        if len(codewords) == size:
            return codewords
        error = (left - codewords[nearest(left, codewords)]).square().sum(1)  # (N,)
        far = left[error.argsort(descending=True)[: len(left) // 2]]
        return torch.cat([codewords, kmeans(far, size - len(codewords))[0]])

    def _spans(self, shares: dict[str, float], number: int = START_VECTORS) -> Tensor:
        """About (number, 4) bytes that make a position, from the sources in these shares; none of them padding."""
        generator = torch.Generator().manual_seed(self.recipe.seed + 2)
        stride, found = self.model.stride, []
        for name, share in shares.items():
            strings = self.strings.get(name)  # as in running text: a space between two
            text = torch.cat([F.pad(s, (0, 1), value=0x20) for s in strings]) if strings else self.corpora.get(name)
            if text is None:  # "random"
                text = torch.randint(256, (number,), generator=generator)
            starts = torch.randint(len(text) - stride + 1, (round(share * number),), generator=generator)
            found.append(text[starts[:, None] + torch.arange(stride)].long())
        return torch.cat(found)

    def _text(self, name: str, generator: torch.Generator) -> Tensor:
        """Up to ``window`` bytes from one source."""
        if name in self.strings:
            strings = self.strings[name]
            return strings[draw_int(len(strings), generator)][: self.data.window]
        if name == "random":
            low, high = ((0, 256), (32, 127))[draw_int(2, generator)]
            return torch.randint(low, high, (self.data.window,), generator=generator)
        text = self.corpora[name]
        start = draw_int(len(text) - self.data.window + 1, generator)
        piece = text[start : start + self.data.window]
        # Short strings, which end inside the window, are what people type.
        return piece if draw_int(5, generator) else piece[: 1 + draw_int(64, generator)]

    def reconstruction(self, y: Tensor, batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, float]]:
        right = (y.argmax(1) == batch["target"])[batch["mask"]].float().mean()
        return byte_loss(y, batch["target"], batch["mask"]), {"bytes": right.item()}


def _strings(data: TextData, texts: Mapping[str, Tensor], data_dir: Path) -> dict[str, list[Tensor]]:
    """The short strings that the shares ask for, by source."""
    strings = {"digits": _byte_strings(w for words in WORDS for w in words)}
    wanted = {k for shares in (data.shares, data.fallback_shares) for k in shares}
    if wanted & {"labels", "like_labels"}:
        strings["labels"] = corpora.labels(data_dir)
    if "like_labels" in wanted and "chinese" in texts:  # not every machine has Chinese text
        prose, chinese = (_decoded(texts[k][: len(texts[k]) - _held_out(texts[k])]) for k in ("prose", "chinese"))
        strings["like_labels"] = corpora.label_like(
            re.findall(r"[a-z]{2,}", prose),
            re.findall(r"[\u4e00-\u9fff]{2,}", chinese) + corpora.common_words("CJK", 60_000),
        )
    return strings


def _decoded(text: Tensor) -> str:
    return bytes(text.numpy()).decode("utf-8", "ignore")


def _held_out(text: Tensor) -> int:
    """Bytes at the end of a corpus that are for validation."""
    return min(MOST_HELD_OUT, int(HELD_OUT * len(text)))


def _byte_strings(strings: Iterable[str]) -> list[Tensor]:
    return [torch.tensor(list(s.encode()), dtype=torch.uint8) for s in strings if s]
