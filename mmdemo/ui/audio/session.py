"""One recording in a visitor's session: its samples, its tokens, and what has been measured of them."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any, cast

import torch
from torch import Tensor

from mmdemo.codec import Codec
from mmdemo.codec.edit import History
from mmdemo.errors import InputError
from mmdemo.evaluation import classical
from mmdemo.modalities import audio
from mmdemo.modalities.audio import SAMPLE_RATE as RATE
from mmdemo.modalities.note import Note
from mmdemo.tokens import Tokens
from mmdemo.ui.shared import state
from mmdemo.ui.shared.i18n import tr
from mmdemo.ui.shared.ids import new_id, new_number
from mmdemo.ui.shared.tokens_file import read_tokens

KEPT_WAVES, KEPT_BASELINES = 2, 2  # of each visitor, in memory: what a move of the level control shows
Scores = tuple["float | None", "float | None"]  # STOI, PESQ; None where not defined


@dataclass
class AudioSession:
    """One recording (or one .mmt file) in one visitor's session.

    Attributes:
        wave: (T,) float32 at 16 kHz mono; None if only tokens were given.
        tokens: its tokens on all levels. history: the edits that led to them.
        example: which of the page's own recordings it is. version: another one after each edit.
        notes: sentences about what was done to the input.
        place: what in an address leads back to it; title, thumb: how the strip of this visit shows it.
        look: how a link looks at it (`mmdemo.ui.shared.place.looks`).
        scores: STOI and PESQ by number of levels, filled as they are measured.
        baselines: figures and sounds of the newest settings of other codecs, filled as they are made.
    """

    wave: Tensor | None
    tokens: Tokens
    notes: tuple[str, ...] = ()
    example: int | None = None
    history: History = None  # type: ignore[assignment]  # begins with the tokens
    place: dict[str, str] = field(default_factory=dict)
    look: dict[str, str] = field(default_factory=dict)
    title: str = ""
    thumb: str = ""
    ident: str = field(default_factory=new_id)
    version: int = field(default_factory=new_number)
    shown: int = 0  # levels that an edit was decoded with
    top: Tensor | None = None  # loudest point of its spectrogram, once it is known
    scores: dict[int, Scores] = field(default_factory=dict)
    baselines: dict[str, classical.Point | None] = field(default_factory=dict)
    _cut: dict[int, Any] = field(default_factory=dict, repr=False)
    _waves: dict[int, Tensor] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        if cast(Any, self.history) is None:
            self.history = History.of(self.tokens)

    def edited(self, history: History, levels: int, wave: Tensor) -> AudioSession:
        """The same clip after an edit, of which so many levels have been decoded: (T,)."""
        same: dict[str, Any] = {"scores": {}, "_cut": {}, "_waves": {levels: wave}, "version": new_number()}
        return replace(self, tokens=history.tokens, history=history, shown=levels, **same)

    @property
    def seconds(self) -> float:
        """Length of the clip."""
        return self.tokens.meta["samples"] / RATE

    def at(self, levels: int) -> Tokens:
        """The tokens on so many levels; their file is made once."""
        if levels not in self._cut:
            self._cut[levels] = self.tokens.truncate(levels)
        return self._cut[levels]

    def wave_at(self, codec: Codec, levels: int) -> Tensor:
        """The sound (T,) of so many levels; silence for none. The newest ones are kept."""
        if levels == 0:
            return torch.zeros(self.tokens.meta["samples"])
        wave = self._waves.pop(levels, None)
        if wave is None:
            wave = codec.decode_tensor(self.tokens, levels)
        self._waves[levels] = wave
        _drop_oldest(self._waves, KEPT_WAVES)
        return wave

    def keep_baseline(self, key: str, point: classical.Point | None) -> classical.Point | None:
        """Note what another codec made of the clip; the newest settings are kept."""
        self.baselines.pop(key, None)
        self.baselines[key] = point
        _drop_oldest(self.baselines, KEPT_BASELINES)
        return point

    @property
    def is_native(self) -> bool:
        """Whether the input was 16 kHz mono, so that a reconstruction has its form already."""
        meta = self.tokens.meta
        return meta["sample_rate"] == RATE and meta["channels"] == 1


def _drop_oldest(kept: dict[Any, Any], most: int) -> None:
    for key in list(kept)[:-most]:
        kept.pop(key, None)


def start(codec: Codec, source: Any) -> AudioSession:
    """Encode a sound on all levels; of a longer one only as much as the page takes, with a note."""
    item = audio.load(source, first=state.MAX_AUDIO_SECONDS)
    return AudioSession(item.tensor, codec.encode(item), item.notes)


def open_tokens(codec: Codec, data: bytes, lang: str) -> AudioSession:
    """A clip from an .mmt file. Raises InputError if other weights made it or it is too long."""
    too_long = InputError(tr("audio.mmt_long", lang, limit=state.MAX_AUDIO_SECONDS))
    frames = math.ceil(state.MAX_AUDIO_SECONDS * RATE / codec.tokenizer.stride)
    tokens = read_tokens(codec, data, frames, too_long)
    seconds = tokens.meta["samples"] / RATE
    if seconds > state.MAX_AUDIO_SECONDS:
        raise too_long
    note = Note("mmt", tr("audio.note_mmt"), seconds=seconds, levels=tokens.levels)
    return AudioSession(None, tokens, (note,))
