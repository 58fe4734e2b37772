"""The three networks: shapes for any input size, exact windows, agreement of codes with the forward pass."""

import pytest
import torch

from mmdemo.codec import tiling
from mmdemo.modalities import MODALITIES
from mmdemo.tokenizers import build_tokenizer

SMALL = {
    "image": {
        "width4": 8,
        "width8": 16,
        "depth4": 1,
        "depth8": 2,
        "bottleneck": {"dim": 4, "levels": 3, "codebook_size": 16},
    },
    "audio": {
        "subframes": 16,
        "phase_bins": 8,
        "width": 16,
        "encoder_depth": 2,
        "decoder_depth": 2,
        "bottleneck": {"dim": 4, "levels": 3, "codebook_size": 16},
    },
    "text": {
        "byte_width": 8,
        "width": 16,
        "encoder_depth": 2,
        "decoder_depth": 2,
        "bottleneck": {"dim": 4, "levels": 3, "codebook_size": 16},
    },
}


def build(modality, **extra):
    torch.manual_seed(0)
    model = build_tokenizer(modality, {**SMALL[modality], **extra})
    with torch.no_grad():  # leave the near-identity start, so that context really matters
        for p in model.parameters():
            p.add_(0.05 * torch.randn_like(p))
    z = model.to_latent(inputs(modality, 4, 4096))
    model.bottleneck.init_codebooks(z.movedim(1, -1).reshape(-1, 4).detach())
    return model.eval()


def inputs(modality, n, size):
    g = torch.Generator().manual_seed(1)
    if modality == "image":
        return torch.rand(n, 3, 64, max(8, size // 64), generator=g)
    if modality == "audio":
        return 0.3 * torch.randn(n, size, generator=g)
    return torch.randint(0, 256, (n, size), generator=g)


@pytest.mark.parametrize("modality", list(SMALL))
def test_decoding_codes_is_the_eval_forward(modality):
    model = build(modality)
    x = inputs(modality, 2, 2048)
    assert torch.allclose(model(x).y, model.decode(model.encode(x)), atol=1e-4)


@pytest.mark.parametrize("modality", list(SMALL))
def test_in_eval_a_pass_searches_as_encode_does(modality):
    """With a beam: one search for `model(x)` and for what files are made of; only training takes the nearest."""
    model = build(modality, bottleneck={**SMALL[modality]["bottleneck"], "beam": 4})
    x = inputs(modality, 2, 2048)
    out, codes = model(x), model.encode(x)
    assert torch.equal(out.quantized.codes, codes) and torch.equal(out.y, model.decode(codes))
    greedy = model.bottleneck(model.to_latent(x))
    assert not torch.equal(greedy.codes, codes)
    num_levels = torch.tensor([1, 2])
    part = model(x, num_levels)
    assert torch.equal(part.quantized.z[:1], model.latent(codes[:1, :1]))
    assert torch.equal(part.quantized.num_levels, num_levels)


def test_every_part_of_a_network_counts_for_the_fingerprint_or_is_known_not_to():
    model = build("image")
    before = model.fingerprint()
    with torch.no_grad():
        model.decoder[-2].weight.add_(1)
    assert model.fingerprint() == before
    with torch.no_grad():
        model.encoder[1].weight.add_(1)
    assert model.fingerprint() != before
    model.postprocess = torch.nn.Linear(2, 2)
    with pytest.raises(TypeError, match="postprocess of ImageTokenizer is of neither"):
        model.fingerprint()


@pytest.mark.parametrize("size", [(1, 1), (8, 8), (7, 30), (65, 9), (24, 40)])
def test_pictures_of_any_size(size):
    model = build("image")
    codes = model.encode(torch.rand(1, 3, *size))
    assert codes.shape == (1, 3, -(-size[0] // 8), -(-size[1] // 8))
    assert model.decode(codes).shape[-2:] == (codes.shape[2] * 8, codes.shape[3] * 8)


@pytest.mark.parametrize("samples", [1, 160, 319, 320, 321, 16_001])
def test_waveforms_of_any_length(samples):
    model = build("audio")
    codes = model.encode(torch.randn(1, samples))
    assert codes.shape[-1] == -(-samples // 320)
    assert model.decode(codes).shape[-1] == codes.shape[-1] * 320


def test_spectrum_head_inverts_the_stft():
    """The head's inverse STFT gives back the wave whose STFT it is handed: same windows, same padding."""
    model = build("audio")
    wave = torch.randn(1, 3200)
    n_fft, hop = 1280, 320
    side = (n_fft - hop) // 2
    padded = torch.nn.functional.pad(wave, (side, side))
    spectrum = torch.stft(padded, n_fft, hop, window=model.window, center=False, return_complex=True)
    # The outermost samples are covered by few windows, where the division is ill-conditioned.
    assert torch.allclose(model._istft(spectrum)[:, 320:-320], wave[:, 320:-320], atol=1e-4)


def test_short_windows_and_phases_tell_when_a_wave_swings():
    """A tone and the same tone upside down: to the long windows' magnitudes they are one and the same."""
    tone = 0.3 * torch.sin(2 * torch.pi * 125 * torch.arange(16_000) / 16_000)[None]
    pulses = torch.zeros(1, 16_000)
    pulses[:, ::160] = 0.5
    for extra, heard in (
        ({"subframes": 0, "phase_bins": 0}, False),
        ({"subframes": 0}, True),
        ({"phase_bins": 0}, True),
    ):
        model = build("audio", **extra)
        a, b = tone, -tone
        if not extra.get("phase_bins", 1) and heard:  # short windows hear when pulses come, not their sign
            a, b = pulses, pulses.roll(80, 1)
        middle = slice(10, 40)  # away from the ends
        difference = (model._features(a) - model._features(b))[..., middle].abs().max()
        assert (difference > 0.1) == heard, (extra, difference)


@pytest.mark.parametrize("encoder", ["conv", "gru"])
def test_text_of_any_length(encoder):
    model = build("text", encoder=encoder)
    for n in (1, 3, 4, 5, 101):
        codes = model.encode(torch.randint(0, 256, (1, n)))
        assert codes.shape == (1, 3, -(-n // 4))
        assert model.decode(codes).shape == (1, 256, 4 * codes.shape[-1])


@pytest.mark.parametrize("modality, window", [("image", (6, 6)), ("audio", (16,)), ("text", (40,))])
def test_windows_equal_the_whole(modality, window, monkeypatch):
    """Seams are exact: the same codes, and outputs equal to float rounding of differently shaped matmuls."""
    model = build(modality)
    x = inputs(
        modality,
        1,
        64 * 408 if modality == "image" else 320 * 203 + 7 if modality == "audio" else 4 * 611 + 1,
    )
    if modality == "image":
        x = x[..., :405]
    whole = model.encode(x)
    output = model.to_canonical(model.decode(whole))
    monkeypatch.setattr(type(MODALITIES[modality]), "tile", window)
    assert len(tiling.plan(list(whole.shape[2:]), window, model.receptive_field.encoder)) > 1
    assert (tiling.encode(model, x) == whole).float().mean() > 0.9999  # a tie may fall either way
    parts = tiling.decode(model, whole)
    if modality == "text":
        assert (parts == output).float().mean() > 0.9999
    else:
        assert torch.allclose(parts, output, atol=1e-4)


def test_unknown_modalities_and_settings_are_refused():
    with pytest.raises(ValueError, match="image, audio, text"):
        build_tokenizer("video", {})
    with pytest.raises(ValueError, match="conv, gru"):
        build_tokenizer("text", {"encoder": "lstm"})
