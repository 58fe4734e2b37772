"""Byte fallback: templates, the bits they leave open, and the tokenizer that falls back on them."""

import pytest
import torch

from mmdemo.tokenizers import build_tokenizer
from mmdemo.tokenizers.fallback import (
    CODES,
    KNOWN,
    LETTER,
    LETTERS,
    NONE,
    OPEN,
    PLACES,
    PRINTABLE,
    ByteFallback,
    choose,
)
from mmdemo.training.alphabet import alphabet

TEXT = "국민의 권리와 의무. 人人生而自由，在尊严和权利上一律平等。 Straße, € 5, 😀😁 и Ωμέγα"
FIRST, CONTINUES = OPEN + 3, OPEN + 2


def spans_of(text: str) -> torch.Tensor:
    raw = list(text.encode())
    return torch.tensor([raw[i : i + 4] for i in range(len(raw) - 3)])  # (N, 4), from every byte on


@pytest.fixture
def fallback():
    made = ByteFallback()
    spans = spans_of(TEXT)
    rows = choose(spans, (spans >= 128).any(1).float(), 400)
    made.templates[100 : 100 + len(rows)] = rows
    return made


@pytest.fixture
def tokenizer(fallback):
    torch.manual_seed(0)
    model = build_tokenizer(
        "text",
        {
            "width": 16,
            "encoder": "fixed",
            "decoder_depth": 1,
            "code_embeddings": True,
            "fallback": 64,
            "bottleneck": {"dim": 60, "levels": 3, "codebook_size": CODES, "beam": 2},
        },
    ).eval()
    model.embed.weight.data.copy_(alphabet(torch.ones(256), 15))
    model.rvq.init_codebooks(model.to_latent(torch.randint(97, 123, (1, 8000)))[0].T)
    model.fallback.templates.copy_(fallback.templates)
    return model


def test_codes_of_a_template_say_the_bytes_again(fallback):
    spans = spans_of(TEXT)
    codes, found = fallback.encode(spans)
    assert torch.equal(found, (spans >= 128).any(1))  # as many templates as it takes
    assert codes.min() >= 0 and codes.max() < CODES and fallback.taken[codes[found, 0]].all()
    byte, share = fallback.known(codes[found], torch.full((int(found.sum()),), 3))
    assert torch.equal(byte, spans[found]) and (share == KNOWN).all()


def test_all_codes_beside_a_template_mean_bytes_of_its_kinds(fallback):
    first = int(fallback.taken.nonzero()[0])
    later = torch.cartesian_prod(torch.arange(0, CODES, 7), torch.arange(0, CODES, 7))
    codes = torch.cat([torch.full((len(later), 1), first), later], 1)
    byte, _ = fallback.known(codes, torch.full((len(codes),), 3))
    assert len(byte.unique(dim=0)) == len(codes)
    again, found = fallback.encode(byte)
    template = fallback.templates[first]
    assert found.all() and torch.equal(again[again[:, 0] == first], codes[again[:, 0] == first])
    assert (((byte >> 6) + OPEN == template) | (byte == template)).all()


def test_codes_beyond_nine_bits_beside_a_template_mean_bytes_of_its_kinds_too():
    fallback = ByteFallback(2 * CODES)
    fallback.templates[900] = torch.tensor([0xE4, CONTINUES, CONTINUES, OPEN])
    first, later = torch.tensor([900, 700, 1023]), torch.tensor([900, 700 - CODES, 1023 - CODES])
    for levels in (2, 3):
        byte, share = fallback.known(torch.stack([first, later]), torch.tensor([levels, levels]))
        assert torch.equal(byte[0], byte[1]) and torch.equal(share[0], share[1])
        assert (byte[0] >> 6).tolist() == [3, 2, 2, 0]


def test_each_level_says_more_of_the_bytes(fallback):
    codes, found = fallback.encode(torch.tensor([list("국 ".encode())]))
    assert found.all()
    column = codes[0].tolist()
    before = [(0, 255)] * 4
    for levels in (1, 2, 3):
        now = fallback.ranges(column[:levels])
        assert all(a <= c <= d <= b for (a, b), (c, d) in zip(before, now, strict=True))
        before = now
    assert [low for low, _ in before] == [high for _, high in before] == list("국 ".encode())


