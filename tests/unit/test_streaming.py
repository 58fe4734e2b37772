"""Long sounds, streamed: the codes and samples of the whole, with memory for a window."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import soundfile
import torch

from mmdemo import metrics
from mmdemo.codec import Codec, streaming
from mmdemo.errors import InputError
from mmdemo.modalities import MODALITIES, audio
from mmdemo.tokenizers import build_tokenizer

SMALL = {
    "width": 24,
    "subframes": 16,
    "phase_bins": 8,
    "encoder_depth": 2,
    "decoder_depth": 2,
    "bottleneck": {"dim": 4, "levels": 3, "codebook_size": 64},
}


@pytest.fixture(scope="module")
def codec() -> Codec:
    """A codec over random weights."""
    torch.manual_seed(0)
    tokenizer = build_tokenizer("audio", SMALL)
    with torch.no_grad():  # away from the near-identity start, so that surroundings really matter
        for p in tokenizer.parameters():
            p.add_(0.05 * torch.randn_like(p))
    z = tokenizer.to_latent(torch.rand(4, 16_000) - 0.5)
    tokenizer.bottleneck.init_codebooks(z.movedim(1, -1).reshape(-1, 4).detach())
    return Codec(tokenizer.freeze(), "small")


@pytest.fixture
def short_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(MODALITIES["audio"]), "tile", (40,))


@pytest.mark.parametrize("levels", [None, 2])
@pytest.mark.parametrize("samples", [1, 320, 33_333, 200_000])
def test_streaming_gives_the_codes_and_samples_of_the_whole(
    codec: Codec, short_tiles: None, tmp_path: Any, samples: int, levels: int | None
):
    wave = np.random.default_rng(0).uniform(-0.5, 0.5, samples).astype(np.float32)
    soundfile.write(tmp_path / "a.wav", wave, 16_000, "FLOAT")
    whole = codec.encode(tmp_path / "a.wav", levels)
    tokens = streaming.encode(codec, tmp_path / "a.wav", levels)
    assert torch.equal(tokens.codes, whole.codes) and tokens.meta == whole.meta
    blocks = list(streaming.decode(codec, tokens))
    assert torch.equal(torch.cat(blocks), codec.decode_tensor(whole))
    if samples == 200_000:
        assert len(blocks) > 10
        assert torch.equal(torch.cat(list(streaming.decode(codec, tokens, 1))), codec.decode_tensor(whole, 1))


def test_the_whole_in_one_window_is_the_same_too(codec: Codec, tmp_path: Any, monkeypatch: Any):
    wave = np.random.default_rng(0).uniform(-1.5, 1.5, (90_000, 2)).astype(np.float32)  # over full scale, stereo
    soundfile.write(tmp_path / "a.wav", wave, 22_050, "FLOAT")
    whole = codec.encode(tmp_path / "a.wav")
    sound = codec.decode_tensor(whole)
    monkeypatch.setattr(type(MODALITIES["audio"]), "tile", (37,))
    tokens = streaming.encode(codec, tmp_path / "a.wav")
    assert (tokens.codes != whole.codes).sum() == 0 and tokens.meta == whole.meta
    assert torch.allclose(torch.cat(list(streaming.decode(codec, tokens))), sound, atol=1e-5)


def test_only_a_tile_is_held(codec: Codec, short_tiles: None, tmp_path: Any, monkeypatch: Any):
    seconds = 600
    soundfile.write(tmp_path / "a.flac", np.zeros(seconds * 4_000, np.int16), 4_000)
    seen: list[int] = []

    def encode(x: torch.Tensor, levels: int) -> torch.Tensor:
        seen.append(x.untyped_storage().nbytes() // 4)
        return torch.zeros(1, levels, -(-x.shape[-1] // 320), dtype=torch.long)

    monkeypatch.setattr(codec.tokenizer, "encode", encode)
    monkeypatch.setattr(audio.AudioStream, "__iter__", _counting(audio.AudioStream.__iter__, counted := []))
    tokens = streaming.encode(codec, tmp_path / "a.flac")
    assert tokens.positions == (seconds * 50,) and len(seen) == seconds * 50 // 40
    margin = codec.tokenizer.receptive_field.encoder
    block = 10 * 16_000
    assert max(seen) <= (40 + 2 * margin) * 320 + 2 * block
    assert len(counted) == seconds // 10  # each block is read once


def _counting(iterate: Any, counted: list[int]) -> Any:
    def counting(self: Any) -> Any:
        for block in iterate(self):
            counted.append(len(block))
            yield block

    return counting


def test_what_cannot_be_streamed_is_refused(codec: Codec, tmp_path: Any):
    soundfile.write(tmp_path / "a.wav", np.zeros(32_000), 16_000)
    with pytest.raises(InputError, match="1 to 3"):
        streaming.encode(codec, tmp_path / "a.wav", 4)
    with pytest.raises(InputError, match="long"):
        streaming.encode(codec, tmp_path / "a.wav", max_seconds=1)
    with pytest.raises(InputError, match="for image"):
        streaming.encode(SimpleNamespace(modality="image", processor=MODALITIES["image"], name="x"), tmp_path / "a.wav")
    tokens = codec.encode(tmp_path / "a.wav", 2)
    with pytest.raises(InputError, match="1 to 2"):
        next(streaming.decode(codec, tokens, 3))


def test_a_codec_gives_a_sound_in_its_first_form(codec: Codec):
    array = np.random.default_rng(0).uniform(-0.5, 0.5, (22_050, 2)).astype(np.float32)
    tokens = codec.encode((22_050, array))
    assert codec.decode(tokens)[1].shape == (16_000,)
    rate, back = codec.decode(tokens, original=True)
    assert rate == 22_050 and back.shape == (22_050, 2) and np.array_equal(back[:, 0], back[:, 1])


def test_stoi_of_a_long_sound_is_the_mean_of_its_parts():
    rng = np.random.default_rng(0)
    x = rng.standard_normal(16_000 * 6) * np.repeat(rng.uniform(0, 1, 60), 1_600)
    y = x + 0.1 * rng.standard_normal(len(x))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(metrics.audio, "STOI_LONGEST", 2.0)
        got = metrics.stoi(x, y)
        silent = metrics.stoi(np.concatenate([x[:32_000], 0 * x[:32_000]]), np.tile(y[:32_000], 2))
    parts = [metrics.stoi(x[i : i + 32_000], y[i : i + 32_000]) for i in range(0, len(x), 32_000)]
    assert got == pytest.approx(np.mean(parts)) and got == pytest.approx(metrics.stoi(x, y), abs=0.02)
    assert silent == pytest.approx(parts[0])  # a silent part has no figure
