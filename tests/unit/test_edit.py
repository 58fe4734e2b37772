"""Edits of tokens: what is painted, steps back and forward, links, and decoding only what changed."""

from __future__ import annotations

import zlib

import pytest
import torch

from mmdemo.codec import Codec, edit
from mmdemo.codec.colours import SPREAD, code_colours, components, srgb
from mmdemo.codec.edit import Edit, History
from mmdemo.codec.local import LocalDecoder
from mmdemo.errors import InputError
from mmdemo.tokenizers import build_tokenizer

BOTTLENECK = {"dim": 8, "levels": 3, "codebook_size": 32}
MODELS = {
    "image": {"width4": 16, "width8": 24, "depth4": 1, "depth8": 2},
    "audio": {"width": 24, "encoder_depth": 1, "decoder_depth": 2},
    "text": {"byte_width": 8, "width": 24, "encoder_depth": 1, "decoder_depth": 2, "code_embeddings": True},
}
SIZES = {
    "image": {"height": 301, "width": 389},
    "audio": {"samples": 25_000, "sample_rate": 16_000, "channels": 1},
    "text": {"bytes": 399},
}


def codec_of(modality: str, **settings) -> Codec:
    torch.manual_seed(0)
    tokenizer = build_tokenizer(modality, {**MODELS[modality], "bottleneck": BOTTLENECK, **settings})
    with torch.no_grad():  # away from the near-identity start, so that surroundings really matter
        for p in tokenizer.parameters():
            p.add_(0.05 * torch.randn_like(p))
    tokenizer.bottleneck.init_codebooks(torch.randn(600, 8))
    return Codec(tokenizer.eval(), modality)


@pytest.fixture(scope="module", params=list(MODELS))
def codec(request) -> Codec:
    return codec_of(request.param)


