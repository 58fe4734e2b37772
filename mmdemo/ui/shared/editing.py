"""Editing tokens by hand, the same in every tab: what the page's editor asks for, and what it is told."""

from __future__ import annotations

import base64
import binascii
import threading
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

import gradio as gr
import torch

from mmdemo.codec import Codec, edit
from mmdemo.codec.colours import code_colours
from mmdemo.codec.edit import Edit, History
from mmdemo.codec.local import LocalDecoder, Span
from mmdemo.errors import InputError
from mmdemo.tokens import Tokens
from mmdemo.ui.shared import code_sheet, gallery
from mmdemo.ui.shared.payload import to_base64
from mmdemo.ui.shared.state import Context, friendly, parse_int

MAX_LINK = 1200  # characters of an edit in an address; a larger one travels in the file alone
KEPT_BYTES = 400 * 2**20  # of local decoders, those of all visitors together
EARLIER, VISITORS = 4, 200  # inputs of a visitor, and visitors, whose tokens can be painted with
# What the editor says, for `Component.words`.
WORDS = tuple(
    f"editor.{word}"
    for word in (
        *("tools", "pick", "brush", "rectangle", "span", "size", "undo", "redo", "reset", "peek"),
        *("colours", "paint", "paint_code", "paint_near", "paint_random", "paint_nothing", "paint_other"),
        *("paint_hint_code", "paint_hint_near", "paint_hint_random", "paint_hint_nothing"),
        *("paint_hint_nothing_1", "paint_hint_other", "level_n", "where", "scope", "scope_one", "scope_on"),
        *("scope_all", "remake", "code", "code_n", "choose_code", "before", "after", "hint_pick"),
        *("hint_brush", "hint_rectangle", "hint_span", "changed", "unchanged", "raised", "undone"),
        *(
            "same",
            "redone",
            "was_reset",
            "link",
            "link_done",
            "link_day",
            "link_long",
            "link_gone",
            "other",
            "earlier",
            "busy",
        ),
    )
)


def step(codec: Codec, history: History, asked: Mapping[str, Any], source: Tokens | None = None) -> History:
    """The history after what the page asked for: {"do": "paint", "undo", "redo" or "reset", …}.

    "paint" has "runs" [[first place, count], …], "levels", "paint", and where they matter "code" and "seed".

    Raises:
        InputError: as `edit.apply`, or it is nothing of the kind.
    """
    do = asked.get("do")
    if do in ("undo", "redo", "reset"):
        return {"undo": history.undo, "redo": history.redo, "reset": history.reset}[do]()
    if do != "paint":
        raise InputError("One can paint, undo, redo and reset.")
    positions = history.tokens.codes[0].numel()
    covered = torch.zeros(positions, dtype=torch.bool)
    for run in _list(asked.get("runs")):
        first, count = (parse_int(value, 0, positions) for value in _list(run, 2))
        if first + count > positions:
            raise InputError(f"A place from 0 to {positions - 1} is needed.")
        covered[first : first + count] = True
    wanted = Edit(
        covered.nonzero()[:, 0].tolist(),
        [parse_int(level) for level in _list(asked.get("levels"))],
        str(asked.get("paint")),
        parse_int(asked.get("code", 0)),
        parse_int(asked.get("seed", 0)),
        source,
    )
    return history.do(edit.apply(codec, history.tokens, wanted))


def editor_value(history: History, place: Mapping[str, str]) -> dict[str, Any]:
    """What the editor shows of a history.

    Args:
        place: what in an address leads back to the input; {} where nothing does. An edit travels in its link: "link" is
            the edit, or None, and "unlinked" then says why.
    """
    changed = history.changed
    value: dict[str, Any] = {
        "undo": len(history.done),
        "redo": len(history.undone),
        "count": int(changed.sum()),
        "runs": runs_of(changed),
    }
    if value["count"]:
        code = link_code(history)
        why = "link_gone" if not place else "link_long" if len(code) > MAX_LINK else ""
        value |= {"link": None, "unlinked": why} if why else {"link": code}
    return value


def runs_of(places: torch.Tensor) -> list[list[int]]:
    """(*positions) bool -> [[first flat place, count], …] of what is True."""
    flat = torch.nn.functional.pad(places.flatten().int(), (1, 1))
    turns = flat.diff().nonzero()[:, 0].tolist()
    return [[a, b - a] for a, b in zip(turns[::2], turns[1::2], strict=True)]


def link_code(history: History) -> str:
    """All changes together, for an address."""
    packed = edit.pack_changes(history.first, history.tokens)
    return base64.urlsafe_b64encode(packed).decode("ascii").rstrip("=")


