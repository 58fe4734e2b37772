"""The page before Gradio's page is there, which takes seconds to start: name, tabs, and the first example of the tab
that was asked for, moving. It is part of the HTML itself, and gone as soon as the tab can show its example.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from mmdemo.ui.shared.i18n import LANGUAGES, tr
from mmdemo.ui.shared.modules import bundle
from mmdemo.ui.shared.place import SOURCES
from mmdemo.ui.shared.splash import READY, Splash

HERE = Path(__file__).parent
ADDRESS = re.compile(r"^/splash/(\w+)\.webp$")
PLACES = (*SOURCES, "run")  # what in an address leads to something else than the first example


def markup(splashes: Mapping[str, Splash], scope: Mapping[str, Any]) -> bytes:
    """The first thing in the body of the page that a request asks for.

    Args:
        splashes: what moves, by the name of the tab; a tab without any has its name and words.
        scope: of the request (ASGI).
    """
    query = parse_qs(scope.get("query_string", b"").decode("latin-1"))
    asked = query.get("tab", [""])[0]
    tab = asked if asked in READY else "generate" if "run" in query else next(iter(READY))
    moving = None if query.keys() & set(PLACES) else splashes.get(tab)
    root = str(scope.get("root_path", "")).rstrip("/")
    pictures = f"{root}/splash/{tab}.webp"
    frames = _frames(moving, pictures) if moving else ""
    names = "".join(_words(f"{name}.tab", "span", ' class="mm-on"' if name == tab else "") for name in READY)
    inside = (
        f"<style>{_css()}</style>"
        f'<div class="mm-splash-head"><b>{html.escape(tr("common.title"))}</b>{_words("common.tagline")}</div>'
        f'<div class="mm-splash-tabs">{names}</div>{_words(f"{tab}.intro", "p")}{frames}'
    )
    script = bundle(HERE / "splash.js")
    counts = moving.counts if moving else ()
    props = json.dumps({"tab": tab, "ready": READY[tab], "counts": counts, "pictures": pictures})
    called = f"(function (props, element, trigger, server, upload, watch) {{\n{script}\n}})({props});"
    return f'<div id="mm-splash" aria-hidden="true">{inside}</div><script>{called}</script>'.encode()


def _frames(splash: Splash, address: str) -> str:
    """The frames in their place, the last one shown where nothing moves, and the number of the one that is shown."""
    if splash.texts:
        shown = "".join(f'<p class="mm-splash-frame" hidden>{html.escape(text)}</p>' for text in splash.texts)
    else:
        width, height = splash.size
        style = f"aspect-ratio: {width} / {height}; background-image: url('{html.escape(address)}')"
        shown = f'<div class="mm-splash-strip" style="{style}; --mm-frames: {len(splash.counts)}"></div>'
    name = _words("generate.step" if splash.steps else "common.levels")
    count = f'<output data-total="{splash.total}"></output>'
    return f'<div class="mm-splash-stage">{shown}</div><div class="mm-splash-count">{name} {count}</div>'


def _words(key: str, tag: str = "span", more: str = "") -> str:
    """A text in all languages; the page shows it in one."""
    texts = [(lang, html.escape(tr(key, lang))) for lang in LANGUAGES]
    return "".join(f'<{tag} data-lang="{lang}"{more}>{text}</{tag}>' for lang, text in texts)


def _css() -> str:
    """Colours of the theme, which is not there yet, and the splash's own style."""
    colours = (HERE / "theme.css").read_text(encoding="utf-8").partition("/* Page */")[0]
    return colours + (HERE / "splash.css").read_text(encoding="utf-8")


def picture(path: str, splashes: Mapping[str, Splash]) -> bytes | None:
    """The frames at an address of this server; None for another one."""
    match = ADDRESS.match(path)
    splash = splashes.get(match[1]) if match else None
    return splash.picture or None if splash else None


def put(body: bytes, scope: Mapping[str, Any], splashes: Mapping[str, Splash]) -> bytes:
    """The page with its splash in front."""
    return re.sub(rb"<body[^>]*>", lambda match: match[0] + markup(splashes, scope), body, count=1)


def of_app(scope: Mapping[str, Any]) -> Mapping[str, Splash]:
    """What moves on the page that a request is for."""
    blocks = getattr(scope.get("app"), "blocks", None)
    return getattr(blocks, "splashes", {})