def test_what_a_template_and_the_levels_after_it_say():
    fallback = ByteFallback()
    fallback.templates[7] = torch.tensor([FIRST, CONTINUES, CONTINUES, 0x20])
    (column,), found = fallback.encode(torch.tensor([list("국 ".encode())]))  # EA B5 AD 20
    assert found.all() and column[0] == 7
    assert fallback.describe(column.tolist()) == ["▸▹▹ ", "EA,B0–B7", "B5,AD"]
    assert fallback.describe(column[:1].tolist()) == ["▸▹▹ "]
    assert not fallback.encode(torch.tensor([list(b"word")]))[1].any()


def test_without_templates_nothing_fits():
    codes, found = ByteFallback().encode(spans_of(TEXT))
    assert not found.any() and codes.shape == (len(found), 3)
    assert ByteFallback().encode(torch.zeros(0, 4, dtype=torch.long))[0].shape == (0, 3)


def test_the_first_template_chosen_fits_most():
    spans = torch.tensor([[0xE4, 0x80, 0x81, 0xE5]] * 2 + [[0xE4, 0x99, 0x81, 0xE6]] * 2 + [[0xC3, 0xA9, 0x20, 0x61]])
    rows = choose(spans, torch.ones(5), 5)
    assert len(rows) == 2  # the first fits four of them
    assert rows[0].tolist() in ([0xE4, CONTINUES, CONTINUES, FIRST], [FIRST, CONTINUES, 0x81, FIRST])
    assert len(choose(spans, torch.zeros(5), 5)) == 0
    assert choose(spans, torch.tensor([0.0, 0, 0, 0, 1]), 1)[0].ge(OPEN).sum() == 3


@torch.no_grad()
def test_what_codewords_misspell_comes_back_by_a_template(tokenizer):
    x = torch.tensor([list(TEXT.encode())])
    codes = tokenizer.encode(x)
    z = tokenizer.latent(codes)
    spelt = tokenizer.nearest_bytes(z)[:, : x.shape[1]]
    assert (spelt == x)[x >= 128].all()
    by_template = tokenizer.fallback.taken[codes[:, 0]]
    assert by_template.any()
    expected = tokenizer.to_latent(x)
    assert torch.equal(z.mT[by_template], expected.mT[by_template])  # exact, not only near
    assert torch.equal(tokenizer.codes(z)[:, :, by_template[0]], codes[:, :, by_template[0]])


@torch.no_grad()
def test_a_codeword_that_spells_right_is_not_replaced(tokenizer):
    x = torch.randint(97, 123, (1, 400), generator=torch.Generator().manual_seed(1))
    codes = tokenizer.encode(x)
    assert not tokenizer.fallback.taken[codes[:, 0]].any()
    assert torch.equal(codes, tokenizer.rvq.encode(tokenizer.to_latent(x), barred=tokenizer.fallback.taken))


@torch.no_grad()
def test_what_codewords_spell_narrowly_goes_by_a_template_too(tokenizer):
    with_letters(tokenizer.fallback)
    x = torch.randint(97, 123, (1, 400), generator=torch.Generator().manual_seed(1))
    z, spelt = tokenizer.to_latent(x), []
    for lead in (0.0, 0.1, 0.3):
        tokenizer.config.fallback_lead = lead
        codes = tokenizer.codes(z)
        taken = tokenizer.fallback.taken[codes[0, 0]]  # (n,)
        ahead = tokenizer._lead(tokenizer.latent(codes), x.view(1, -1, 4))[0].amin(1)  # (n,)
        assert taken.all() or ahead[~taken].min() > lead  # letters have a template for whatever they are
        assert torch.equal(tokenizer.nearest_bytes(tokenizer.latent(codes)), x)
        spelt.append(int((~taken).sum()))
    assert spelt[0] > spelt[1] > spelt[2]


