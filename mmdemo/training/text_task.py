"""The text tokenizer's batches (prose, documentation, translations, labels, random strings) and loss."""

from __future__ import annotations

import re
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from ..datasets import corpora
from ..tokenizers import fallback
from ..tokenizers.text import TextTokenizer
from .alphabet import alphabet
from .draws import draw_int
from .losses import byte_loss
from .recipe import Recipe
from .tokenizer_task import TokenizerTask

START_VECTORS = 100_000  # at most, for the k-means of each level where the encoder spells
RIGHT_KEPT = 0.2  # share of the spans spelt right already that a level after the first still starts from
PAD = 4  # NUL bytes after a short string that count in the loss: the decoder must learn where a string ends


class TextTask(TokenizerTask):
    """Windows of bytes at random offsets from several scripts, some bytes replaced at the input (denoising)."""

    modality = "text"
    model: TextTokenizer

    def __init__(self, recipe: Recipe, device: torch.device, data_dir: Path) -> None:
        super().__init__(recipe, device)
        settings = recipe.data
        self.window = int(settings.get("window", 256))
        self.noise = float(settings.get("noise", 0.03))
        self.short = float(settings.get("short", 0.15))  # share of batches with a window as short as a word
        self.corpora = corpora.gather(data_dir, list(settings.get("corpora", [])))
        self.strings = {"labels": corpora.labels(data_dir), "digits": corpora.digit_words()}
        if "like_labels" in settings["shares"] and "chinese" in self.corpora:  # not every machine has Chinese text
            self.strings["like_labels"] = corpora.label_like(
                re.findall(r"[a-z]{2,}", _decoded(self.corpora["prose"])),
                re.findall(r"[\u4e00-\u9fff]{2,}", _decoded(self.corpora["chinese"]))
                + corpora.common_words("CJK", 60_000),
            )
        there = (*self.corpora, *self.strings, "random")
        shares = {k: float(v) for k, v in settings["shares"].items() if k in there}
        self.names = list(shares)
        self.weights = torch.tensor(list(shares.values()))
        # For each level, the sources that its codebook is to serve best.
        levels = settings.get("codebook_shares") or [shares] * self.model.levels
        self.start_shares = [{k: float(v) for k, v in level.items() if k in there} for level in levels]
        self.templates_chosen = False
        self.fallback_shares = {k: float(v) for k, v in settings.get("fallback_shares", shares).items() if k in there}
        if self.model.spells:
            counts = torch.bincount(self._spans(shares).flatten(), minlength=256)
            self.model.embed.weight.data.copy_(alphabet(counts, self.model.embed.embedding_dim))

    def batch(self, generator: torch.Generator) -> dict[str, Tensor]:
        picks = torch.multinomial(self.weights, self.recipe.batch_size, True, generator=generator)
        # A word alone ends where the convolutions see nothing, not NUL bytes: that must have been seen in training.
        window = 4 * (1 + draw_int(8, generator)) if torch.rand((), generator=generator) < self.short else self.window
        target = torch.zeros(len(picks), window, dtype=torch.long)
        mask = torch.ones(len(picks), window, dtype=torch.bool)
        for row, pick in enumerate(picks.tolist()):
            text = self._text(self.names[pick], generator)[:window]
            target[row, : len(text)] = text
            mask[row, len(text) + PAD :] = False
        noisy = torch.rand(target.shape, generator=generator) < self.noise * torch.rand(
            len(picks), 1, generator=generator
        )
        x = torch.where(noisy, torch.randint(256, target.shape, generator=generator), target)
        return {"x": x, "target": target, "mask": mask}

    def before_step(self, step: int) -> None:
        super().before_step(step)
        if self.model.fallback is None or self.templates_chosen or self.recipe.freeze:
            return
        if not self.model.bottleneck.initialized:
            return
        self.templates_chosen = True
        more = self.model.config.fallback - int(self.model.fallback.taken.sum())
        if more > 0:  # all of them, or more than the checkpoint has that this training starts from
            self.start_fallback(more)

    @torch.no_grad()
    def start_fallback(self, count: int) -> None:
        """Turn ``count`` codes of level 1 into templates, each the one that fits most of the spans still misspelt.

        It is for scripts with more letters than codewords can tell apart, so codes for ASCII stay as they are. Of the
        others those give way that spell least of the bytes they are used for, all numbers of levels together.
        """
        rvq, fallbacks = self.model.rvq, self.model.fallback
        assert fallbacks is not None
        spans = torch.cat([self._spans(self.fallback_shares, START_VECTORS * rvq.levels), self._padded()])  # (N, 4)
        spans = spans.to(self.device)
        z = self.model.to_latent(spans)  # (N, D, 1)

        def right(codes: Tensor) -> Tensor:
            return self.model.spelt(self.model.latent(codes)) == spans  # (N, 4)

        codes, before = self.model.codes(z), fallbacks.taken
        score = torch.stack([right(codes[:, :n]).float().mean(1) for n in range(1, rvq.levels + 1)]).sum(0)  # (N,)
        worth, uses = torch.zeros(2, rvq.config.codebook_size, device=self.device)
        worth.index_add_(0, codes[:, 0, 0], score)
        uses.index_add_(0, codes[:, 0, 0], torch.ones_like(score))
        ascii_only = (self.model.spelt(rvq.codebooks[0].T[None]).view(-1, self.model.stride) < 128).all(1)  # (K,)
        worth = (worth / uses.clamp(min=1)).masked_fill(ascii_only | before, torch.inf)
        given_up = torch.zeros_like(ascii_only)
        given_up[worth.argsort(stable=True)[:count]] = True
        fallbacks.templates[given_up] = fallback.UNUSED  # neither codewords nor templates
        misspelt = ~right(self.model.codes(z)).all(1) & (spans >= 128).any(1)
        fallbacks.templates[given_up] = fallback.NONE
        rows = fallback.choose(spans, misspelt.float(), count)
        numbers = given_up.nonzero()[: len(rows), 0]
        fallbacks.templates[numbers] = rows
        first = self.model.latent(numbers[:, None, None])[:, :, 0]  # (F, D)
        uses = torch.bincount(self.model.codes(z)[:, 0, 0], minlength=len(worth))[numbers]
        rvq.set_codes(0, numbers, first, uses / len(spans) * rvq.ema_count[0].sum())

    def _padded(self, number: int = START_VECTORS // 2) -> Tensor:
        """(number, 4) bytes that make a position of short strings, which begin one and end with NUL bytes."""
        strings = self.strings.get("like_labels", self.strings["labels"])
        rows = torch.cat([F.pad(s, (0, -len(s) % self.model.stride)) for s in strings]).view(-1, self.model.stride)
        generator = torch.Generator().manual_seed(self.recipe.seed + 4)
        return rows[torch.randint(len(rows), (number,), generator=generator)].long()

    @torch.no_grad()
    def start_codebooks(self) -> None:
        """k-means as ever, or where the encoder spells, for each level on what the levels before it leave to be told.

        A level after the first is not to make small errors smaller still: most of what it starts from are spans that
        come out misspelt before it. Nor is it for the most common ones again: a span counts as the square root of how
        often it occurs. The last level starts from one code for each byte in each place, where it has so many codes:
        then all that is misspelt in one place by then can be put right, also what was never seen.
        """
        if not self.model.spells:
            return super().start_codebooks()
        rvq, words = self.model.rvq, self.model.spellings()
        last = rvq.levels - 1 if len(words) == self.model.codebook_size else None
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
                misspelt = (self.model.spelt((z - left)[:, :, None]) != spans.to(self.device)).any(1)  # (N,)
                left = left[misspelt | (torch.rand(len(z), generator=generator) < RIGHT_KEPT).to(self.device)]
            rvq.init_codebook(level, left[:START_VECTORS], words if level == last else None)

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
            return strings[draw_int(len(strings), generator)][: self.window]
        if name == "random":
            low, high = ((0, 256), (32, 127))[draw_int(2, generator)]
            return torch.randint(low, high, (self.window,), generator=generator)
        text = self.corpora[name]
        start = draw_int(len(text) - self.window + 1, generator)
        piece = text[start : start + self.window]
        # Short strings, which end inside the window, are what people type.
        return piece if draw_int(5, generator) else piece[: 1 + draw_int(64, generator)]

    def reconstruction(self, y: Tensor, batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, float]]:
        right = (y.argmax(1) == batch["target"])[batch["mask"]].float().mean()
        return byte_loss(y, batch["target"], batch["mask"]), {"bytes": right.item()}


def _decoded(text: Tensor) -> str:
    return bytes(text.numpy()).decode("utf-8", "ignore")
