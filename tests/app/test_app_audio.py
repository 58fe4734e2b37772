"""The Audio tab without a browser: what the player gets, its handlers, its endpoint."""

from __future__ import annotations

import base64
import json
import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import numpy as np
import pytest
import soundfile
import torch
from runs import linked, stages

from mmdemo import metrics
from mmdemo.evaluation import classical
from mmdemo.modalities import audio
from mmdemo.tokens import Tokens
from mmdemo.ui.audio import baselines, view
from mmdemo.ui.audio.baselines import baseline_settings
from mmdemo.ui.audio.handlers import OUTPUTS, AudioHandlers
from mmdemo.ui.audio.session import KEPT_BASELINES, KEPT_WAVES, RATE, AudioSession, start
from mmdemo.ui.audio.view import mel_bytes, track
from mmdemo.ui.generate.handlers import GenerateHandlers
from mmdemo.ui.shared import gallery, state
from mmdemo.ui.shared.common import said
from mmdemo.ui.shared.state import Context


@pytest.fixture(scope="module")
def tab() -> AudioHandlers:
    return AudioHandlers(Context("cpu"))


@pytest.fixture(scope="module")
def speech() -> Path:
    """At 22,050 Hz, so that a sample rate can be given back."""
    return next(file for file in gallery.sounds() if file.stem == "speech_english")


def request(session: str = "me", **headers: str) -> Any:
    return SimpleNamespace(session_hash=session, query_params={}, cookies={}, headers=headers)


def dropped(name: str, data: bytes) -> Any:
    return SimpleNamespace(name=name, data=base64.b64encode(data).decode())


def tone(seconds: float, hertz: float = 440.0, loud: float = 0.3) -> torch.Tensor:
    return loud * torch.sin(2 * math.pi * hertz * torch.arange(round(seconds * RATE)) / RATE)


def wav(tmp_path: Path, wave: np.ndarray, rate: int = RATE, name: str = "a.wav") -> str:
    soundfile.write(tmp_path / name, wave, rate)
    return str(tmp_path / name)


def samples(sound: dict[str, Any]) -> np.ndarray:
    return np.frombuffer(base64.b64decode(sound["pcm"]), "<i2") / 32767


# ---------------------------------------------------------------- what the player gets


