"""Tokens of several positions along both axes, and vector conditions."""

import pytest
import torch

from mmdemo.diffusion.dit import DiT
from mmdemo.diffusion.patches import from_tokens, to_tokens
from mmdemo.diffusion.streams import Condition, DiTConfig, Stream

PICTURE = Stream("image", 3, [8, 6], patch=[2, 3])
SOUND = Stream("audio", 5, [12], patch=4)


@pytest.mark.parametrize("stream", [PICTURE, SOUND])
def test_tokens_hold_neighbouring_positions_and_lead_back(stream):
    x = torch.randn(2, stream.dim, *stream.shape, generator=torch.Generator().manual_seed(0))
    tokens = to_tokens(x, stream)
    assert tokens.shape == (2, stream.tokens, stream.token_dim)
    assert torch.equal(from_tokens(tokens, stream), x)
    first = x[0, :, :2, :3] if len(stream.shape) == 2 else x[0, :, :4]
    assert torch.equal(tokens[0, 0].sort().values, first.flatten().sort().values)


def test_a_patch_must_not_change_what_one_position_a_token_gives():
    flat, listed = Stream("image", 3, [4, 4]), Stream("image", 3, [4, 4], patch=[1, 1])
    x = torch.randn(1, 3, 4, 4)
    assert torch.equal(to_tokens(x, flat), to_tokens(x, listed))


@pytest.fixture(params=[0, 2], ids=["added", "tokens"])
def conditioned(request):
    """Conditioned on a vector, which is added to the time embedding, and in tokens besides."""
    torch.manual_seed(0)
    conditions = [Condition("prompt", 7, tokens=request.param)]
    model = DiT(DiTConfig([PICTURE, SOUND], ["ann"], conditions, width=32, depth=2, heads=2)).eval()
    for p in model.parameters():  # past the zeros that training starts from
        torch.nn.init.normal_(p, std=0.1)
    return model


def inputs(batch=2):
    g = torch.Generator().manual_seed(1)
    x = {s.name: torch.randn(batch, s.dim, *s.shape, generator=g) for s in (PICTURE, SOUND)}
    return x, {name: torch.full((batch,), 0.5) for name in x}


@torch.no_grad()
def test_a_vector_reaches_every_stream_and_only_its_own_row(conditioned):
    model, (x, t) = conditioned, inputs()
    vectors = torch.randn(2, 7, generator=torch.Generator().manual_seed(2))
    out = model(x, t, vectors={"prompt": vectors})
    moved = model(x, t, vectors={"prompt": torch.stack([vectors[0], vectors[1] + 1])})
    for name in x:
        assert torch.equal(out[name][0], moved[name][0]) and not torch.allclose(out[name][1], moved[name][1])


@torch.no_grad()
def test_an_unknown_vector_is_no_vector(conditioned):
    model, (x, t) = conditioned, inputs()
    vectors = torch.randn(2, 7, generator=torch.Generator().manual_seed(2))
    none = model(x, t)
    some = model(x, t, vectors={"prompt": vectors}, known={"prompt": torch.tensor([True, False])})
    for name in x:
        assert torch.allclose(some[name][1], none[name][1], atol=1e-6)
        assert not torch.allclose(some[name][0], none[name][0])


@torch.no_grad()
def test_tokens_alone_tell_of_a_vector(conditioned):
    model, (x, t) = conditioned, inputs()
    torch.nn.init.zeros_(model.vector_embedders["prompt"].weight)
    vectors = torch.randn(2, 7, generator=torch.Generator().manual_seed(2))
    out, moved = (model(x, t, vectors={"prompt": v}) for v in (vectors, vectors + 1))
    told = not torch.allclose(out["image"], moved["image"])
    assert told == bool(model.config.conditions[0].tokens)


@torch.no_grad()
def test_a_mean_begins_at_nothing_and_reaches_the_rows_that_know_it():
    conditions = [Condition("prompt", 7, mean=["image", "audio"], hidden=16)]
    torch.manual_seed(0)
    model = DiT(DiTConfig([PICTURE, SOUND], ["ann"], conditions, width=32, depth=2, heads=2)).eval()
    embedders = [e.weight.clone() for e in model.means["prompt"].embedders.values()]
    assert not any(weight.any() for weight in embedders)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    x, t = inputs()
    x["audio"] = x["audio"][:, :, :8]  # shorter than the stream may be
    vectors = {"prompt": torch.randn(2, 7, generator=torch.Generator().manual_seed(2))}
    known = {"prompt": torch.tensor([True, False])}
    out = model(x, t, vectors=vectors, known=known)
    for embedder in model.means["prompt"].embedders.values():
        torch.nn.init.zeros_(embedder.weight)
        torch.nn.init.zeros_(embedder.bias)
    without = model(x, t, vectors=vectors, known=known)
    for name in x:
        assert torch.equal(out[name][1], without[name][1]) and not torch.allclose(out[name][0], without[name][0])


