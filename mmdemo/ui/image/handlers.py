"""What happens when something is clicked in the Image tab. No layout here, and no model logic."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr

from mmdemo.errors import InputError
from mmdemo.tokens import Tokens
from mmdemo.ui.image import baselines, view
from mmdemo.ui.image.maths import explain
from mmdemo.ui.image.opening import opening_of
from mmdemo.ui.image.session import (
    BACKGROUNDS,
    START_LEVELS,
    ImageSession,
    encode_picture,
    load_picture,
    open_tokens,
)
from mmdemo.ui.shared import place, splash, thumbnail
from mmdemo.ui.shared.editing import EditorHandlers, from_link, step
from mmdemo.ui.shared.filedrop import dropped_file
from mmdemo.ui.shared.i18n import lang_of, tr
from mmdemo.ui.shared.ids import new_id
from mmdemo.ui.shared.payload import as_image, from_uri, png_uri
from mmdemo.ui.shared.place import Place
from mmdemo.ui.shared.state import Context, Latest, Opened, ends_quietly, friendly, parse_int
from mmdemo.ui.shared.store import store

Shown = tuple[dict[str, Any], ImageSession | None]  # the viewer's value, the session's picture


class ImageHandlers(EditorHandlers):
    """Handlers of the Image tab; each is given to one event."""

    def __init__(self, ctx: Context, examples: list[Path] | None = None) -> None:
        super().__init__(ctx, "image", examples)
        self.latest = Latest()
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
    @ends_quietly
    def example(self, asked: dict[str, Any] | None, request: gr.Request) -> Iterator[Shown]:
        """Show an example, or, when the page has just opened, what its address names: by itself the first example."""
        if not self.examples:
            return
        link = {} if asked else place.asked(request, "image")
        if link.keys() & {"example", "input"}:
            yield from self._place(link, asked, request)
            return
        index = parse_int((asked or {}).get("index", 0), 0, len(self.examples) - 1)
        picture = yield from self._open_example(index, asked, request)
        if picture is not None:
            if link.keys() & {"levels", *place.LOOKS}:
                picture = picture.looked_at(link)
            elif not asked:  # the page builds its first picture up from level 1
                picture = replace(picture, opening=opening_of(picture))
            yield from self._run(picture, 1 if picture.opening else self._start(picture), asked, request)

    @friendly
    @ends_quietly
    def restored(self, asked: dict[str, Any] | None, request: gr.Request) -> Iterator[Shown]:
        """Go back to a place of this visit, or to what a link names."""
        yield from self._place(place.wanted(asked), asked, request)

    def _place(self, link: Place, asked: dict[str, Any] | None, request: gr.Request) -> Iterator[Shown]:
        path = place.kept(link, request)
        if path is None:
            index = place.index(link, [path.stem for path in self.examples], request)
            picture = yield from self._open_example(index or 0, asked, request)
        elif path.suffix == ".mmt":
            data, name = path.read_bytes(), link.get("name", "tokens")
            picture = open_tokens(self.codec, data, name, lang_of(request))
        else:
            picture = yield from self._open(path, link.get("name", "picture"), asked, request)
        if picture is not None:
            named: dict[str, str] = {name: link[name] for name in ("input", "name") if name in link}
            picture = replace(picture, place=named or picture.place)
            levels = place.number(link, "levels", 1, picture.tokens.levels, self._start(picture))
            if link.get("edit"):
                picture = self._with_edit(picture, link["edit"], levels, request)
            picture = picture.looked_at(link)
            yield from self._run(picture, levels, asked, request)

    def _open_example(
        self, index: int, asked: dict[str, Any] | None, request: gr.Request
    ) -> Generator[Shown, None, ImageSession | None]:
        """An example, encoded once for all visitors."""
        picture, path = self._shown.get(index), self.examples[index]
        if picture is None:
            picture = yield from self._open(path, path.stem, asked, request)
            if picture is not None:
                self._shown[index] = picture = replace(picture, place={"example": path.stem})
        # What is decoded is shared, what is edited is not.
        return None if picture is None else replace(picture, ident=new_id(), example=index)

    def prepare(self) -> None:
        """Make the first example ready before anybody comes: encoded, decoded on all levels, its files written."""
        if self.examples and 0 not in self._shown:
            path, codec = self.examples[0], self.codec
            picture = encode_picture(codec, load_picture(codec, path, "en"), path.stem, path)
            picture.place = {"example": path.stem}
            picture.count(picture.tokens.levels)
            opening_of(picture)
            for _ in picture.stages(1):
                pass
            self._shown[0] = picture
            shown = [from_uri(uri) for _, uri in sorted(picture.shown.items())]
            self.ctx.splashes["image"] = splash.of_pictures(shown)

    def reopen(self, link: Mapping[str, str], lang: str) -> Opened:
        """What a link of another tab leads to. Raises InputError for what is gone."""
        path = store().path(link.get("input", ""), lang)
        picture = (
            open_tokens(self.codec, path.read_bytes(), "tokens", lang)
            if path.suffix == ".mmt"
            else encode_picture(self.codec, load_picture(self.codec, path, lang), "picture", path)
        )
        return Opened(picture.tokens, picture.original, place.source(link))

    def _with_edit(self, picture: ImageSession, code: str, levels: int, request: gr.Request) -> ImageSession:
        """The picture with the edit of a link; without it, and a word, where it is none of this picture."""
        try:
            history = from_link(picture.tokens, code)
        except InputError as error:
            gr.Warning(str(error))
            return picture
        output, _ = self.decoders.follow(picture.ident, picture.codec, history.tokens, levels)
        return picture.edited(history, levels, output, self.latest.now(request))

    @friendly
    @ends_quietly
    def opened(self, path: str | None, asked: dict[str, Any] | None, request: gr.Request) -> Iterator[Shown]:
        """Encode an uploaded picture."""
        if path is None:
            return
        picture = yield from self._open(path, Path(path).stem or "picture", asked, request)
        if picture is not None and picture.original is not None:
            self.visits.note(
                request, picture.name, picture.tokens, thumbnail.of_picture(as_image(picture.original), view.THUMB)
            )
            yield from self._run(picture, self._start(picture), asked, request)

    @friendly
    @ends_quietly
    def dropped(self, event: gr.EventData, request: gr.Request) -> Iterator[Shown]:
        """Decode a .mmt file, on as many levels as it has."""
        asked = self.request_id(request)
        file = dropped_file(event)
        data, name = file.read(), Path(file.name).stem or "tokens"
        picture = open_tokens(self.codec, data, name, lang_of(request))
        kept = store().keep(data, ".mmt")
        picture.place = {"input": kept, "name": name[:40]} if kept else {}
        self.visits.note(request, picture.name, picture.tokens)
        yield from self._run(picture, picture.tokens.levels, asked, request)

    @friendly
    def edit(self, picture: ImageSession | None, event: gr.EventData, request: gr.Request) -> tuple[Any, Any]:
        """A step of the editor: other codes, and the picture decoded again where they change it.

        `settle` follows when the visitor pauses.
        """
        if picture is None:
            return gr.skip(), gr.skip()
        asked = dict(event._data or {})
        history = step(picture.codec, picture.history, asked, self.painted_with(asked, request))
        levels = self._levels({"levels": asked.get("shown")}, picture)
        run = self.latest.bump(request)  # what is still worked out of the step before would only hold this one up
        output, box = self.decoders.follow(picture.ident, picture.codec, history.tokens, levels, picture.tokens)
        changed = picture.edited(history, levels, output, run)
        self.ctx.remember(request, history.tokens, picture.original, place.unchanged(picture.place, history))
        remake = self.remake(picture.tokens, history.tokens, lambda: changed.output(levels))
        return view.edit_value(changed, levels, box, remake), changed

    @friendly
    @ends_quietly
    def settle(self, picture: ImageSession | None, request: gr.Request) -> Iterator[dict[str, Any]]:
        """After a picture is shown, or edited: its figures, and the other numbers of levels."""
        if picture is None:
            return
        for _ in picture.stages(picture.wanted):
            if self.latest.now(request) != picture.run:
                return
            yield self._value(picture, picture.wanted, request)

    def example_tokens(self, index: int, request: gr.Request) -> Tokens:
        return self._example(index, lang_of(request)).tokens

    def _example(self, index: int, lang: str) -> ImageSession:
        """An example, encoded; none of it need have been decoded."""
        if index not in self._shown:
            codec, path = self.codec, self.examples[index]
            self._shown[index] = encode_picture(codec, load_picture(codec, path, lang), path.stem, path)
            self._shown[index].place = {"example": path.stem}
        return self._shown[index]

    @friendly
    def png(self, picture: ImageSession | None, asked: dict[str, Any] | None) -> dict[str, Any]:
        """The reconstruction as an exact PNG, for the browser to save."""
        if picture is None:
            return gr.skip()
        levels = self._levels(asked or {}, picture)
        return view.viewer_value(picture, levels, png=png_uri(picture.codec.decode(picture.tokens, levels)))

    @friendly
    def want(self, picture: ImageSession | None, event: gr.EventData) -> None:
        """The visitor looks at so many levels: they are decoded next, and their file is made next."""
        if picture is not None:
            picture.wanted = self._levels(dict(event._data or {}), picture)

    @friendly
    @ends_quietly
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
    @ends_quietly
    def sizes(self, picture: ImageSession | None, request: gr.Request) -> Iterator[dict[str, Any]]:
        """Our files of this picture, and so the numbers of bytes."""
        if picture is None or len(picture.shown) < picture.tokens.levels:
            return  # a newer request came before all levels were decoded
        yield from self._while_newest(baselines.size_stages(picture), request)

    @friendly
    @ends_quietly
    def rates(self, picture: ImageSession | None, request: gr.Request) -> Iterator[dict[str, Any]]:
        """What other codecs make of this picture."""
        if picture is None or not picture.measured:
            return
        yield from self._while_newest(baselines.rate_stages(picture), request)

    @friendly
    @ends_quietly
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
        return explain(picture.codec, picture, picture.tokens.levels, lang) if picture.measured else gr.skip()

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
        codec = self.codec
        item = load_picture(codec, source, lang_of(request), background)
        waiting = view.waiting_value(item, name, taken=source not in self.examples)
        yield waiting, None
        if self._stale(asked, request):
            return None
        picture = encode_picture(codec, item, name, source)
        picture.before = waiting["original"]
        picture.count(self._start(picture))
        yield view.counted_value(waiting, picture), None  # its bytes are known before it is decoded
        if source not in self.examples:
            kept = store().keep(*view.source_bytes(item, source))
            picture.place = {"input": kept, "name": name[:40]} if kept else {}
        return None if self._stale(asked, request) else picture

    @staticmethod
    def _start(picture: ImageSession) -> int:
        return min(START_LEVELS, picture.tokens.levels)

    def _run(
        self, picture: ImageSession, start: int, asked: dict[str, Any] | None, request: gr.Request
    ) -> Iterator[Shown]:
        """Show a picture on `start` levels. `settle` follows: nobody else's picture waits for the other levels."""
        self.ctx.remember(request, picture.tokens, picture.original, place.unchanged(picture.place, picture.history))
        picture.run = (asked or {}).get("request_id", self.latest.now(request))
        for _ in picture.stages(start):
            if self._stale(asked, request):
                return  # nor may an older picture take the place of one that was edited meanwhile
            yield self._value(picture, start, request), picture
            if start in picture.quality or self._stale(asked, request):
                return

    def _value(self, picture: ImageSession, start: int, request: gr.Request) -> dict[str, Any]:
        """The viewer's value, with the inputs of this visit that can be painted with."""
        earlier = [{"name": name, "src": src} for name, src, _ in self.visits.of(request)]
        return {**view.viewer_value(picture, start), "earlier": earlier}

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
