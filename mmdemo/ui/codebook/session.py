"""Which input's use of a codebook is shown: one that the visitor opened in its tab, or an example."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gradio as gr
import torch
from torch import Tensor

from mmdemo.codec import Codec
from mmdemo.errors import InputError
from mmdemo.tokens import Tokens
from mmdemo.ui.shared import gallery, place
from mmdemo.ui.shared.i18n import lang_of, tr
from mmdemo.ui.shared.place import Place
from mmdemo.ui.shared.state import KEPT_INPUTS, Context, Opened

EXAMPLE = "example-"  # of an example's name on the page; an input of a visitor has a random one


@dataclass(frozen=True)
class Input:
    """What a codebook's use is shown on.

    Attributes:
        ident: its name on the page, which nobody else can guess.
        tokens: on all levels. source: what they were made of, in canonical form; None of an .mmt file.
        file: of an example; None of an input of the visitor's own. place: what in an address leads back to it.
    """

    ident: str
    tokens: Tokens
    source: Tensor | None
    file: Path | None = None
    place: Mapping[str, str] = field(default_factory=dict)


class Inputs:
    """What visitors opened, as the context remembers it, and the examples, each encoded once."""

    def __init__(self, ctx: Context) -> None:
        self.ctx = ctx
        self._examples: dict[tuple[str, str, str], Input] = {}
        self._known: OrderedDict[str, Input] = OrderedDict()  # what pages were told of, by its name
        self._lock = threading.Lock()

    def choose(self, codec: Codec, wanted: Any, request: gr.Request | None) -> Input | None:
        """An input by its name or its place in an address, else the visitor's newest, else the example that the tab
        opens with.

        Raises InputError for a place that leads to nothing any more.
        """
        own = self.own(codec, request)
        if isinstance(wanted, dict):
            return self._at(codec, {str(k): str(v) for k, v in wanted.items()}, own, request)
        found = next((o for o in own if o.ident == wanted), None)
        files = gallery.of(codec.modality)
        if found is None and isinstance(wanted, str):
            file = next((f for f in files if wanted in (EXAMPLE + f.name, EXAMPLE + f.stem)), None)
            if file is not None:
                return self.example(codec, file)
        newest = next(iter(self.ctx.opened(request, codec.modality)), None)
        if found is None and newest is not None and (file := _example_of(newest, files)):
            return self.example(codec, file)  # one of the page's own was opened last
        if found is not None or own:
            return self._note(_canonical(found or own[0]))
        return self.example(codec, files[0]) if files else None

    def _at(self, codec: Codec, wanted: Place, own: Sequence[Opened], request: gr.Request | None) -> Input:
        """What an address names: an input of this visit, or what is kept of an earlier one."""
        found = next((o for o in own if o.place and o.place == place.source(wanted)), None)
        opener = self.ctx.openers.get(codec.modality)
        if found is None and opener is not None:
            found = opener(wanted, lang_of(request))
            self.ctx.remember(request, found.tokens, found.source, found.place)
            found = next((o for o in self.own(codec, request) if o.tokens is found.tokens), found)
        if found is None:
            raise InputError(tr("common.gone", lang_of(request)))
        return self._note(_canonical(found))

    def own(self, codec: Codec, request: gr.Request | None) -> Sequence[Opened]:
        """What of their own the visitor opened in the tab of this codec, newest first."""
        opened, files = self.ctx.opened(request, codec.modality), gallery.of(codec.modality)
        return [o for o in opened if o.tokens.fingerprint == codec.fingerprint and not _example_of(o, files)]

    def example(self, codec: Codec, file: Path) -> Input:
        """An example, encoded the first time it is asked for."""
        key = codec.name, codec.fingerprint, file.name
        if key not in self._examples:
            item = codec.load(file)
            self._examples[key] = Input(
                EXAMPLE + file.name, codec.encode(item), item.tensor, file, {"example": file.stem}
            )
        return self._note(self._examples[key])

    def known(self, ident: Any) -> Input:
        """An input that a page was told of. Raises InputError where it is forgotten."""
        with self._lock:
            found = self._known.get(ident) if isinstance(ident, str) else None
        if found is None:
            raise InputError("This input is not kept any more: open it again in its tab.")
        return found

    def _note(self, chosen: Input) -> Input:
        with self._lock:
            self._known[chosen.ident] = chosen
            self._known.move_to_end(chosen.ident)
            while len(self._known) > KEPT_INPUTS:
                self._known.popitem(last=False)
        return chosen


def _example_of(opened: Opened, files: Sequence[Path]) -> Path | None:
    """Which of the page's own examples it is, as it came."""
    stem = opened.place.get("example")
    return next((file for file in files if file.stem == stem), None)


def _canonical(opened: Opened) -> Input:
    source = opened.source
    if isinstance(source, bytes):
        source = torch.tensor(list(source), dtype=torch.uint8)
    elif source is not None and source.dtype == torch.uint8:
        source = source.float() / 255
    return Input(opened.ident, opened.tokens, source, place=opened.place)
