"""The HTML page that Gradio serves, with what has to be there before Gradio starts.

Gradio picks the language of its labels once, from `navigator.language`, before any script of ours could run
through `launch(head=)`. So one small script is put first in the page: it applies `?lang=` or the choice made
earlier in the header, and leaves it in `window.mmLang` for our components and in a cookie for the server.
"""

from __future__ import annotations

from typing import Any

from starlette.middleware import Middleware

from mmdemo.ui.shared.i18n import COOKIE

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


def middleware() -> list[Middleware]:
    """Serves every HTML page with the early script in its head."""
    return [Middleware(EarlyScript)]


class EarlyScript:
    """ASGI middleware: puts `EARLY_SCRIPT` first in the head of whole HTML pages and touches nothing else."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http" or scope["method"] not in ("GET", "HEAD"):
            return await self.app(scope, receive, send)
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
                await self._finish(start, body, send)
                return
            await send(message)

        await self.app(scope, receive, rewriting)

    @staticmethod
    async def _finish(start: dict[str, Any], body: bytes, send: Any) -> None:
        if body:
            body = body.replace(b"<head>", b"<head>" + EARLY_SCRIPT, 1)
            headers = [(k, v) for k, v in start["headers"] if k.lower() != b"content-length"]
            start = {**start, "headers": [*headers, (b"content-length", str(len(body)).encode())]}
        await send(start)
        await send({"type": "http.response.body", "body": body})