def tokens_of(codec: Codec, seed: int = 0, **meta: int):
    meta = {**SIZES[codec.modality], **meta}
    sizes = [meta[key] for key in codec.processor.meta_keys[: codec.processor.axes]]
    draws = torch.Generator().manual_seed(seed)
    shape = (codec.levels, *(-(-size // codec.tokenizer.stride) for size in sizes))
    return codec.wrap(torch.randint(codec.codebook_size, shape, generator=draws), meta)


# ------------------------------------------------------------------------------ what is painted


def test_a_code_is_put_where_it_is_painted_and_nowhere_else(codec: Codec):
    tokens = tokens_of(codec)
    after = edit.apply(codec, tokens, Edit([3, 5], [1], "code", code=7))
    assert after.codes[1].flatten()[[3, 5]].tolist() == [7, 7]
    after.codes[1].view(-1)[[3, 5]] = tokens.codes[1].flatten()[[3, 5]]
    assert torch.equal(after.codes, tokens.codes)


def test_near_is_one_of_the_nearest_others(codec: Codec):
    tokens, places = tokens_of(codec), list(range(20))
    after = edit.apply(codec, tokens, Edit(places, [0], "near", seed=3))
    book = codec.codebook(0)
    for before, now in zip(
        tokens.codes[0].flatten()[:20].tolist(), after.codes[0].flatten()[:20].tolist(), strict=True
    ):
        order = (book - book[before]).norm(dim=1).argsort().tolist()
        assert now in order[1 : 1 + edit.NEAR]


def test_nothing_is_the_codeword_nearest_to_zero(codec: Codec):
    after = edit.apply(codec, tokens_of(codec), Edit([0], [2], "nothing"))
    norms = codec.codebook(2).norm(dim=1)
    assert norms[after.codes[2].flatten()[0]] == norms.min()


def test_random_codes_go_by_their_seed(codec: Codec):
    tokens, places = tokens_of(codec), list(range(40))
    drawn = [edit.apply(codec, tokens, Edit(places, [0, 1], "random", seed=s)) for s in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]
    assert torch.equal(drawn[0].codes[2], tokens.codes[2])


def test_another_input_gives_its_codes_at_the_same_places():
    codec = codec_of("image")
    tokens, other = tokens_of(codec), tokens_of(codec, seed=1, height=160, width=400)  # lower and wider
    rows, columns = tokens.positions
    assert other.positions[0] < rows and other.positions[1] > columns
    places = [5 * columns + 7, 6 * columns + 48, (rows - 1) * columns]  # the last one is below the other
    after = edit.apply(codec, tokens, Edit(places, range(3), "other", source=other))
    assert torch.equal(after.codes[:, 5, 7], other.codes[:, 5, 7])
    assert torch.equal(after.codes[:, 6, 48], other.codes[:, 6, 48])
    assert torch.equal(after.codes[:, -1, 0], tokens.codes[:, -1, 0])


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (Edit([], [0], "code"), "place from 0"),
        (Edit([10**6], [0], "code"), "place from 0"),
        (Edit([-1], [0], "code"), "place from 0"),
        (Edit([0], [3], "code"), "level from 0 to 2"),
        (Edit([0], [0], "code", code=32), "code from 0 to 31"),
        (Edit([0], [0], "spray"), "nothing else"),
        (Edit([0], [0], "other"), "Another input is needed"),
    ],
)
def test_what_does_not_exist_is_one_sentence(wrong: Edit, says: str):
    codec = codec_of("text")
    with pytest.raises(InputError, match=says):
        edit.apply(codec, tokens_of(codec), wrong)


def test_the_input_of_other_weights_is_refused():
    codec, other = codec_of("text"), codec_of("text", width=32)
    with pytest.raises(InputError, match="other weights"):
        edit.apply(codec, tokens_of(codec), Edit([0], [0], "other", source=tokens_of(other)))


# ------------------------------------------------------------------------------ steps and links


def test_steps_go_back_and_forward_again(codec: Codec):
    history = History.of(tokens_of(codec))
    seen = [history.tokens]
    for seed in range(4):
        history = history.do(edit.apply(codec, history.tokens, Edit([seed, 9], [seed % 3], "random", seed=seed)))
        seen.append(history.tokens)
    for expected in reversed(seen[:-1]):
        history = history.undo()
        assert history.tokens == expected
    assert history.undo() is history and not history.changed.any()
    for expected in seen[1:]:
        history = history.redo()
        assert history.tokens == expected
    assert history.redo() is history
    again = history.undo().do(edit.apply(codec, seen[0], Edit([1], [0], "code", code=5)))
    assert not again.undone  # another way was taken


def test_a_step_that_changes_nothing_is_none(codec: Codec):
    history = History.of(tokens_of(codec))
    assert history.do(history.tokens) is history
    assert history.reset() is history


def test_all_can_be_put_back_and_that_undone(codec: Codec):
    tokens = tokens_of(codec)
    edited = History.of(tokens).do(edit.apply(codec, tokens, Edit([2], [0, 1, 2], "random", seed=5)))
    assert edited.reset().tokens == tokens and edited.reset().undo().tokens == edited.tokens


def test_changes_travel_as_bytes(codec: Codec):
    tokens = tokens_of(codec)
    after = edit.apply(codec, tokens, Edit([1, 5, 30], [0, 2], "random", seed=1))
    packed = edit.pack_changes(tokens, after)
    assert edit.with_changes(tokens, packed) == after
    assert len(packed) < 40
    assert edit.with_changes(tokens, edit.pack_changes(tokens, tokens)) == tokens


@pytest.mark.parametrize("damage", [b"", b"nothing", b"\x78\x9c" + b"\0" * 9, zlib.compress(bytes([0, 1]))])
def test_damaged_changes_are_one_sentence(damage: bytes):
    codec = codec_of("text")
    with pytest.raises(InputError, match="does not fit its input"):
        edit.with_changes(tokens_of(codec), damage)


def test_changes_of_a_larger_input_are_refused():
    codec = codec_of("text")
    large, small = tokens_of(codec), tokens_of(codec, bytes=40)
    after = edit.apply(codec, large, Edit([90], [2], "random", seed=1))
    with pytest.raises(InputError, match="does not fit its input"):
        edit.with_changes(small, edit.pack_changes(large, after))


def test_an_edit_is_in_the_file(codec: Codec):
    tokens = tokens_of(codec)
    after = edit.apply(codec, tokens, Edit([0, 1], [0], "nothing"))
    assert torch.equal(type(after).from_bytes(after.to_bytes()).codes, after.codes)


# ------------------------------------------------------------------------------ only what changed


@pytest.mark.parametrize("levels", [1, 3])
def test_local_decoding_is_that_of_the_whole(codec: Codec, levels: int):
    tokens = tokens_of(codec)
    local = LocalDecoder(codec, tokens, levels)
    assert torch.equal(local.output, codec.decode_tensor(tokens, levels))
    count, size = tokens.codes[0].numel(), local.output.shape[-1]
    for places in ([0], [count - 1], [count // 2, count // 2 + 1], [0, count - 1], range(count)):
        before = local.output
        tokens = edit.apply(codec, tokens, Edit(list(places), [0, 1], "random", seed=count + len(places)))
        box = local.update(tokens)
        whole = codec.decode_tensor(tokens, levels)
        # Matrix kernels go by the number of rows, which rounds the last bits differently.
        assert torch.allclose(local.output.double(), whole.double(), rtol=0, atol=2e-6)
        changed = (whole.double() - before.double()).abs() > 2e-6
        outside = changed.clone()
        outside[(..., *(slice(a, b) for a, b in box))] = False
        assert not outside.any()
        if len(places) == 1 and codec.modality != "text":
            assert box[-1][1] - box[-1][0] < size  # not everything was done again


def test_local_decoding_does_nothing_where_nothing_changed(codec: Codec):
    tokens = tokens_of(codec)
    local = LocalDecoder(codec, tokens, 1)
    assert local.update(edit.apply(codec, tokens, Edit([0], [2], "random"))) is None  # a level that is not decoded


def test_a_tokenizer_that_sees_everything_is_decoded_whole():
    codec = codec_of("image")
    tokens = tokens_of(codec)

    class Unknown(type(codec.tokenizer)):
        def stages(self, levels):
            return None

        @property
        def receptive_field(self):
            return type(super().receptive_field)(None, None)

    codec.tokenizer.__class__ = Unknown
    local = LocalDecoder(codec, tokens, 3)
    tokens = edit.apply(codec, tokens, Edit([0], [0], "random", seed=2))
    assert local.update(tokens) == [(0, 301), (0, 389)]
    assert torch.equal(local.output, codec.decode_tensor(tokens))


def test_another_size_is_refused(codec: Codec):
    local = LocalDecoder(codec, tokens_of(codec), 1)
    key = codec.processor.meta_keys[0]
    with pytest.raises(ValueError, match="not of size"):
        local.update(tokens_of(codec, **{key: SIZES[codec.modality][key] // 2}))


# ------------------------------------------------------------------------------ colours


def test_like_codewords_have_like_colours(codec: Codec):
    book, colours = codec.codebook(0), code_colours(codec, 0).double()
    assert colours.shape == (32, 3)
    parts = components(book) * torch.tensor(SPREAD)
    far = torch.cdist(parts, parts)
    seen = torch.cdist(colours, colours)
    off = ~torch.eye(32, dtype=torch.bool)
    assert torch.corrcoef(torch.stack([far[off], seen[off].to(far)]))[0, 1] > 0.8


def test_colours_are_those_of_oklab():
    # White, mid grey and pure red, after Ottosson's own table.
    oklab = torch.tensor([[1.0, 0.0, 0.0], [0.5999, 0.0, 0.0], [0.6280, 0.2249, 0.1258]], dtype=torch.float64)
    assert (srgb(oklab).int() - torch.tensor([[255] * 3, [128] * 3, [255, 0, 0]])).abs().max() <= 1


def test_a_codebook_of_one_axis_has_colours_too():
    assert components(torch.linspace(-1, 1, 9)[:, None].double()).shape == (9, 3)
