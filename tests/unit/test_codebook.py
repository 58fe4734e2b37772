"""What a code adds, how often it was used, and the orders of a codebook."""

import io

import numpy as np
import pytest
import torch
from PIL import Image
from small import saved

from mmdemo.codec import atlas as kept
from mmdemo.codec import places
from mmdemo.codec.code_sheet import draw
from mmdemo.codec.codebook import (
    added,
    by_tone,
    centroid,
    chain,
    gain,
    hue_key,
    neighbours,
    orders,
    pca,
    rarity,
    reference_counts,
)
from mmdemo.errors import InputError
from mmdemo.loading import load


@pytest.fixture(scope="module", params=["image", "audio"])
def codec(request, tmp_path_factory):
    return load(saved(tmp_path_factory.mktemp(request.param), request.param), device="cpu")


def test_a_codeword_of_zeros_adds_nothing_and_others_something(codec):
    books = codec.tokenizer.bottleneck.codebooks
    kept = books[1, 3].clone()
    books[1, 3] = 0
    change = added(codec, 1, torch.arange(16))
    books[1, 3] = kept
    assert change[3].abs().max() < 1e-6
    assert (change.abs().flatten(1).amax(1) > 1e-6).sum() == 15


def test_a_code_that_is_none_is_refused(codec):
    with pytest.raises(InputError, match="codes 0 to 15"):
        added(codec, 1, torch.tensor([16]))


def test_a_later_sheet_is_grey_where_nothing_is_added(codec):
    if codec.modality != "image":
        pytest.skip("sounds have no grey")
    sheet = draw(codec, 1)
    pixels = np.asarray(Image.open(io.BytesIO(sheet.data))).astype(float)
    size = pixels.shape[1] // sheet.columns
    first = torch.from_numpy(pixels[:size, :size]).permute(2, 0, 1) / 255
    exact = (0.5 + sheet.gain * added(codec, 1, torch.tensor([0]))[0]).clamp(0, 1)
    assert (first - exact).abs().max() < 0.003  # 8 bits
    assert abs(pixels - 127.5).max() > 100  # amplified into the whole range


def test_amplification_reaches_half_and_never_weakens():
    values = torch.linspace(-0.01, 0.01, 10_001)
    assert gain(values) == pytest.approx(50, rel=0.01)
    assert gain(torch.tensor([3.0, -3.0])) == 1
    assert gain(torch.zeros(4)) == 1


def test_orders_hold_every_code_once(codec):
    found = orders(codec, 1, draw(codec, 1).tone)
    assert list(found) == ["reference", "energy", "similar", "tone"]
    assert all(sorted(row) == list(range(16)) for row in found.values())
    norms = codec.codebook(1).norm(dim=1)[found["energy"]]
    assert (norms[:-1] >= norms[1:]).all()
    counts = reference_counts(codec, 1)[found["reference"]]
    assert (counts[:-1] >= counts[1:]).all()


def test_a_chain_follows_a_line():
    assert chain(torch.tensor([[3.0], [0.0], [7.0], [1.0]])) == [1, 3, 0, 2]


def test_hues_come_before_greys_and_low_before_high_tones():
    keys = hue_key(torch.tensor([[0.1, 0.1, 0.1], [0.5, 0, 0], [-0.1, -0.1, -0.1], [0, 0, 0.5]]))
    assert keys[[1, 3]].max() < keys[2] < keys[0]
    time = torch.arange(1600) / 16_000
    waves = torch.stack([torch.sin(2 * torch.pi * f * time) for f in (4000, 400, 1000)])
    assert centroid(waves).argsort().tolist() == [1, 2, 0]
    assert centroid(waves)[0] == pytest.approx(0.5, abs=0.01)  # 4 of 8 kHz


def test_texts_are_in_alphabetical_order():
    assert by_tone("text", ["b", "C", "a", "B"]) == [2, 3, 0, 1]


def test_neighbours_are_the_nearest_others():
    index, distance = neighbours(torch.tensor([[0.0], [0.0], [3.0], [4.0]]), 2)
    assert index[0].tolist() == [1, 2] and index[3].tolist()[0] == 2
    assert distance[2].tolist() == [1, 3]
    assert all(code not in row for code, row in enumerate(index.tolist()))


def test_pca_is_bounded_and_keeps_variance_order():
    vectors = torch.randn(50, 6) * torch.tensor([5.0, 3, 1, 1, 1, 1])
    places, share = pca(vectors)
    assert places.abs().max() <= 1 + 1e-6 and share[0] >= share[1]
    assert pca(torch.zeros(4, 1))[0].shape == (4, 2)


