"""How the text tokenizer's training starts where its encoder spells: codebooks by k-means, then templates."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from mmdemo.datasets import corpora
from mmdemo.digits.words import WORDS
from mmdemo.training import text_task
from mmdemo.training.recipe import read_recipe
from mmdemo.training.text_task import TextTask


def digit_words():
    return [torch.tensor(list(w.encode()), dtype=torch.uint8) for words in WORDS for w in words]


@pytest.fixture
def task(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    texts = {"prose": "a plain word and another, as they come " * 500, "letters": corpora.letters()[:60_000]}
    monkeypatch.setattr(
        corpora, "gather", lambda *_: {k: torch.tensor(list(t.encode()), dtype=torch.uint8) for k, t in texts.items()}
    )
    monkeypatch.setattr(corpora, "labels", lambda _: digit_words())
    monkeypatch.setattr(text_task, "START_VECTORS", 6_000)
    recipe = read_recipe("text")
    recipe.data["shares"] = recipe.data["fallback_shares"] = {"prose": 0.5, "letters": 0.5}
    recipe.data["codebook_shares"] = [recipe.data["shares"]] * 3
    return TextTask.from_recipe(recipe, torch.device("cpu"), tmp_path)


@torch.no_grad()
def test_templates_take_the_codes_kept_free_for_them(task):
    model, spans = task.model, task._spans({"letters": 1.0}, 1_000)
    task.start_codebooks()
    plain, free = model.rvq.codebooks.clone(), model.fallback.taken.clone()
    assert free.sum() == model.config.fallback

    def right() -> float:
        z = model.latent(model.encode(spans.reshape(1, -1)))
        return (model.nearest_bytes(z).view(-1, 4) == spans).all(1).float().mean().item()

    before = right()
    task.before_step(0, 0.0)
    taken = model.fallback.taken
    assert 0 < taken.sum() <= model.config.fallback
    assert torch.equal(model.rvq.codebooks[1:], plain[1:])
    assert torch.equal(model.rvq.codebooks[0, ~taken], plain[0, ~taken])
    assert not (taken & ~free).any()
    assert right() > before + 0.1
    # A template's codeword is what it says alone: its known byte is read back.
    words = model.nearest_bytes(model.rvq.codebooks[0, taken].T[None]).view(-1, 4)
    templates = model.fallback.templates[taken]
    known = templates < 256
    assert torch.equal(words[known], templates[known])
    kinds = (words >> 6).masked_fill(words < 128, 0)
    assert torch.equal(kinds[~known], templates[~known] - 256)  # and of each other its kind
    chosen = model.fallback.templates.clone()
    task.before_step(1, 0.0)
    assert torch.equal(model.fallback.templates, chosen)  # once
    task.templates_chosen, task.recipe.freeze = False, "encoder"
    model.config.fallback += 1
    task.before_step(2, 0.0)
    assert torch.equal(model.fallback.templates, chosen)  # frozen codes keep their meaning
    # A checkpoint with fewer than the recipe asks for: none is kept free, so a code of another script gives way.
    ascii_only = (model.nearest_bytes(model.rvq.codebooks[0].T[None]).view(-1, 4) < 128).all(1)
    model.config.fallback = int(taken.sum()) + 1
    task.templates_chosen, task.recipe.freeze = False, ""
    task.before_step(3, 0.0)
    more = model.fallback.taken & ~taken
    assert more.sum() == 1 and not (more & ascii_only).any()
    assert torch.equal(model.fallback.templates[taken], chosen[taken])


@torch.no_grad()
def test_what_a_larger_codebook_has_beside_one_code_a_byte_and_place(tmp_path, task):
    words = task.model.byte_codewords()
    left = torch.cat([words[:200], words[200:400] + words[:200].flip(0)])  # one change, and two at once
    more = task._with_more(words, left, 600)
    assert torch.equal(more[:512], words) and task._with_more(words, left, 512) is words
    far = torch.cdist(left[200:], more).amin(1)
    assert far.mean() < torch.cdist(left[200:], words).amin(1).mean()


def test_the_parts_of_short_strings_end_in_padding(task):
    rows = task._padded(500)
    assert rows.shape == (500, 4)
    words = {bytes(s.tolist()) + bytes(-len(s) % 4) for s in digit_words()}
    parts = {word[i : i + 4] for word in words for i in range(0, len(word), 4)}
    assert {bytes(row.tolist()) for row in rows} <= parts