def test_a_condition_cannot_tell_of_a_stream_that_is_not_there():
    with pytest.raises(ValueError, match="cannot tell of 'smell'"):
        DiTConfig([PICTURE], conditions=[Condition("prompt", 7, mean=["smell"])], width=32, heads=2)


@torch.no_grad()
def test_learned_positions_tell_a_token_its_place():
    torch.manual_seed(0)
    plain = DiT(DiTConfig([PICTURE, SOUND], width=32, depth=2, heads=2)).eval()
    placed = DiT(DiTConfig([PICTURE, SOUND], width=32, depth=2, heads=2, positions=True)).eval()
    for parameter in plain.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    placed.load_state_dict(plain.state_dict(), strict=False)
    x, t = inputs()
    torch.nn.init.zeros_(placed.position_embedding.weight)
    assert all(torch.equal(a, b) for a, b in zip(placed(x, t).values(), plain(x, t).values(), strict=True))
    # A sound that says the same everywhere, with nothing to compare itself with: only its places can differ.
    torch.nn.init.normal_(placed.position_embedding.weight)
    x["audio"] = x["audio"][:, :, :1].expand(-1, -1, 8)  # shorter than the stream may be
    for model, differ in ((plain, False), (placed, True)):
        for block in model.blocks:
            torch.nn.init.zeros_(block.attn.proj.weight)  # nothing is seen of other tokens
        first, second = model(x, t)["audio"].split(4, dim=2)
        assert torch.allclose(first, second, atol=1e-6) != differ