# ---------------------------------------------------------------- what is kept


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("MMDEMO_CACHE", str(tmp_path))
    monkeypatch.setattr(kept, "_kept", {})
    return tmp_path / "codebooks"


def test_an_atlas_is_drawn_once_and_read_again(codec, cache, monkeypatch):
    first = kept.atlas(codec, 1)
    assert len(list(cache.glob("*.safetensors"))) == 1
    monkeypatch.setattr(kept, "_kept", {})  # as in another process
    monkeypatch.setattr(kept, "draw", lambda *_: pytest.fail("drawn again"))
    assert kept.atlas(codec, 1) == first


def test_an_atlas_of_other_weights_is_not_taken(codec, cache, tmp_path):
    made = kept.Atlas(draw(codec, 0), torch.zeros(16, 2), torch.full((16, 2, 1 + codec.tokenizer.axes), -1), ("a.png",))
    path = kept.save(tmp_path / kept.FILE, codec, [made])
    assert kept.load(path, codec, 0).examples == ("a.png",)
    assert kept.load(path, codec, 1) is None  # it has one level only
    name, parameter = next(iter(codec.tokenizer.decoder.named_parameters()))
    before = kept.key(codec)
    kept._keys.clear()
    with torch.no_grad():
        parameter += 1  # of the decoder: the codec's fingerprint stays
        other = kept.load(path, codec, 0), kept.key(codec)
        parameter -= 1
    kept._keys.clear()
    assert other[0] is None and other[1] != before, name


@pytest.mark.parametrize("damage", [b"", b"\x00" * 40, b"{}"])
def test_a_damaged_atlas_is_none(codec, tmp_path, damage):
    (tmp_path / kept.FILE).write_bytes(damage)
    assert kept.load(tmp_path / kept.FILE, codec, 0) is None


# ---------------------------------------------------------------- places


def an_input(codec):
    shape = (3, 40, 56) if codec.modality == "image" else (320 * 9,)
    return torch.rand(shape) if codec.modality == "image" else 0.3 * torch.randn(shape)


def test_the_latent_of_a_place_is_that_of_the_whole(codec):
    x = an_input(codec)
    whole = places.latents(codec, x)
    for at in ((0, 0), (4, 6), (2, 3)) if codec.modality == "image" else ((0,), (8,), (4,)):
        assert torch.allclose(places.latent_at(codec, x, at), whole[(slice(None), *at)], atol=1e-5)


def test_choices_are_those_of_the_encoder(codec):
    x = an_input(codec)
    codes = codec.tokenizer.encode(x[None])[0]  # greedy: always the nearest
    at = tuple(n // 2 for n in codes.shape[1:])
    found = places.choices(codec, places.latent_at(codec, x, at), codes[(slice(None), *at)])
    assert [c.code for c in found] == codes[(slice(None), *at)].tolist()
    assert all(c.rank == 0 and c.nearest[0][0] == c.code for c in found)
    assert found[0].after == pytest.approx(found[1].before)
    assert found[1].distance == pytest.approx(found[1].after ** 2, rel=1e-3)
    assert all(list(c.nearest) == sorted(c.nearest, key=lambda pair: pair[1]) for c in found)


def test_a_code_that_is_not_the_nearest_says_so(codec):
    z = codec.codebook(0)[3].float()
    far = int((codec.codebook(0).float() - z).norm(dim=1).argmax())
    found = places.choices(codec, z, torch.tensor([far]))
    assert found[0].rank == 15 and found[0].distance == pytest.approx(
        float((codec.codebook(0)[far] - z).square().sum())
    )


def test_best_places_hold_their_code(codec):
    inputs = [an_input(codec), an_input(codec)]
    tables = places.best_places(codec, inputs, count=3)
    codes = [codec.tokenizer.encode(x[None])[0] for x in inputs]
    for level, table in enumerate(tables):
        assert table.shape == (16, 3, 1 + codec.tokenizer.axes)
        for code, rows in enumerate(table.tolist()):
            held = [row for row in rows if row[0] >= 0]
            assert all(codes[number][(level, *at)] == code for number, *at in held)
            times = sum(int((c[level] == code).sum()) for c in codes)
            assert len(held) == min(3, times)


def test_codes_that_were_hardly_used_are_marked():
    assert rarity(torch.tensor([0.0, 5.0, 100.0, 295.0])) == ["dead", "rare", "", ""]
