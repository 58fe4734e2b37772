"""What the Image tab keeps of one picture, and how it becomes what the viewer shows."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, cast

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

from mmdemo.codec import Codec
from mmdemo.codec.edit import History
from mmdemo.errors import InputError
from mmdemo.metrics import bits_per_pixel, ms_ssim, psnr
from mmdemo.modalities.base import Item
from mmdemo.modalities.note import Note
from mmdemo.tokens import Tokens
from mmdemo.ui.shared.i18n import tr
from mmdemo.ui.shared.ids import new_id
from mmdemo.ui.shared.payload import as_image, data_uri, finite
from mmdemo.ui.shared.place import looks, number
from mmdemo.ui.shared.state import MAX_PICTURE_SIDE
from mmdemo.ui.shared.tokens_file import read_tokens

MAX_TOKEN_SIDE = 2048  # a .mmt file opened in the page may decode to this many pixels a side
START_LEVELS = 4  # what the slider shows at first: few enough to see what is lost
MAX_RATIO = 16  # a longer strip than this cannot be looked at in the page
BACKGROUNDS = {f"on_{name}": name for name in ("white", "black", "checker")}  # by the key of the note that says so


@dataclass
class ImageSession:
    """One picture (or one .mmt file) in one visitor's session.

    `original` is (3, H, W) uint8, or None when only tokens were handed in. `tokens` holds all levels and
    `history` the edits that led to them. Pictures and figures by number of levels fill up while
    `stages` runs, and files by calls of `file`: decoding is quick, entropy coding takes longer.
    """

    name: str
    codec: Codec
    tokens: Tokens
    original: torch.Tensor | None
    notes: tuple[str, ...] = ()
    history: History = None  # type: ignore[assignment]  # begins with the tokens
    source: Any = None  # what it was loaded from, to put its transparent parts on another background
    background: str | None = None  # "white", "black" or "checker" where it has transparent parts
    ident: str = field(default_factory=new_id)
    version: str = field(default_factory=new_id)  # another one after each change of codes
    wanted: int = 0  # the number of levels that is looked at: decoded next, and its file made next
    before: str | None = None
    place: dict[str, str] = field(default_factory=dict)  # what in an address leads back to it
    look: dict[str, Any] | None = None  # how a link wants it to be looked at: levels, mode, level, token
    opening: dict[str, Any] | None = None  # of the first picture of a visit: the token that shows how codes are found
    shown: dict[int, str] = field(default_factory=dict)
    quality: dict[int, dict[str, float | None]] = field(default_factory=dict)
    files: dict[int, bytes] = field(default_factory=dict)
    curves: dict[str, Any] = field(default_factory=dict)  # what other codecs make of it, once measured
    baselines: dict[str, Any] = field(default_factory=dict)  # by codec and levels: its picture of as many bytes
    decoded: tuple[int, Image.Image] | None = None  # levels, and what an edit has decoded of them
    example: int | None = None  # which of the page's own pictures it is
    run: int = 0  # the number of the request that made it

    def __post_init__(self) -> None:
        if cast(Any, self.history) is None:
            self.history = History.of(self.tokens)

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) in pixels."""
        return self.tokens.meta["height"], self.tokens.meta["width"]

    def stages(self, start: int) -> Iterator[None]:
        """Decode `start` levels first, then the ones next to what is looked at; there is more to see after each.

        What an earlier run has decoded is kept, and to be seen at once.
        """
        self.wanted = start
        if self.before is None:
            self.before = self._original_uri()
        if self.shown and not self.decoded:
            yield
        while (n := self._nearest(self.quality)) is not None:
            output = self.output(n)
            self.shown.setdefault(n, data_uri(output))
            if len(self.shown) == 1:
                yield  # seen before it is measured
            self.quality[n] = self.measure(n, output)
            yield

    def file(self, levels: int) -> bytes:
        """The .mmt file of `levels` levels, made once."""
        if levels not in self.files:
            self.files[levels] = self.tokens.truncate(levels).to_bytes()
        return self.files[levels]

    def count(self, levels: int) -> None:
        """The files of 1, 2, … `levels` levels and no more, for whoever waits: coding all takes longer."""
        if any(n not in self.files for n in range(1, levels + 1)):
            part = replace(self.tokens, codes=self.tokens.codes[:levels])
            for n in range(1, levels + 1):
                self.files[n] = part.truncate(n).to_bytes()

    def next_file(self) -> int | None:
        """For how many levels a file should be made next: what is looked at, then its neighbours."""
        return self._nearest(self.files)

    @property
    def figures(self) -> dict[int, dict[str, float | None]]:
        """By number of levels, all that is known: bytes and bpp are None where no file has been made."""
        height, width = self.size
        found: dict[int, dict[str, float | None]] = {}
        nothing = {"psnr": None, "ms_ssim": None, "perplexity": None}
        for n in sorted({*self.quality, *self.files}):
            size = len(self.files[n]) if n in self.files else None
            bpp = None if size is None else bits_per_pixel(size, width, height)
            tokens = n * math.prod(self.tokens.positions)
            found[n] = {"bytes": size, "bpp": bpp, "tokens": tokens, **self.quality.get(n, nothing)}
        return found

    @property
    def measured(self) -> bool:
        """Whether every number of levels has been decoded and its file made."""
        return len(self.shown) == len(self.files) == self.tokens.levels

    def _nearest(self, done: dict[int, Any]) -> int | None:
        left = [n for n in range(self.tokens.levels, 0, -1) if n not in done]
        return min(left, key=lambda n: abs(n - self.wanted)) if left else None

    def edited(self, history: History, levels: int, output: torch.Tensor, run: int) -> ImageSession:
        """The same picture after an edit, of which so many levels have been decoded: (3, H, W) in [0, 1]."""
        image = self.codec.restore(output, self.tokens.meta)
        others: dict[str, Any] = {"shown": {levels: data_uri(image)}, "decoded": (levels, image), "run": run}
        others |= {"quality": {}, "files": {}, "baselines": {}, "before": self.before or self._original_uri()}
        others |= {"look": None, "opening": None}
        return replace(self, tokens=history.tokens, history=history, version=new_id(), wanted=levels, **others)

    def looked_at(self, place: dict[str, str]) -> ImageSession:
        """The same picture, looked at as a link says."""
        levels = number(place, "levels", 1, self.tokens.levels, min(START_LEVELS, self.tokens.levels))
        return replace(self, look={"id": new_id(), "levels": levels, **looks(place)})

    def _original_uri(self) -> str:
        if self.original is None:  # a .mmt file holds no original: its own decoding stands there
            return data_uri(self.codec.decode(self.tokens))
        return data_uri(as_image(self.original))

    def reconstruct(self, levels: int) -> tuple[Image.Image, dict[str, float | None]]:
        """The picture decoded from `levels` levels, and all figures but its file's."""
        output = self.output(levels)
        return output, self.measure(levels, output)

    def output(self, levels: int) -> Image.Image:
        """The picture decoded from `levels` levels."""
        known = dict([self.decoded] if self.decoded else [])
        return known[levels] if levels in known else self.codec.decode(self.tokens, levels)

    def measure(self, levels: int, output: Image.Image) -> dict[str, float | None]:
        """All figures of a picture decoded from `levels` levels but its file's."""
        part = self.tokens.truncate(levels)
        figures: dict[str, float | None] = {
            "psnr": None,
            "ms_ssim": None,
            "perplexity": float(part.perplexity()[levels - 1]),
        }
        if self.original is not None:
            array = np.array(output)
            figures |= {"psnr": finite(psnr(self.original, array)), "ms_ssim": ms_ssim(self.original, array)}
        return figures