def test_one_scale_for_all_channels_keeps_their_relative_sizes():
    from mmdemo.diffusion.latents import LatentNormalizer

    sizes = torch.tensor([4.0, 1.0, 0.25])
    z = 3 + sizes[:, None, None] * torch.randn(64, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    normalizer = LatentNormalizer([Stream("image", 3, [8, 8])])
    normalizer.measure("image", z, shared=True)
    scaled = normalizer.normalize("image", z)
    assert scaled.square().mean().item() == pytest.approx(1, abs=0.02)  # 4096 values a channel
    spread = scaled.std((0, 2, 3))
    assert (spread / spread[1]).tolist() == pytest.approx(sizes.tolist(), rel=0.05)
    assert torch.allclose(normalizer.restore("image", scaled), z, atol=1e-4)


def test_sizes_of_streams_in_patches_of_two_axes_are_bounded_too():
    from mmdemo.config import from_dict

    streams = [{"name": "image", "dim": 8000, "shape": [64, 64], "patch": [64, 64]}]
    with pytest.raises(ValueError, match="weights"):
        from_dict(DiTConfig, {"streams": streams, "width": 8192})


# ------------------------------------------------------------------------------ rows of different lengths


def speech(aligned=False, **kwargs) -> DiT:
    """A picture, a sound of at most twelve positions, and a text: after the sound, or frame by frame beside it."""
    text = Stream("text", 4, [12], patch=4, aligned="audio") if aligned else Stream("text", 4, [6], patch=2)
    torch.manual_seed(0)
    model = DiT(DiTConfig([PICTURE, SOUND, text], ["ann"], width=32, depth=2, heads=2, **kwargs)).eval()
    for p in model.parameters():
        torch.nn.init.normal_(p, std=0.1)
    return model


def batch_of(model, batch=2, length=None):
    g = torch.Generator().manual_seed(1)
    x = {s.name: torch.randn(batch, s.dim, *s.shape, generator=g) for s in model.config.streams}
    t = {name: torch.rand(batch, generator=g) for name in x}
    return {k: z[..., :length] if k != "image" else z for k, z in x.items()}, t


@torch.no_grad()
@pytest.mark.parametrize("aligned", [False, True])
@pytest.mark.parametrize("global_tokens", [False, True])
def test_padding_is_as_if_it_were_not_there(aligned, global_tokens):
    """The second row's sound has eight positions: what follows, even no numbers, changes nothing and gets nothing."""
    model = speech(aligned, global_tokens=global_tokens)
    x, t = batch_of(model)
    padded = ["audio", "text"] if aligned else ["audio"]
    mask = torch.ones(2, 12, dtype=torch.bool)
    mask[1, 8:] = False
    for name in padded:
        x[name][1, :, 8:] = torch.nan
    features = []
    out = model(x, t, mask=dict.fromkeys(padded, mask), hidden=features)
    short = {k: z[1:, :, :8] if k in padded else z[1:] for k, z in x.items()}
    alone_features = []
    alone = model(short, {k: v[1:] for k, v in t.items()}, hidden=alone_features)
    for name in x:
        real = out[name][1:, :, :8] if name in padded else out[name][1:]
        assert torch.allclose(real, alone[name], atol=1e-5)
    assert all((out[name][1, :, 8:] == 0).all() for name in padded)
    for a, b in zip(features, alone_features, strict=True):
        assert torch.allclose(a[1:], b, atol=1e-5)


@torch.no_grad()
def test_a_row_of_nothing_but_padding_is_an_absent_stream():
    """At sampling, what is absent is pure noise; in training, a row that lacks a stream must look the same."""
    model = speech()
    x, t = batch_of(model)
    mask = torch.tensor([[True] * 12, [False] * 12])
    out, plain = model(x, t, mask={"audio": mask}), model(x, t)
    assert all(torch.allclose(out[k], plain[k], atol=1e-5) for k in x)


@torch.no_grad()
def test_a_stream_may_end_within_a_token():
    """As when the rest of that token is padding."""
    model = speech()
    x, t = batch_of(model)
    mask = torch.ones(2, 12, dtype=torch.bool)
    mask[:, 10:] = False
    padded, short = model(x, t, mask={"audio": mask}), model({**x, "audio": x["audio"][..., :10]}, t)
    assert short["audio"].shape == (2, 5, 10)
    assert torch.allclose(padded["audio"][..., :10], short["audio"], atol=1e-5)
    assert torch.allclose(padded["image"], short["image"], atol=1e-5)


def test_a_stream_that_is_too_long_is_refused():
    model = speech()
    x, t = batch_of(model)
    with pytest.raises(ValueError, match="audio has 13 positions; the transformer takes up to 12"):
        model({**x, "audio": torch.zeros(2, 5, 13)}, t)


@torch.no_grad()
@pytest.mark.parametrize("per_token", [False, True])
def test_an_aligned_stream_shares_tokens_and_keeps_its_own_time(per_token):
    model = speech(aligned=True)
    x, t = batch_of(model)
    if per_token:
        t["audio"] = t["audio"][:, None].expand(-1, 3)
    assert len(model.modality) == PICTURE.tokens + SOUND.tokens + 1  # and the style
    out = model(x, t)
    assert {k: v.shape for k, v in out.items()} == {k: v.shape for k, v in x.items()}
    for source in ("audio", "text"):
        moved = model({**x, source: x[source] + 1}, t)
        later = model(x, {**t, source: t[source] * 0.5})
        for target in x:
            assert not torch.allclose(moved[target], out[target], atol=1e-4)
            assert not torch.allclose(later[target], out[target], atol=1e-4)


@torch.no_grad()
def test_times_per_token_that_are_equal_are_one_time_also_of_an_aligned_stream():
    model = speech(aligned=True, global_tokens=True)
    x, t = batch_of(model)
    tokens = {"image": PICTURE.tokens, "audio": 3, "text": 3}
    wide = {k: v[:, None].expand(-1, tokens[k]) for k, v in t.items()}
    for names in (["text"], ["audio"], list(x)):
        some = model(x, {**t, **{k: wide[k] for k in names}})
        assert all(torch.allclose(a, b, atol=1e-5) for a, b in zip(some.values(), model(x, t).values(), strict=True))


@pytest.mark.parametrize(
    "stream, reason",
    [
        (Stream("text", 4, [8], patch=4, aligned="audio"), "needs equal tokens"),
        (Stream("text", 4, [3], aligned="video"), "cannot be aligned to 'video'"),
    ],
)
def test_streams_that_cannot_be_aligned_are_refused(stream, reason):
    with pytest.raises(ValueError, match=reason):
        DiTConfig([SOUND, stream])


def test_a_picture_is_on_no_axis_of_time():
    with pytest.raises(ValueError, match="no axis of time"):
        Stream("image", 3, [2, 2], aligned="audio")
