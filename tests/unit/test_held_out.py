"""The test sets made by programs, and what is measured on them."""

from pathlib import Path

import numpy as np
import pytest
import torch
from small import saved

from mmdemo.codec import Codec
from mmdemo.errors import MissingError
from mmdemo.evaluation import judges, report
from mmdemo.evaluation.held_out import pictures, sounds
from mmdemo.evaluation.wide_audio import wide_audio_sections
from mmdemo.evaluation.wide_image import wide_image_sections
from mmdemo.evaluation.wide_text import wide_text_sections
from mmdemo.metrics import Figure


def test_there_are_24_screens_of_8_kinds_always_the_same():
    samples = pictures.screens()
    assert len(samples) == 24 and len({s.name.split()[0] for s in samples}) == 8
    assert len({s.picture.tobytes() for s in samples}) == 24
    again = pictures.screens.__wrapped__()
    assert all(a.picture.tobytes() == b.picture.tobytes() for a, b in zip(samples, again, strict=True))


def test_flats_hold_the_corners_of_the_cube():
    assert len(pictures.flats()) == 24 and {(0, 0, 0), (255, 255, 255), (255, 0, 255)} <= set(pictures.FLATS)
    assert all(len(p.getcolors()) == 1 for p in pictures.flats())


def test_greys_are_grey_and_lines_pure():
    for sample in pictures.greys():
        pixels = np.asarray(sample.picture)
        assert (pixels == pixels[..., :1]).all()
    for picture, mask, colour in pictures.pure_lines():
        assert mask.sum() > 200 and (np.asarray(picture)[mask] == colour).all()


def test_tones_and_pieces_are_sounds():
    tones = sounds.tones()
    assert set(tones) == {"beep", "DTMF", "whistle", "busy", "ring", "chimes"}
    assert all(np.abs(w).max() == pytest.approx(sounds.LEVEL) and w.dtype == np.float32 for w in tones.values())
    assert sounds.PIECES >= 20
    for piece in sounds.pieces(2):
        assert len(piece) == 4 * sounds.RATE and np.abs(piece).max() == pytest.approx(0.7, rel=1e-3)


@pytest.fixture(scope="module")
def codecs(tmp_path_factory):
    made = {m: saved(tmp_path_factory.mktemp(m), m) for m in ("image", "audio", "text")}
    return {m: Codec.from_folder(Path(folder), "cpu") for m, folder in made.items()}


def test_every_row_of_pictures_is_measured_or_said_not_to_be(codecs):
    figures = [f for section in wide_image_sections(codecs["image"], 2) for f in section()]
    names = " ".join(f.name for f in figures)
    for word in ("JPEG", "RapidOCR", "worst channel error", "largest file", "CIEDE2000", "chroma"):
        assert word in names
    for f in figures:
        assert f.value is not None or "RapidOCR" in f.name
    # An untrained network meets none of them but by luck: what is measured is the network.
    assert not next(f for f in figures if "all levels: worst channel error" in f.name).met


def test_rows_of_sounds_that_need_no_data(codecs, tmp_path):
    tones, music, silence, low, *_ = wide_audio_sections(codecs["audio"], tmp_path, 1)
    figures = [*tones(), *music(), *silence()]
    assert sum(f.name.startswith("tones, all levels") for f in figures) == 2 and any(
        "Opus 6" in f.name for f in figures
    )
    assert all(f.value is not None for f in figures)
    with pytest.raises(MissingError, match="speechocean762"):
        low()  # how many levels are few is measured on speech


def test_rows_of_texts(codecs):
    figures = [f for section in wide_text_sections(codecs["text"]) for f in section()]
    names = " ".join(f.name for f in figures)
    for word in ("German", "French", "Polish", "Turkish", "Vietnamese", "hexadecimal", "base64"):
        assert word in names
    assert all(0 <= f.value <= 1 for f in figures)


def test_what_is_not_installed_is_not_measured(monkeypatch, codecs):
    monkeypatch.setattr("mmdemo.evaluation.wide_image.reader", lambda: None)
    _, text, *_ = wide_image_sections(codecs["image"], 1)
    (figure,) = text()
    assert figure.value is None and figure.met is None and figure.target == 0.97
    assert "| not measured |" in report.table([figure.as_dict()])
    assert "| – |" in report.table([Figure.against("x", None, 1.0).as_dict()])


def test_words_and_characters_are_counted():
    assert judges.word_errors("the cat sat", "The cat, sat!") == (0, 3)
    assert judges.word_errors("the cat sat down", "a cat down there") == (3, 4)
    assert judges.word_errors("", "word") == (1, 0)
    assert judges.characters_kept("abc def", "abc dxf") == (5, 6)
    assert judges.characters_kept("", "x") == (0, 0)


def test_the_network_that_gives_back_what_it_got_meets_the_targets(monkeypatch):
    """Rows judge what comes out: with the input itself all targets on colours, levels and pitch are met."""

    class Perfect:
        modality, levels = "image", 2

        def encode(self, source):
            return _Kept(source)

        def decode(self, tokens):
            return tokens.source

    class _Kept:
        def __init__(self, source):
            self.source = source

        def truncate(self, levels):
            return self

        def to_bytes(self):
            return b"x"

    monkeypatch.setattr("mmdemo.evaluation.wide_image.reader", lambda: None)
    figures = [f for section in wide_image_sections(Perfect(), 2)[2:] for f in section()]
    assert [f.met for f in figures if f.target is not None] == [True] * 5

    class Sound(Perfect):
        modality, levels = "audio", 8

        def load(self, source):
            return source[1]

        def decode_tensor(self, tokens):
            return torch.from_numpy(tokens.source)

    (tones, *_) = wide_audio_sections(Sound(), None, 1)
    assert all(f.met for f in tones())