def test_a_sound_appears_in_the_spectrogram_where_it_is():
    wave = torch.zeros(2 * RATE)
    wave[RATE // 2 : RATE] = tone(0.5, 1000)
    picture = mel_bytes(wave, view._power(wave).max())
    assert picture.shape == (view.MEL_BINS, 2 * RATE // view.MEL_HOP)
    columns = picture.max(0)
    assert columns[60:90].min() > 240 and columns[:40].max() == 0 and columns[110:].max() == 0
    mel = 2595 * math.log10(1 + 1000 / 700) / (2595 * math.log10(1 + 8000 / 700))
    assert abs(picture[:, 75].argmax() - mel * view.MEL_BINS) < 2  # the page's axis says the same


@pytest.mark.parametrize("loud", [0.01, 0.1, 0.9])
@pytest.mark.parametrize("seconds", [0.1, 2.0])
def test_equal_loudness_is_equal_and_never_clips(loud: float, seconds: float):
    reference, wave = tone(seconds, loud=0.25), tone(seconds, loud=loud)
    sound = track("a", wave, reference)
    played = samples(sound) * sound["gain"]
    assert np.abs(played).max() <= 1.0
    wanted = min(0.25, loud * 10 ** (view.MOST_GAIN / 20))
    assert np.abs(played).max() == pytest.approx(wanted, rel=0.02)
    assert samples(sound) * sound["plain"] == pytest.approx(wave.numpy(), abs=1e-4)


def test_a_difference_beyond_full_scale_keeps_its_size():
    wave = torch.tensor([1.8, -1.8, 0.5] * 200)
    sound = track("a", wave, wave)
    assert samples(sound) * sound["plain"] == pytest.approx(wave.numpy(), abs=1e-3)


def test_silence_is_not_blown_up():
    sound = track("a", torch.zeros(RATE), tone(1))
    assert sound["gain"] == 1.0 and not samples(sound).any()


def test_lab_holds_original_reconstruction_and_what_a_level_adds(tab: AudioHandlers, speech: Path):
    clip = start(tab.codec, speech)
    value = view.lab_value(tab.codec, clip, 2, "en", True)
    two, one = (tab.codec.decode_tensor(clip.tokens, levels).numpy() for levels in (2, 1))
    reconstruction, layer = value["tracks"]
    assert samples(value["original"]) == pytest.approx(clip.wave.numpy(), abs=1e-4)
    assert samples(reconstruction) * reconstruction["plain"] == pytest.approx(two, abs=1e-4)
    assert samples(layer) * layer["plain"] == pytest.approx(two - one, abs=1e-3)
    assert value["frames"] * value["hop"] >= len(clip.wave) > (value["frames"] - 1) * value["hop"]
    assert Tokens.from_bytes(base64.b64decode(value["mmt"])).levels == 2
    assert value["num_levels"] == 2 and value["levels"] == tab.codec.levels


def painted(tab: AudioHandlers, clip: AudioSession, session: str = "me", **data: Any) -> list[Any]:
    """What an edit of the page gives: slider, clip, and what the lab needs."""
    what = {"do": "paint", "runs": [[60, 4]], "levels": [0], "paint": "random", "seed": 3, "shown": 2, **data}
    return tab.edit(clip, SimpleNamespace(_data=what), request(session))


def test_an_edit_sends_the_samples_and_the_spectrogram_where_they_changed(tab: AudioHandlers, speech: Path):
    clip = start(tab.codec, speech)
    tab.warm(clip, SimpleNamespace(_data={"shown": 2}), request())
    before = view.lab_value(tab.codec, clip, 2, "en", False)
    _, changed, value = painted(tab, clip)
    part, hop = samples(value), tab.codec.tokenizer.stride
    assert 0 < value["at"] < 60 * hop and len(part) < len(clip.wave)
    whole = samples(before["tracks"][0])
    whole[value["at"] : value["at"] + len(part)] = part
    assert whole == pytest.approx(tab.codec.decode_tensor(changed.tokens, 2).numpy(), abs=1e-4)
    mel = np.frombuffer(base64.b64decode(before["mel_reconstruction"]), np.uint8).reshape(view.MEL_BINS, -1).copy()
    piece = np.frombuffer(base64.b64decode(value["mel"]), np.uint8).reshape(view.MEL_BINS, -1)
    mel[:, value["mel_at"] : value["mel_at"] + piece.shape[1]] = piece
    expected = mel_bytes(torch.from_numpy(whole.copy()).float(), clip.top)
    heard = expected > 60  # 16-bit samples are not exact where it is all but silent
    assert np.abs(mel.astype(int) - expected)[heard].max() <= 3
    tiles_and_more = tab.settle(changed, request())
    assert len(tiles_and_more) == OUTPUTS - 1
    assert Tokens.from_bytes(base64.b64decode(tiles_and_more[0]["mmt"])) == changed.tokens.truncate(2)


def test_steps_of_other_numbers_of_levels_are_followed(tab: AudioHandlers, speech: Path):
    """A decoder that has not seen the last step must not think that nothing changes when it is taken back."""
    clip = start(tab.codec, speech)
    for levels in (2, 3):
        tab.warm(clip, SimpleNamespace(_data={"shown": levels}), request())
    changed = painted(tab, clip, shown=2)[1]
    _, back, value = tab.edit(changed, SimpleNamespace(_data={"do": "undo", "shown": 3}), request())
    assert back.tokens == clip.tokens and len(samples(value)) > 4 * tab.codec.tokenizer.stride


def test_a_newer_step_leaves_the_older_one_alone(tab: AudioHandlers, speech: Path):
    changed = painted(tab, start(tab.codec, speech))[1]
    painted(tab, changed, runs=[[80, 1]])
    assert all(value == gr.skip() for value in tab.settle(changed, request()))


def test_one_voice_in_the_codes_of_another(tab: AudioHandlers, speech: Path):
    clip, levels = start(tab.codec, speech), list(range(tab.codec.levels))
    changed = painted(tab, clip, paint="other", other={"example": 0}, levels=levels, runs=[[0, 10]])[1]
    assert torch.equal(changed.tokens.codes[:, :10], start(tab.codec, gallery.sounds()[0]).tokens.codes[:, :10])
    assert torch.equal(changed.tokens.codes[:, 10:], clip.tokens.codes[:, 10:])


def test_an_edit_of_an_example_opens_from_a_link(tab: AudioHandlers):
    clip = tab.start_example(0)
    _, changed, value = painted(tab, clip)
    opened = request("guest")
    query = {
        "tab": "audio",
        "example": "0",
        "levels": "4",
        "edit": value["edit"]["link"],
        "mode": "tokens",
        "at": "0.50",
    }
    opened.query_params = query
    control, again, shown, *_ = tab.ready(None, 3, opened)
    assert control["value"] == 4 and again.tokens == changed.tokens and shown["edit"]["count"] == 4
    assert shown["look"] == {"mode": "tokens", "at": "0.50"}


def test_an_edit_of_ones_own_sound_opens_from_a_link_for_a_day(tab: AudioHandlers, speech: Path):
    _, changed, value = painted(tab, tab.start_own(speech))
    place = view.lab_value(tab.codec, changed, 2, "en", False)["place"]
    assert set(place) == {"input"}
    opened = request("guest")
    opened.query_params = {"tab": "audio", **place, "edit": value["edit"]["link"]}
    assert tab.ready(None, 3, opened)[1].tokens == changed.tokens
    unkept = painted(tab, start(tab.codec, speech))[2]["edit"]
    assert unkept["link"] is None and unkept["unlinked"] == "link_gone"


@pytest.mark.parametrize("wrong", [{"runs": []}, {"runs": [[10**6, 1]]}, {"levels": [99]}, {"shown": 0}, {"do": "x"}])
def test_an_impossible_edit_is_one_sentence(tab: AudioHandlers, speech: Path, wrong: dict[str, Any]):
    with pytest.raises(gr.Error) as caught:
        painted(tab, start(tab.codec, speech), **wrong)
    assert str(caught.value).strip("'\"").endswith(".")


def test_moving_the_slider_does_not_send_the_original_again(tab: AudioHandlers, speech: Path):
    clip = start(tab.codec, speech)
    value = tab.relevelled(clip, 3, request())[1]
    assert "original" not in value and value["id"] == clip.ident


def test_the_first_level_adds_nothing_to_compare(tab: AudioHandlers, speech: Path):
    value = view.lab_value(tab.codec, start(tab.codec, speech), 1, "en", True)
    assert [sound["key"] for sound in value["tracks"]] == ["reconstruction"]


# ---------------------------------------------------------------- handlers


def test_opening_a_file_shows_player_tiles_table_and_mathematics(tab: AudioHandlers, speech: Path):
    values = tab.opened(str(speech), 3, request())
    assert len(values) == OUTPUTS
    clip, _, tiles, table, maths, _ = values
    for name in ("Seconds", "Bytes", "kbps", "STOI", "PESQ", "Perplexity", "measuring"):
        assert name in tiles
    assert f"{clip.seconds:.2f}" in tiles
    assert table["rows"][0]["name"] == "These codes, 3 levels"
    assert f"{clip.tokens.meta['samples']:,} samples" in maths


def test_both_languages_are_complete(tab: AudioHandlers, speech: Path):
    values = tab.opened(str(speech), 2, request(**{"accept-language": "zh"}))
    assert "时长" in values[2] and "残差向量量化" in values[4]


@pytest.mark.parametrize("length", [160, 1600, RATE])
@pytest.mark.parametrize("kind", ["silence", "noise", "clipped", "offset"])
def test_odd_sounds_are_shown_and_measured(tab: AudioHandlers, tmp_path: Path, length: int, kind: str):
    noise = np.random.default_rng(0).standard_normal(length)
    wave = {"silence": noise * 0, "noise": noise * 0.1, "clipped": np.sign(noise), "offset": 0 * noise + 0.5}[kind]
    clip, lab, tiles, *_ = tab.opened(wav(tmp_path, wave), 2, request())
    value = json.loads(json.dumps(lab, allow_nan=False))  # JSON has no NaN and no infinity
    assert value["seconds"] == pytest.approx(length / RATE) and ">nan<" not in tiles
    tiles, table = stages(tab.measured(clip, 2, request()))[-1]
    assert "…" not in tiles and not table["rows"][0]["waiting"]
    if kind == "silence":
        assert "–" in tiles and "not defined" in tiles


def test_long_sounds_are_cut_and_said(tab: AudioHandlers, tmp_path: Path):
    seconds = state.MAX_AUDIO_SECONDS + 5
    clip, _, tiles, *_ = tab.opened(wav(tmp_path, tone(seconds).numpy()), 1, request())
    assert clip.seconds == state.MAX_AUDIO_SECONDS and len(clip.wave) == clip.tokens.meta["samples"]
    assert "first 60 of 65 seconds" in tiles


def test_a_recording_of_two_hours_is_cut_without_reading_it(tab: AudioHandlers, tmp_path: Path):
    soundfile.write(tmp_path / "a.flac", np.zeros(2 * 3600 * 4_000, np.int16), 4_000)
    clip = start(tab.codec, tmp_path / "a.flac")
    assert clip.seconds == state.MAX_AUDIO_SECONDS
    assert said(clip.notes[0], "audio.note_", "en").startswith("This page works on the first 60 of 7200 seconds")


def test_stereo_at_another_rate(tab: AudioHandlers, tmp_path: Path):
    wave = np.stack([tone(1, 300).numpy()] * 2, -1)
    clip, lab, tiles, *_ = tab.opened(wav(tmp_path, wave, 44_100), 1, request())
    assert clip.seconds == pytest.approx(len(wave) / 44_100, abs=1e-3)
    assert clip.tokens.meta["sample_rate"] == 44_100 and "mean of its 2 channels" in tiles
    assert lab["native"] == "Save reconstruction at 44,100 Hz, channels: 2 (.wav)"
    chinese = tab.opened(wav(tmp_path, wave, 44_100), 1, request(**{"accept-language": "zh"}))[2]
    assert "2 个声道的平均" in chinese


@pytest.mark.parametrize(("rate", "channels"), [(44_100, 2), (8_000, 1), (16_000, 3)])
def test_the_reconstruction_is_saved_in_the_form_of_the_input(
    tab: AudioHandlers, tmp_path: Path, rate: int, channels: int
):
    wave = np.random.default_rng(0).uniform(-0.5, 0.5, (rate, channels)).astype(np.float32)
    clip = tab.opened(wav(tmp_path, wave, rate), 2, request())[0]
    saved, saved_rate = soundfile.read(tab.native(clip, 2), always_2d=True)
    assert saved_rate == rate and saved.shape[1] == channels and abs(len(saved) - len(wave)) <= -(-rate // RATE)
    assert np.array_equal(saved, np.repeat(saved[:, :1], channels, axis=1))
    _, expected = tab.codec.decode(clip.tokens, 2, original=True)
    assert saved[:, 0] == pytest.approx(expected.reshape(len(saved), -1)[:, 0], abs=2**-15)


def test_what_is_16_khz_mono_has_its_form_already(tab: AudioHandlers, tmp_path: Path):
    assert tab.opened(wav(tmp_path, tone(0.5).numpy()), 2, request())[1]["native"] is None
    with pytest.raises(gr.Error, match="Open a sound first"):
        tab.native(None, 2)


def test_every_remark_about_a_sound_is_said_in_both_languages(tab: AudioHandlers, tmp_path: Path):
    noise = np.random.default_rng(0).standard_normal(8_000)
    odd = np.clip(noise + 0.5, -1, 1)
    odd[:9] = np.nan
    files = {
        "cancelled": np.stack([noise * 0.1, -noise * 0.1], -1),
        "clipped": odd,
        "scaled": 3 * noise,
        "silent": noise * 0,
    }
    keys = set()
    for name, wave in files.items():
        soundfile.write(tmp_path / f"{name}.wav", wave, 22_050, "FLOAT")
        for note in start(tab.codec, tmp_path / f"{name}.wav").notes:
            keys.add(note.key)
            english, chinese = (said(note, "audio.note_", lang) for lang in ("en", "zh"))
            assert english == str(note) and chinese.endswith("。") and chinese != english
    assert keys == {"mid", "cancelled", "clipped", "not_finite", "offset", "scaled", "silent"}


def test_memory_of_a_visitor_is_bounded(tab: AudioHandlers, speech: Path):
    clip = start(tab.codec, speech)
    for levels in range(1, tab.codec.levels + 1):
        view.lab_value(tab.codec, clip, levels, "en", False)
        for codec, setting in baseline_settings(levels):
            baselines.baseline(clip, codec, setting)
        assert len(clip._waves) <= KEPT_WAVES and len(clip.baselines) <= KEPT_BASELINES
        assert clip.wave_at(tab.codec, levels) is clip.wave_at(tab.codec, levels)
        assert torch.equal(clip.wave_at(tab.codec, levels), tab.codec.decode_tensor(clip.tokens, levels))


@pytest.mark.parametrize("data", [b"", b"hello, this is text", b"RIFF\0\0\0\0WAVE", b"\x89PNG\r\n\x1a\n" + b"\0" * 64])
def test_unusable_files_are_one_sentence(tab: AudioHandlers, tmp_path: Path, data: bytes):
    (tmp_path / "a.wav").write_bytes(data)
    with pytest.raises(gr.Error) as caught:
        tab.opened(str(tmp_path / "a.wav"), 3, request())
    assert str(caught.value).strip("'\"").endswith(".")


def test_an_emptied_input_keeps_the_page(tab: AudioHandlers):
    assert tab.opened(None, 3, request()) == [gr.skip()] * OUTPUTS


def test_levels_from_outside_are_checked(tab: AudioHandlers, speech: Path):
    clip = start(tab.codec, speech)
    assert tab.relevelled(clip, 60, request())[1]["num_levels"] == tab.codec.levels
    for wrong in (0, 2.5, "3", None, float("nan")):
        with pytest.raises(gr.Error, match="whole number from 1 to 64"):
            tab.relevelled(clip, wrong, request())


@pytest.mark.parametrize("index", [-1, 999, "0", None])
def test_examples_that_do_not_exist(tab: AudioHandlers, index: Any):
    with pytest.raises(gr.Error, match="whole number from 0 to "):
        tab.example(3, SimpleNamespace(index=index), request())


def test_every_example_opens(tab: AudioHandlers):
    for index, _ in enumerate(gallery.sounds()):
        values = tab.example(2, SimpleNamespace(index=index), request())
        assert values[0] is None and isinstance(values[1], AudioSession)


# ---------------------------------------------------------------- measuring


def test_measuring_fills_tiles_then_the_table(tab: AudioHandlers, speech: Path):
    clip = tab.opened(str(speech), 3, request())[0]
    steps = stages(tab.measured(clip, 3, request()))
    first, last = steps[0][1], steps[-1][1]
    assert first["rows"][0]["stoi"] is not None and first["tracks"] == []
    ours = clip.wave.numpy(), tab.codec.decode_tensor(clip.tokens, 3).numpy()
    assert last["rows"][0]["stoi"] == pytest.approx(metrics.stoi(*ours))
    assert last["rows"][0]["kbps"] == pytest.approx(clip.tokens.truncate(3).payload_bits / clip.seconds / 1000)
    for sound in last["tracks"]:
        assert len(samples(sound)) == len(clip.wave)


def test_measuring_stops_when_the_person_has_moved_on(tab: AudioHandlers, speech: Path):
    clip = tab.opened(str(speech), 3, request("a"))[0]
    steps = tab.measured(clip, 3, request("a"))
    next(steps)
    tab.relevelled(clip, 4, request("b"))  # somebody else does not matter
    next(steps)
    tab.relevelled(clip, 4, request("a"))
    assert stages(steps) == []


def test_what_is_not_installed_is_said(tab: AudioHandlers, speech: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(classical, "codec2_point", lambda *_: None)
    clip = tab.opened(str(speech), 3, request())[0]
    row = stages(tab.measured(clip, 3, request()))[-1][1]["rows"][-1]
    assert row["name"].startswith("codec2") and row["note"] == "not installed here" and row["key"] is None


@pytest.mark.parametrize(
    ("rate", "opus", "codec2"),
    [(0.5, "6", "700C"), (1.5, "6", "1200"), (2.5, "6", "2400"), (9.2, "9", "3200")],
)
def test_nearest_rates(rate: float, opus: str, codec2: str):
    assert baseline_settings(rate) == [("Opus", opus), ("codec2", codec2)]


# ---------------------------------------------------------------- token files


def test_tokens_saved_and_opened_again_sound_the_same(tab: AudioHandlers, speech: Path):
    lab = tab.opened(str(speech), 2, request())[1]
    file = dropped("a.mmt", base64.b64decode(lab["mmt"]))
    emptied, clip, value, tiles, table, *_ = tab.dropped(2, file, request())
    assert emptied is None and clip.wave is None and "original" not in value and table is None
    assert value["tracks"][0]["pcm"] == lab["tracks"][0]["pcm"]
    assert "no original" in tiles
    assert stages(tab.measured(clip, 2, request())) == [[gr.skip(), None]]


def test_foreign_tokens_are_refused(tab: AudioHandlers):
    codes = torch.zeros(1, 2, dtype=torch.long)
    text = Tokens(codes, "text", "text", 512, "00000000", {"bytes": 8})
    for data in (text.to_bytes(), b"", b"MMT\x01" + b"\0" * 30, b"RIFF"):
        with pytest.raises(gr.Error, match=r"These tokens are text|not an .mmt file|needs another mmdemo"):
            tab.dropped(2, dropped("a.mmt", data), request())


def test_tokens_of_a_long_sound_are_refused_before_decoding(tab: AudioHandlers):
    codec = tab.codec
    frames = round(state.MAX_AUDIO_SECONDS * 60)
    meta = {"samples": frames * 320, "sample_rate": RATE, "channels": 1}
    for levels in (1, codec.levels):  # short by its number of codes alone, and not even that
        tokens = codec.wrap(torch.zeros(levels, frames, dtype=torch.long), meta)
        with pytest.raises(gr.Error, match="more than 60 seconds"):
            tab.dropped(1, dropped("a.mmt", tokens.to_bytes()), request())


# ---------------------------------------------------------------- endpoint


def test_endpoint(app_url: str, tab: AudioHandlers, speech: Path, tmp_path: Path):
    from gradio_client import Client, handle_file

    client = Client(app_url, verbose=False)
    sound, figures, file = client.predict(handle_file(speech), 3, api_name="/reconstruct_audio")
    wave, rate = soundfile.read(sound)
    tokens = Tokens.load(file)
    assert rate == RATE and len(wave) == tokens.meta["samples"] and tokens.levels == 3
    assert {"bytes", "rate", "rate_unit", "stoi", "pesq"} <= set(figures) and figures["rate_unit"] == "kbps"
    assert figures["notes"] == [str(note) for note in audio.load(speech).notes]
    given = soundfile.info(speech)
    sound, *_ = client.predict(handle_file(speech), 3, True, api_name="/reconstruct_audio")
    assert soundfile.info(sound).samplerate == given.samplerate != RATE
    assert abs(soundfile.info(sound).frames - given.frames) <= 2
    soundfile.write(tmp_path / "long.flac", np.zeros(4_000 * 61, np.int16), 4_000)
    with pytest.raises(Exception, match="over 60 seconds long"):
        client.predict(handle_file(tmp_path / "long.flac"), 0, api_name="/reconstruct_audio")
    (tmp_path / "a.wav").write_bytes(b"not a sound at all, only words")
    with pytest.raises(Exception, match="not a sound"):
        client.predict(handle_file(tmp_path / "a.wav"), 0, api_name="/reconstruct_audio")


@pytest.mark.parametrize("frames", [40, 41])
def test_only_what_the_transformer_makes_can_be_remade_by_it(tab: AudioHandlers, tmp_path: Path, frames: int):
    making = GenerateHandlers(tab.ctx)
    tab.ctx.remake = making.remake
    clip = start(tab.codec, wav(tmp_path, tone(frames * 320 / RATE).numpy()))
    asked = {"do": "paint", "runs": [[3, 5]], "levels": [0, 1], "paint": "random", "seed": 3, "shown": 3}
    _, _, value = tab.edit(clip, SimpleNamespace(_data=asked), request())
    address = value["edit"]["remake"]
    if frames != 40:
        assert address == ""
        return
    settings = linked(address, making)
    marked = settings.masks()["audio"].nonzero()[0].tolist()
    assert settings.want == ("audio",) and set(marked) <= set(range(3, 8)) and len(marked) >= 3
