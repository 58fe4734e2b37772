"""What happens when something is clicked in the Image tab. No layout here, and no model logic."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import gradio as gr

from mmdemo.ui.image import baselines
from mmdemo.ui.image.maths import explain
from mmdemo.ui.image.session import BACKGROUNDS, ImageSession, encode_picture, load_picture, open_tokens, waiting
from mmdemo.ui.shared import code_sheet
from mmdemo.ui.shared.i18n import lang_of, tr
from mmdemo.ui.shared.payload import png_uri
from mmdemo.ui.shared.state import Context, Latest, friendly, parse_int

Shown = tuple[dict[str, Any], ImageSession | None]  # the viewer's value, the session's picture


class ImageHandlers:
    """Handlers of the Image tab; each is given to one event."""

    def __init__(self, ctx: Context, examples: list[Path], latest: Latest) -> None:
        self.ctx = ctx
        self.examples = examples
        self.latest = latest
        self._shown: dict[int, ImageSession] = {}  # examples that were encoded: shown at once the next time

    def ask(self, event: gr.EventData, request: gr.Request) -> dict[str, Any]:
        """What was clicked, and the number of this request, the newest one of this visitor."""
        return {**dict(event._data or {}), "request_id": self.latest.bump(request)}

    def note(self, event: gr.EventData) -> dict[str, Any]:
        """What was clicked, where it leaves the run in progress alone."""
        return dict(event._data or {})

    def request_id(self, request: gr.Request) -> dict[str, Any]:
        """The number of a request that has no details."""
        return {"request_id": self.latest.bump(request)}

    @friendly
    def code_sheet(self, level: int) -> dict[str, Any]:
        """The sheet of all codes of a level, for the token panel."""
        codec = self.ctx.codec("image")
        return code_sheet.sheet(codec, parse_int(level, 0, codec.levels - 1))

    @friendly
    def example(self, asked: dict[str, Any] | None, request: gr.Request) -> Iterator[Shown]:
        """Show an example; the first one when nothing was asked for (the page has just opened)."""
        if not self.examples:
            return
        index = parse_int((asked or {}).get("index", 0), 0, len(self.examples) - 1)
        path = self.examples[index]
        picture = self._shown.get(index)
        if picture is None:
            picture = yield from self._open(path, path.stem, asked, request)
        if picture is not None:
            self._shown[index] = picture
            yield from self._run(picture, picture.tokens.levels, asked, request)

    @friendly
    def picture(self, path: str | None, asked: dict[str, Any] | None, request: gr.Request) -> Iterator[Shown]:
        """Encode an uploaded picture."""
        if path is None:
            return
        picture = yield from self._open(path, Path(path).stem or "picture", asked, request)
        if picture is not None:
            yield from self._run(picture, picture.tokens.levels, asked, request)

    @friendly
    def tokens_file(self, path: str | None, asked: dict[str, Any] | None, request: gr.Request) -> Iterator[Shown]:
        """Decode a .mmt file."""
        if path is None or self._stale(asked, request):
            return
        picture = open_tokens(self.ctx.codec("image"), path, Path(path).stem or "tokens", lang_of(request))
        yield from self._run(picture, picture.tokens.levels, asked, request)

    @friendly
    def swap(self, picture: ImageSession | None, asked: dict[str, Any] | None, request: gr.Request) -> Iterator[Shown]:
        """Change one code and decode again."""
        if picture is None or not asked:
            return
        level, row, column, code = (parse_int(asked.get(key)) for key in ("level", "row", "column", "code"))
        changed = picture.changed_to(picture.tokens.with_code(level, (row, column), code))
        yield from self._run(changed, self._levels(asked, changed), asked, request)

    @friendly
    def undo(self, picture: ImageSession | None, asked: dict[str, Any] | None, request: gr.Request) -> Iterator[Shown]:
        """Put all changed codes back."""
        if picture is None:
            return
        yield from self._run(picture.changed_to(picture.encoded), self._levels(asked or {}, picture), asked, request)

    @friendly
    def png(self, picture: ImageSession | None, asked: dict[str, Any] | None) -> dict[str, Any]:
        """The reconstruction as an exact PNG, for the browser to save."""
        if picture is None:
            return gr.skip()
        levels = self._levels(asked or {}, picture)
        return picture.view(levels, png=png_uri(picture.codec.decode(picture.tokens, levels)))

    @friendly
    def want(self, picture: ImageSession | None, event: gr.EventData) -> None:
        """The visitor looks at so many levels: they are decoded next, and their file is made next."""
        if picture is not None:
            picture.wanted = self._levels(dict(event._data or {}), picture)

    @friendly
    def background(
        self, picture: ImageSession | None, asked: dict[str, Any] | None, request: gr.Request
    ) -> Iterator[Shown]:
        """Put the transparent parts on another background, and encode again."""
        name = str((asked or {}).get("background"))
        if picture is None or picture.background is None or name not in BACKGROUNDS.values():
            return
        other = yield from self._open(picture.source, picture.name, asked, request, name)
        if other is not None:
            yield from self._run(other, self._levels(asked or {}, other), asked, request)

    @friendly
    def sizes(self, picture: ImageSession | None, request: gr.Request) -> Iterator[dict[str, Any]]:
        """Our files of this picture, and so the numbers of bytes."""
        if picture is None or len(picture.shown) < picture.tokens.levels:
            return  # a newer request came before all levels were decoded
        yield from self._while_newest(baselines.size_stages(picture), request)

    @friendly
    def rates(self, picture: ImageSession | None, request: gr.Request) -> Iterator[dict[str, Any]]:
        """What other codecs make of this picture."""
        if picture is None or not picture.measured:
            return
        yield from self._while_newest(baselines.rate_stages(picture), request)

    @friendly
    def others(self, picture: ImageSession | None, request: gr.Request) -> Iterator[dict[str, Any]]:
        """The other codecs' pictures of as many bytes as ours."""
        if picture is None or not picture.measured:
            return
        yield from self._while_newest(baselines.other_stages(picture), request)

    @friendly
    def formulas(self, picture: ImageSession | None, request: gr.Request) -> str:
        """The fold-out with this picture's numbers."""
        lang = lang_of(request)
        if picture is None:
            return tr("image.explain_empty", lang)
        return explain(picture, lang) if picture.measured else gr.skip()

    def _open(
        self,
        source: Any,
        name: str,
        asked: dict[str, Any] | None,
        request: gr.Request,
        background: str = "auto",
    ) -> Generator[Shown, None, ImageSession | None]:
        """Load and encode; the original is shown while the encoder works. None if the request is out of date."""
        if self._stale(asked, request):
            return None
        codec = self.ctx.codec("image")
        item = load_picture(codec, source, lang_of(request), background)
        yield waiting(item, name), None
        return None if self._stale(asked, request) else encode_picture(codec, item, name, source)

    def _run(
        self, picture: ImageSession, start: int, asked: dict[str, Any] | None, request: gr.Request
    ) -> Iterator[Shown]:
        self.ctx.remember(request, picture.tokens, picture.original)
        for view in picture.stages(start):
            yield view, picture
            if self._stale(asked, request):
                return

    def _while_newest(self, values: Iterator[dict[str, Any]], request: gr.Request) -> Iterator[dict[str, Any]]:
        """Pass values on until this visitor asks for something else."""
        run = self.latest.now(request)
        for value in values:
            yield value
            if self.latest.now(request) != run:
                return

    def _stale(self, asked: dict[str, Any] | None, request: gr.Request) -> bool:
        """Whether the visitor has asked for something else since."""
        return (asked or {}).get("request_id", 0) < self.latest.now(request)

    @staticmethod
    def _levels(asked: dict[str, Any], picture: ImageSession) -> int:
        return parse_int(asked.get("levels", picture.tokens.levels), 1, picture.tokens.levels)