@torch.no_grad()
def test_each_row_is_known_as_far_as_its_levels_go(tokenizer):
    x = torch.tensor([list("국민의 권리".encode())] * 3)
    num_levels = torch.tensor([1, 2, 3])
    coded = tokenizer.quantize_eval(tokenizer.to_latent(x), num_levels)
    errors = (coded.z - tokenizer.to_latent(x)).square().mean((1, 2))
    assert errors[0] > errors[1] > errors[2]
    for row, levels in enumerate((1, 2, 3)):
        assert torch.equal(coded.z[row], tokenizer.latent(coded.codes[row : row + 1, :levels])[0])
        y = tokenizer.from_latent(coded.z, num_levels, coded.codes)[row]
        alone = tokenizer.decode(coded.codes[row : row + 1, :levels])[0]
        torch.testing.assert_close(y, alone, atol=1e-5, rtol=1e-5)  # a batch of three adds up in another order


@torch.no_grad()
def test_later_codes_have_other_vectors_beside_a_template(tokenizer):
    template = int(tokenizer.fallback.taken.nonzero()[0])
    tokenizer.code_embedding.weight[3 * CODES :] = 5.0
    codes = torch.tensor([[[0, template], [3, 3], [4, 4]]])
    vectors = tokenizer._embedded(codes, torch.tensor([3]))  # (1, 2, width)
    assert vectors[0, 1].min() > 9 and vectors[0, 0].max() < 5


def test_it_needs_codes_of_nine_bits():
    for change in ({"encoder": "conv"}, {"bottleneck": {"dim": 60, "levels": 3, "codebook_size": 256}}):
        with pytest.raises(ValueError, match="512 codes"):
            build_tokenizer("text", {"encoder": "fixed", "fallback": 8, "bottleneck": {"dim": 60}, **change})


def test_no_templates_means_no_row_of_them():
    assert (ByteFallback().templates == NONE).all()


# ------------------------------------------------------------------------- letters and digits


BASE64 = "MTIzNDU2Nzg5MGFiY2RlZg/x+Zq09deadBEEF7c3f"


def with_letters(fallback):
    """One template for each letter or digit at the start of four."""
    rows = torch.cat([LETTERS[:, None], torch.full((64, 3), LETTER)], 1)
    fallback.templates[300:364] = rows
    return fallback


def test_base64_and_hexadecimal_are_exact(fallback):
    spans = spans_of(BASE64)
    codes, found = with_letters(fallback).encode(spans)
    assert found.all() and (codes[:, 0] >= 300).all() and codes.min() >= 0 and codes.max() < CODES
    byte, share = fallback.known(codes, torch.full((len(codes),), 3))
    assert torch.equal(byte, spans) and (share == KNOWN).all()
    assert not fallback.encode(spans_of("a=b- c_d"))[1].any()


def test_letters_are_said_level_by_level(fallback):
    codes, _ = with_letters(fallback).encode(torch.tensor([list(b"q7+Z")]))
    before = [(0, 255)] * 4
    for levels in (1, 2, 3):
        now = fallback.ranges(codes[0, :levels].tolist())
        assert all(a <= c <= d <= b for (a, b), (c, d) in zip(before, now, strict=True))
        assert all(low in LETTERS and high in LETTERS for low, high in now)
        before = now
    assert bytes(low for low, _ in before) == b"q7+Z" == bytes(high for _, high in before)
    assert fallback.describe(codes[0].tolist())[0] == "q▫▫▫"


def test_what_a_latent_of_letters_holds_before_all_are_said(tokenizer):
    with_letters(tokenizer.fallback)
    codes, _ = tokenizer.fallback.encode(torch.tensor([list(b"q7+Z")]))
    z = [tokenizer.latent(codes[:, :n, None])[0, :, 0].view(4, -1) for n in (1, 2, 3)]
    weight = tokenizer.embed.weight
    assert torch.allclose(z[0][1:], weight[LETTERS].mean(0).expand(3, -1), atol=1e-6)
    eight = LETTERS[:8]  # the first in order, as "+" is
    assert torch.allclose(z[1][2], weight[eight].mean(0), atol=1e-6)
    assert torch.allclose(z[2], weight[torch.tensor(list(b"q7+Z"))], atol=1e-6)


