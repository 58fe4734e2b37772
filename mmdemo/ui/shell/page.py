"""The HTML page that Gradio serves, with what has to be there before Gradio starts.

Gradio picks the language of its labels once, from `navigator.language`, before any script of ours could run
through `launch(head=)`. So one small script is put first in the page: it applies `?lang=` or the choice made
earlier in the header, and leaves it in `window.mmLang` for our components and in a cookie for the server.
"""

from __future__ import annotations

import gzip
import html
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from starlette.middleware import Middleware
from starlette.responses import FileResponse, Response

from mmdemo.ui.shared.i18n import COOKIE, DEFAULT, table, tr
from mmdemo.ui.shell import splash

EARLY_SCRIPT = """<script>(function () {
  var asked = new URLSearchParams(location.search).get("lang");
  var kept = (document.cookie.match(/(?:^|; )COOKIE=(\\w+)/) || [])[1];
  var chosen = [asked, kept].find(function (l) { return l === "en" || l === "zh"; });
  var lang = chosen || (/^zh/i.test(navigator.language || "") ? "zh" : "en");
  if (asked === lang) document.cookie = "COOKIE=" + lang + "; path=/; max-age=31536000; SameSite=Lax";
  if (chosen) {
    var tag = lang === "zh" ? "zh-CN" : "en";
    Object.defineProperty(navigator, "language", { get: function () { return tag; }, configurable: true });
    Object.defineProperty(navigator, "languages", { get: function () { return [tag]; }, configurable: true });
  }
  window.mmLang = lang;
  document.documentElement.lang = document.documentElement.dataset.mmLang = lang;
})();</script>""".replace("COOKIE", COOKIE).encode()

# Texts that are on the page in every language are shown in one of them.
HEAD = """<style>
html[data-mm-lang="en"] [data-lang="zh"],
html[data-mm-lang="zh"] [data-lang="en"] { display: none !important; }
</style>"""


CARD, CARD_FILE = "/card.jpg", Path(__file__).with_name("card.jpg")  # made by tools/make_card.py

GZIP_LEVEL = 5  # a fifth of the bytes in a hundredth of a second; more would not be much less

# What Gradio says of every page of its own: another title, a literal "{url}", a picture of its own.
PREVIEW_TAGS = re.compile(rb"""<meta\s+(?:property|name)=["'](?:(?:og|twitter):|description["'])[^>]*>\s*""")


def preview(scope: Mapping[str, Any]) -> bytes:
    """What is shown where a link to the page is posted: title and description of its tab, in the language of the link.

    Args:
        scope: of the request (ASGI).
    """
    query = parse_qs(scope.get("query_string", b"").decode("latin-1"))
    tab, lang = (query.get(name, [""])[0] for name in ("tab", "lang"))
    tab = tab or ("generate" if "run" in query else "")
    known = f"{tab}.intro" in table()
    title = tr("common.title", lang or DEFAULT) + (f" · {tr(f'{tab}.tab', lang or DEFAULT)}" if known else "")
    about = tr(f"{tab}.intro" if known else "common.tagline", lang or DEFAULT)
    address = _address(scope)
    card = _base(scope) + scope.get("root_path", "").rstrip("/") + CARD
    tags = {"og:type": "website", "og:title": title, "og:description": about, "og:url": address, "og:image": card}
    tags |= {"og:image:width": "1200", "og:image:height": "630", "og:image:alt": about}
    lines = [f'<meta property="{name}" content="{html.escape(text, quote=True)}">' for name, text in tags.items()]
    named = {"twitter:card": "summary_large_image", "twitter:title": title, "twitter:description": about}
    named |= {"twitter:image": card, "description": about}
    lines += [f'<meta name="{name}" content="{html.escape(text, quote=True)}">' for name, text in named.items()]
    return "".join(lines).encode()


def _address(scope: Mapping[str, Any]) -> str:
    """The address that was asked for, as it is outside a proxy."""
    query = scope.get("query_string", b"").decode("latin-1")
    return f"{_base(scope)}{scope.get('path', '/')}" + (f"?{query}" if query else "")


def _base(scope: Mapping[str, Any]) -> str:
    """Scheme and host of the page, as they are outside a proxy."""
    headers = {name.lower(): value.decode("latin-1") for name, value in scope.get("headers", ())}
    scheme = headers.get(b"x-forwarded-proto", scope.get("scheme", "http")).split(",")[0].strip()
    host = headers.get(b"x-forwarded-host", headers.get(b"host", "")).split(",")[0].strip()
    return f"{scheme}://{host}"


def _takes_gzip(scope: Mapping[str, Any]) -> bool:
    """Whether the browser that sent a request takes gzip."""
    accepted = b",".join(value for name, value in scope.get("headers", ()) if name.lower() == b"accept-encoding")
    encodings = [part.replace(b" ", b"") for part in accepted.lower().split(b",")]
    return any(part.split(b";")[0] == b"gzip" and not part.endswith(b";q=0") for part in encodings)


def middleware() -> list[Middleware]:
    """Serves every HTML page with the early script in its head, and what moves until it has started."""
    return [Middleware(EarlyScript)]


class EarlyScript:
    """ASGI middleware: puts `EARLY_SCRIPT` and `preview` first in the head of whole pages, and a splash in their body.

    Such a page is a megabyte of settings for Gradio: it travels compressed where the browser takes that.
    """

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http" or scope["method"] not in ("GET", "HEAD"):
            return await self.app(scope, receive, send)
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        if path == CARD:
            headers = {"cache-control": "public, max-age=86400"}
            return await FileResponse(CARD_FILE, headers=headers)(scope, receive, send)
        splashes = splash.of_app(scope)
        if moving := splash.picture(path, splashes):
            return await Response(moving, media_type="image/webp")(scope, receive, send)
        start: dict[str, Any] | None = None
        body = b""

        async def rewriting(message: Any) -> None:
            nonlocal start, body
            if message["type"] == "http.response.start":
                headers = {k.lower(): v for k, v in message["headers"]}
                plain = b"content-encoding" not in headers
                if headers.get(b"content-type", b"").startswith(b"text/html") and plain:
                    start = message  # held back until the length is known
                    return
            elif start is not None and message["type"] == "http.response.body":
                body += message.get("body", b"")
                if message.get("more_body"):
                    return
                await self._finish(start, splash.put(body, scope, splashes), send, scope)
                return
            await send(message)

        await self.app(scope, receive, rewriting)

    @staticmethod
    async def _finish(start: dict[str, Any], body: bytes, send: Any, scope: Mapping[str, Any]) -> None:
        if body:
            tags = preview(scope)
            body = PREVIEW_TAGS.sub(b"", body).replace(b"<head>", b"<head>" + EARLY_SCRIPT + tags, 1)
            headers = [(k, v) for k, v in start["headers"] if k.lower() != b"content-length"]
            if _takes_gzip(scope):
                body = gzip.compress(body, GZIP_LEVEL, mtime=0)
                headers += [(b"content-encoding", b"gzip"), (b"vary", b"accept-encoding")]
            start = {**start, "headers": [*headers, (b"content-length", str(len(body)).encode())]}
        await send(start)
        await send({"type": "http.response.body", "body": body})
