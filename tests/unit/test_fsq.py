"""Finite scalar quantization: the paper's grid and rounding, codes that fit codebook and decoder, and no collapse."""

import pytest
import torch

from mmdemo.config import from_dict
from mmdemo.errors import InputError
from mmdemo.quantizers import build_quantizer, read_config
from mmdemo.quantizers.fsq import FSQ, FSQConfig
from mmdemo.tokenizers import ImageTokenizerConfig, build_tokenizer

GRIDS = [(8, 6, 5), (4, 3), (7, 5, 5, 5, 5), (4,)]


def latents(d: int, scale: float = 2.0) -> torch.Tensor:
    return scale * torch.randn(6, d, 9, 5, generator=torch.Generator().manual_seed(1))


def fsq(grid) -> FSQ:
    return build_quantizer(FSQConfig(kind="fsq", grid=list(grid))).eval()


@pytest.mark.parametrize("grid", GRIDS)
def test_an_independent_implementation_gives_the_same_codes_and_latents(grid):
    peers = pytest.importorskip("vector_quantize_pytorch")
    peer = peers.FSQ(levels=list(grid), channel_first=True)
    z = latents(len(grid))
    values, codes = peer(z)
    ours = fsq(grid)
    assert torch.equal(ours.encode(z)[:, 0], codes.long())
    torch.testing.assert_close(ours(z).z, values)


@pytest.mark.parametrize("grid", GRIDS)
def test_every_point_of_the_grid_can_be_reached_and_has_its_own_code(grid):
    quantizer = fsq(grid)
    points = quantizer.codebook(0)  # (K, d)
    size = len(points)
    assert quantizer.codebook_sizes == (size,) and quantizer.levels == 1 and quantizer.dim == len(grid)
    assert len(points.unique(dim=0)) == size
    assert set(quantizer.encode(latents(len(grid), 3.0).repeat(40, 1, 1, 1)).unique().tolist()) <= set(range(size))
    codes = torch.arange(size).view(1, 1, size)
    torch.testing.assert_close(quantizer.decode(codes)[0].T, points)
    # Far out, or where tanh puts it: each channel's value is that of the nearest point of its own.
    half = quantizer._grid // 2
    shift = torch.atanh((quantizer._grid % 2 == 0) / 2 / ((quantizer._grid - 1) / 2 * 1.001))
    inside = ((points * half + (quantizer._grid % 2 == 0) / 2) / ((quantizer._grid - 1) / 2 * 1.001)).atanh() - shift
    assert torch.equal(quantizer.encode(inside.T[None]).flatten(), torch.arange(size))


def test_the_forward_pass_is_decode_after_encode_and_lets_gradients_through():
    quantizer, z = fsq((8, 6, 5)), latents(3, 0.3).requires_grad_()
    out = quantizer(z)
    torch.testing.assert_close(out.z, quantizer.decode(out.codes))
    assert torch.equal(out.codes, quantizer.encode(z)) and out.loss == 0
    out.z.sum().backward()
    assert (z.grad > 0).all()  # never less where the latent is more


def test_padding_is_not_counted():
    quantizer = fsq((4, 4)).train()
    mask = torch.zeros(6, 9, 5, dtype=torch.bool)
    mask[:, :2] = True
    z = latents(2)
    quantizer(z, mask=mask)
    shown = torch.bincount(quantizer.encode(z)[:, 0, :2].flatten(), minlength=16)
    torch.testing.assert_close(quantizer.ema_count, 0.01 * shown)


@pytest.mark.parametrize("modality", ["image", "audio", "text"])
def test_tokenizers_of_every_modality_take_it_by_its_name_alone(modality):
    tokenizer = build_tokenizer(modality, {"bottleneck": {"kind": "fsq", "levels": 4, "codebook_size": 250}}).eval()
    assert tokenizer.levels == 1 and tokenizer.codebook_sizes == (240,) and tokenizer.dim == 3
    inputs = {"image": torch.rand(1, 3, 16, 24), "audio": torch.rand(1, 960), "text": torch.randint(256, (1, 64))}
    x = inputs[modality]
    codes = tokenizer.encode(x)
    torch.testing.assert_close(tokenizer(x).y, tokenizer.decode(codes))
    assert codes.shape[1] == 1 and int(codes.max()) < 240


def test_a_table_may_serve_several_quantizers_but_not_hold_what_none_has():
    shared = {"dim": 16, "levels": 4, "codebook_size": 1024, "commitment": 0.3, "kl": 0.1, "grid": [5, 5]}
    assert read_config({**shared, "kind": "fsq"}).codebook_size == 25
    assert read_config({**shared, "kind": "rvq"}).commitment == 0.3
    assert read_config({**shared, "kind": "gaussian"}).kl == 0.1
    assert read_config({**shared, "kind": "vq"}).levels == 1
    assert not hasattr(read_config({**shared, "kind": "vq"}), "grid")
    with pytest.raises(InputError, match=r'bottleneck has no setting "grit"; did you mean "grid"'):
        from_dict(ImageTokenizerConfig, {"bottleneck": {"kind": "fsq", "grit": [5, 5]}})
    with pytest.raises(InputError, match="over 65,536 codes"):
        from_dict(FSQConfig, {"grid": [200, 200, 200]})
    with pytest.raises(InputError, match="There is no quantizer 'lfq'; did you mean 'fsq'"):
        read_config({"kind": "lfq"})