def test_templates_of_letters_are_chosen_for_what_mixes_them():
    spans = spans_of("q7aZ" + "q9Bc" + "q0x1")[::4]
    rows = choose(spans, torch.ones(len(spans)), 1)
    assert rows.tolist() == [[ord("q"), LETTER, LETTER, LETTER]]
    assert not (choose(spans_of(TEXT), (spans_of(TEXT) >= 128).any(1).float(), 400) == LETTER).any()


# ------------------------------------------------------------------------- 100 symbols a digit

MIXED = "(zu z.B. 7:45, ‚ku)‘ we): ¿Apó? #!/bin/sh\t{}\n\0 Đứa ~"


def hundred(spans: torch.Tensor, count: int = 400) -> ByteFallback:
    made = ByteFallback(1024, 100)
    rows = choose(spans, torch.ones(len(spans)), count, 100)
    made.templates[1024 - len(rows) :] = rows
    return made


def test_with_100_symbols_all_that_can_be_printed_of_ascii_is_one_class():
    spans = spans_of(MIXED)
    fallback = hundred(spans)
    codes, found = fallback.encode(spans)
    assert found.all() and codes.min() >= 0 and (codes[:, 1:] < 1000).all()
    byte, share = fallback.known(codes, torch.full((len(codes),), 3))
    assert torch.equal(byte, spans) and (share == KNOWN).all()
    # A template for each first character is all that it takes for any four.
    every = ByteFallback(1024, 100)
    symbols = torch.tensor([b for b in range(256) if PLACES[PRINTABLE - OPEN][b] >= 0])
    assert len(symbols) == 100
    every.templates[:100] = torch.cat([symbols[:, None], torch.full((100, 3), PRINTABLE)], 1)
    spans = symbols[torch.randint(100, (5000, 4), generator=torch.Generator().manual_seed(0))]
    codes, found = every.encode(spans)
    assert found.all() and torch.equal(every.known(codes, torch.full((5000,), 3))[0], spans)
    assert len(codes.unique(dim=0)) == len(spans.unique(dim=0))


def test_with_100_symbols_each_level_says_more_whatever_the_codes_are():
    fallback = hundred(spans_of(MIXED))
    generator = torch.Generator().manual_seed(1)
    for first in fallback.taken.nonzero()[:40, 0].tolist():
        codes = [first, *torch.randint(1024, (2,), generator=generator).tolist()]
        before = [(0, 255)] * 4
        for levels in (1, 2, 3):
            now = fallback.ranges(codes[:levels])
            assert all(a <= c <= d <= b for (a, b), (c, d) in zip(before, now, strict=True))
            before = now
        assert all(low == high for low, high in before)


def test_the_vector_of_a_byte_half_told_is_the_mean_of_what_it_may_be():
    fallback, vectors = hundred(spans_of(MIXED)), torch.randn(256, 5, generator=torch.Generator().manual_seed(2))
    means = fallback.means(vectors)
    for template in fallback.templates[fallback.taken][:20]:
        first = int((fallback.templates == template).all(1).nonzero()[0, 0])
        for levels, later in ((1, [0, 0]), (2, [437, 0])):
            byte, share = fallback.known(torch.tensor([[first, *later]]), torch.tensor([levels]))
            for at, (low, high) in enumerate(fallback.ranges([first, *later][:levels])):
                kind = int(template[at]) - OPEN
                may = [b for b in range(low, high + 1) if kind < 0 or PLACES[kind][b] >= 0]
                torch.testing.assert_close(means[share[0, at], byte[0, at]], vectors[may].mean(0))


def test_100_symbols_need_1000_codes():
    small = {"encoder": "fixed", "fallback": 8, "fallback_symbols": 100}
    with pytest.raises(ValueError, match="1000 codes"):
        build_tokenizer("text", {**small, "bottleneck": {"dim": 60, "levels": 3, "codebook_size": 512}})
    with pytest.raises(ValueError, match="64 or 100 symbols"):
        build_tokenizer("text", {**small, "fallback_symbols": 81, "bottleneck": {"dim": 60, "levels": 3}})
