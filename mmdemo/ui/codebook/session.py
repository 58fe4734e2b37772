"""Which input's use of a codebook is shown: one that the visitor opened in its tab, or an example."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr
import torch
from torch import Tensor

from mmdemo.codec import Codec
from mmdemo.errors import InputError
from mmdemo.tokens import Tokens
from mmdemo.ui.shared import gallery
from mmdemo.ui.shared.state import KEPT_INPUTS, Context, Opened

EXAMPLE = "example-"  # of an example's name on the page; an input of a visitor has a random one


@dataclass(frozen=True)
class Input:
    """What a codebook's use is shown on.

    Attributes:
        ident: its name on the page, which nobody else can guess.
        tokens: on all levels. source: what they were made of, in canonical form; None of an .mmt file.
        file: of an example; None of an input of the visitor's own.
    """

    ident: str
    tokens: Tokens
    source: Tensor | None
    file: Path | None = None


class Inputs:
    """What visitors opened, as the context remembers it, and the examples, each encoded once."""

    def __init__(self, ctx: Context) -> None:
        self.ctx = ctx
        self._examples: dict[tuple[str, str, str], Input] = {}
        self._known: OrderedDict[str, Input] = OrderedDict()  # what pages were told of, by its name
        self._lock = threading.Lock()

    def choose(self, codec: Codec, wanted: Any, request: gr.Request | None) -> Input | None:
        """An input by its name, else the visitor's newest, else the example that the tab opens with."""
        own = self.own(codec, request)
        found = next((o for o in own if o.ident == wanted), None)
        files = gallery.of(codec.modality)
        if found is None and isinstance(wanted, str):
            file = next((f for f in files if wanted in (EXAMPLE + f.name, EXAMPLE + f.stem)), None)
            if file is not None:
                return self.example(codec, file)
        if found is not None or own:
            return self._note(_canonical(found or own[0]))
        return self.example(codec, files[0]) if files else None

    def own(self, codec: Codec, request: gr.Request | None) -> Sequence[Opened]:
        """What the visitor opened in the tab of this codec, newest first."""
        opened = self.ctx.opened(request, codec.modality)
        return [o for o in opened if o.tokens.fingerprint == codec.fingerprint]

    def example(self, codec: Codec, file: Path) -> Input:
        """An example, encoded the first time it is asked for."""
        key = codec.name, codec.fingerprint, file.name
        if key not in self._examples:
            item = codec.load(file)
            self._examples[key] = Input(EXAMPLE + file.name, codec.encode(item), item.tensor, file)
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


def _canonical(opened: Opened) -> Input:
    source = opened.source
    if isinstance(source, bytes):
        source = torch.tensor(list(source), dtype=torch.uint8)
    elif source is not None and source.dtype == torch.uint8:
        source = source.float() / 255
    return Input(opened.ident, opened.tokens, source)
