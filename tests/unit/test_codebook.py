"""What a code adds, how often it was used, and the orders of a codebook."""

import base64
import io

import numpy as np
import pytest
import torch
from PIL import Image
from small import saved

from mmdemo.codec.codebook import added, centroid, chain, gain, hue_key, orders, rarity, reference_counts
from mmdemo.errors import InputError
from mmdemo.loading import load
from mmdemo.ui.shared import code_sheet


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
    sheet = code_sheet.sheet(codec, 1)
    pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(sheet["data"])))).astype(float)
    size = pixels.shape[1] // sheet["columns"]
    first = torch.from_numpy(pixels[:size, :size]).permute(2, 0, 1) / 255
    exact = (0.5 + sheet["gain"] * added(codec, 1, torch.tensor([0]))[0]).clamp(0, 1)
    assert (first - exact).abs().max() < 0.02 + 0.05 / sheet["gain"]  # 8 bits, and a gain of one decimal
    assert abs(pixels - 127.5).max() > 100  # amplified into the whole range


def test_amplification_reaches_half_and_never_weakens():
    values = torch.linspace(-0.01, 0.01, 10_001)
    assert gain(values) == pytest.approx(50, rel=0.01)
    assert gain(torch.tensor([3.0, -3.0])) == 1
    assert gain(torch.zeros(4)) == 1


def test_orders_hold_every_code_once(codec):
    found = orders(codec, 1)
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


def test_codes_that_were_hardly_used_are_marked():
    assert rarity(torch.tensor([0.0, 5.0, 100.0, 295.0])) == ["dead", "rare", "", ""]