def load_picture(codec: Codec, source: Any, lang: str, background: str = "auto") -> Item:
    """Load, and shrink to the page's working size if needed.

    Raises:
        InputError: as the modality does, or a strip too long to be looked at.
    """
    item = codec.processor.load(source, background=background)
    tensor, notes = item.tensor, list(item.notes)
    height, width = tensor.shape[1:]
    if max(height, width) > MAX_RATIO * min(height, width):
        raise InputError(tr("image.strip", lang, size=f"{width:,} × {height:,}", limit=MAX_RATIO))
    if max(height, width) > MAX_PICTURE_SIDE:
        scale = MAX_PICTURE_SIDE / max(height, width)
        size = (max(1, round(height * scale)), max(1, round(width * scale)))
        tensor = F.interpolate(tensor[None], size, mode="bicubic", antialias=True)[0].clamp(0, 1)
        before, after = f"{width} × {height}", f"{size[1]} × {size[0]}"
        notes.append(Note("shrunk", tr("image.note_shrunk"), before=before, after=after, limit=MAX_PICTURE_SIDE))
    # The pixels that are shown and measured are the ones that are encoded.
    tensor = (tensor * 255).round() / 255
    return Item(tensor, {"height": tensor.shape[1], "width": tensor.shape[2]}, tuple(notes))


def encode_picture(codec: Codec, item: Item, name: str, source: Any = None) -> ImageSession:
    """Encode on all levels."""
    tokens = codec.encode(item)
    keys = [note.key for note in item.notes if isinstance(note, Note)]
    return ImageSession(
        name,
        codec,
        tokens,
        (item.tensor * 255).round().to(torch.uint8),
        item.notes,
        source=source,
        background=next((BACKGROUNDS[key] for key in keys if key in BACKGROUNDS), None),
    )


def open_tokens(codec: Codec, data: bytes, name: str, lang: str) -> ImageSession:
    """Read a .mmt file of this codec. Raises InputError for a damaged, foreign or too large one."""
    positions = math.ceil(MAX_TOKEN_SIDE / codec.tokenizer.stride) ** 2
    too_large = InputError(tr("image.mmt_large", lang, limit=MAX_TOKEN_SIDE))
    tokens = read_tokens(codec, data, positions, too_large)
    height, width = tokens.meta["height"], tokens.meta["width"]
    if max(height, width) > MAX_TOKEN_SIDE:
        raise too_large
    if max(height, width) > MAX_RATIO * min(height, width):
        raise InputError(tr("image.strip", lang, size=f"{width:,} × {height:,}", limit=MAX_RATIO))
    return ImageSession(name, codec, tokens, None, (Note("mmt", tr("image.note_mmt")),))
