"""Linear probes and the passages by script: right on what is known, and the same every time."""

from __future__ import annotations

import unicodedata

import pytest
import torch

from mmdemo.evaluation import probe, scripts_report
from mmdemo.loading import load


def test_a_probe_separates_what_a_line_separates_and_nothing_else():
    g = torch.Generator().manual_seed(0)
    y = torch.randint(3, (400,), generator=g)
    noise = torch.randn(400, 5, generator=g)
    x = noise.clone()
    x[:, 2] += 12 * y  # one feature tells the class
    assert probe.accuracy(x[:300], y[:300], x[300:], y[300:]) > 0.97
    assert probe.accuracy(noise[:300], y[:300], noise[300:], y[300:]) < 0.5
    assert probe.accuracy(x[:300], y[:300], x[300:], y[300:]) == probe.accuracy(x[:300], y[:300], x[300:], y[300:])


def test_features_that_never_vary_do_no_harm():
    y = torch.arange(40) % 2
    x = torch.stack([y.float(), torch.ones(40)], 1)
    test = torch.tensor([[0.0, 50.0], [1.0, -50.0]])
    assert probe.accuracy(x, y, test, torch.tensor([0, 1])) == 1


def test_the_digit_test_repeats_nothing_of_the_training():
    train, test = probe.digit_words()
    assert not {text for text, _ in train} & {text for text, _ in test}
    assert {label for _, label in train} == {label for _, label in test} == set(range(10))


def test_histograms_are_shares_of_bytes():
    table = probe.byte_histograms(["aab", "é"])
    assert table.shape == (2, 256) and torch.allclose(table.sum(1), torch.ones(2))
    assert table[0, ord("a")] == pytest.approx(2 / 3) and table[1, 0xC3] == table[1, 0xA9] == 0.5


def test_mean_latents_do_not_depend_on_the_company():
    codec = load("text", "cpu")
    texts = ["seven", "a", "三", "eight", "a longer text of another length"]
    together = probe.mean_latents(codec, texts)
    alone = torch.cat([probe.mean_latents(codec, [text]) for text in texts])
    assert together.shape == (5, codec.tokenizer.dim)
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-5)


def test_passages_are_in_their_scripts():
    scripts = {"English": "LATIN", "Chinese": "CJK", "Arabic": "ARABIC", "Hindi": "DEVANAGARI", "Russian": "CYRILLIC",
               "Japanese": "HIRAGANA", "Korean": "HANGUL", "Greek": "GREEK"}  # fmt: skip
    assert set(scripts_report.passages()) == set(scripts)
    for name, text in scripts_report.passages().items():
        assert "\n" not in text and len(text.encode()) > 350
        assert any(unicodedata.name(c).startswith(scripts[name]) for c in text)


def test_random_text_is_always_the_same():
    text = scripts_report.random_text(0x20, 0x10000, 50)
    assert text == scripts_report.random_text(0x20, 0x10000, 50)
    assert len(text) == 50 and len({unicodedata.name(c, "").split(" ")[0] for c in text}) > 5
    assert all(" " < c < "\x7f" for c in scripts_report.random_text(0x20, 0x7F))


def test_byte_accuracy_counts_right_bytes():
    codec = load("text", "cpu")
    text = b"The tower was built by the city in the year of the great fire."
    right = codec.decode_tensor(codec.encode(text.decode(), 2)).tolist()
    expected = sum(a == b for a, b in zip(right, text, strict=True)) / len(text)
    assert scripts_report.byte_accuracy(codec, text, 2) == pytest.approx(expected)