def from_link(tokens: Tokens, code: str) -> History:
    """The history of tokens with the edit of a link, one step. Raises InputError where it is damaged or of another."""
    try:
        packed = base64.b64decode(code[: 4 * MAX_LINK] + "=" * (-len(code) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise InputError("The edit in this link is damaged.") from None
    return History.of(tokens).do(edit.with_changes(tokens, packed))


@lru_cache(maxsize=16)
def _colours(codec: Codec) -> tuple[str, ...]:
    return tuple(to_base64(code_colours(codec, level).numpy()) for level in range(codec.levels))


def colours(codec: Codec) -> list[str]:
    """For each level, base64 of (K, 3) bytes: a colour for every code, from its codeword."""
    return list(_colours(codec))


class Decoders:
    """Local decoders of what is edited just now; the oldest go where they would take too much memory."""

    def __init__(self, most: int = KEPT_BYTES) -> None:
        self._kept: OrderedDict[tuple[str, int], LocalDecoder] = OrderedDict()
        self._lock = threading.Lock()
        self._most = most

    def follow(
        self, ident: str, codec: Codec, tokens: Tokens, levels: int, before: Tokens | None = None
    ) -> tuple[torch.Tensor, list[Span] | None]:
        """Decode tokens of the input `ident` on so many levels.

        Args:
            before: what is shown now, on as many levels.

        Returns:
            canonical tensor, and the part of it, along each axis, that is not as `before`; None where it may be all.
        """
        with self._lock:
            found, box = self._kept.pop((ident, levels), None), None
            if found is None:
                found = LocalDecoder(codec, tokens, levels)
            else:
                if before is not None:
                    found.update(before)  # other numbers of levels may have been edited meanwhile
                box = found.update(tokens) or [(0, 0)] * codec.processor.axes
            self._kept[ident, levels] = found
            while len(self._kept) > 1 and sum(d.nbytes for d in self._kept.values()) > self._most:
                self._kept.popitem(last=False)
            return found.output, box


class Visits:
    """The inputs of each visitor, to paint with: name, a small picture or "", and tokens, the newest first."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, list[tuple[str, str, Tokens]]] = OrderedDict()
        self._lock = threading.Lock()

    def note(self, request: gr.Request | None, name: str, tokens: Tokens, picture: str = "") -> None:
        """A visitor has opened an input."""
        if request is None or not request.session_hash:
            return
        with self._lock:
            mine = [entry for entry in self._kept.pop(request.session_hash, []) if entry[2] is not tokens]
            self._kept[request.session_hash] = [(name, picture, tokens), *mine][:EARLIER]
            while len(self._kept) > VISITORS:
                self._kept.popitem(last=False)

    def of(self, request: gr.Request | None) -> list[tuple[str, str, Tokens]]:
        """What there is."""
        return list(self._kept.get((request.session_hash or "") if request else "", []))


class Editable(Protocol):
    """The session of a tab, as far as the editor knows it."""

    @property
    def ident(self) -> str: ...

    @property
    def tokens(self) -> Tokens: ...


class EditorHandlers(ABC):
    """What the handlers of a tab with a token editor share.

    Their `edit` answers a step at once; `settle`, when no other follows, works out the rest.
    """

    def __init__(self, ctx: Context, modality: str, examples: list[Path] | None = None) -> None:
        """Handlers of a modality; without `examples`, over those that ship with the page."""
        self.ctx, self.modality = ctx, modality
        self.examples = gallery.of(modality) if examples is None else examples
        self.decoders, self.visits = Decoders(), Visits()

    @property
    def codec(self) -> Codec:
        """The tokenizer of the tab."""
        return self.ctx.codec(self.modality)

    @abstractmethod
    def example_tokens(self, index: int, request: gr.Request) -> Tokens:
        """Tokens of an example."""

    @friendly
    def code_sheet(self, level: int) -> dict[str, Any]:
        """The sheet of all codes of a level: drawn, or what they say."""
        return code_sheet.sheet(self.codec, parse_int(level, 0, self.codec.levels - 1))

    def code_colours(self) -> list[str]:
        """A colour for every code, level by level."""
        return colours(self.codec)

    @friendly
    def warm(self, session: Editable | None, event: gr.EventData, request: gr.Request) -> None:
        """The visitor is about to edit so many levels, or to paint with another input: make ready what that takes."""
        if session is None:
            return
        asked = dict(event._data or {})
        self.painted_with(asked, request)
        levels = parse_int(asked.get("shown"), 1, session.tokens.levels)
        self.decoders.follow(session.ident, self.codec, session.tokens, levels)

    def remake(self, before: Tokens, after: Tokens, native: Callable[[], Any]) -> str:
        """The address at which a diffusion model makes the places anew that an edit has changed; "" where none can.

        Args:
            native: what the tokens decode to, where it is wanted.
        """
        changed = (before.codes != after.codes).any(0)  # (*positions)
        if self.ctx.remake is None or not changed.any():
            return ""
        return self.ctx.remake(after, native, changed)

    def painted_with(self, asked: Mapping[str, Any], request: gr.Request) -> Tokens | None:
        """Tokens of the other input that an edit takes codes from; None where it takes none."""
        other = asked.get("other")
        if asked.get("paint") != "other" or not isinstance(other, dict):
            return None
        if "earlier" in other:
            mine = self.visits.of(request)
            return mine[parse_int(other["earlier"], 0, max(0, len(mine) - 1))][2] if mine else None
        return self.example_tokens(parse_int(other.get("example"), 0, len(self.examples) - 1), request)


def _list(value: Any, size: int | None = None) -> list[Any]:
    if not isinstance(value, list) or (size is not None and len(value) != size):
        raise InputError("An edit names its places and levels.")
    return value
