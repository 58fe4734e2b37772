"""Every visible string of the page, in English and Chinese, from one table (`strings.toml`).

Two ways lead from a key to a text. `t(key)` gives a marker that the *browser* resolves, for labels and
fixed text written when the page is built. `tr(key, lang, **values)` gives a string made on the *server*,
for text that holds numbers or names of the current input. `lang_of(request)` says which language the
person at the other end reads.
"""

from __future__ import annotations

import sys
from functools import lru_cache
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.i18n import I18nData

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

LANGUAGES = ("en", "zh")
DEFAULT = "en"
COOKIE = "mm_lang"
TABLE = Path(__file__).with_name("strings.toml")


@lru_cache(maxsize=1)
def table() -> dict[str, dict[str, str]]:
    """The whole table, flat: {"image.title": {"en": ..., "zh": ...}, ...}."""
    with TABLE.open("rb") as file:
        sections = tomllib.load(file)
    return {f"{name}.{key}": texts for name, section in sections.items() for key, texts in section.items()}


def translations() -> gr.I18n:
    """What `launch(i18n=)` takes: the table, one dictionary a language."""
    by_language = {lang: {key: texts[lang] for key, texts in table().items()} for lang in LANGUAGES}
    # Gradio itself knows Chinese as zh-CN and zh-TW and falls back to English for a bare "zh".
    return gr.I18n(**by_language, **dict.fromkeys(("zh-CN", "zh-TW"), by_language["zh"]))


def t(key: str) -> I18nData:
    """A text that the browser resolves. Raises KeyError for a key that is not in the table."""
    table()[key]
    return I18nData(key)


def tr(key: str, lang: str = DEFAULT, /, **values: Any) -> str:
    """A text made on the server; `{name}` in the table is filled from `values` (format codes work).

    A language that the page does not have gives English. Raises KeyError for an unknown key.
    """
    texts = table()[key]
    text = texts.get(lang, texts[DEFAULT])
    return text.format(**values) if values else text


def browser_texts(*keys: str) -> dict[str, dict[str, str]]:
    """Texts for a script in the page: {"en": {"title": ...}, "zh": {...}}, by the last part of each key.

    The script picks by `window.mmLang`, so what it shows needs no round trip. Raises KeyError.
    """
    return {lang: {key.split(".", 1)[1]: table()[key][lang] for key in keys} for lang in LANGUAGES}


def lang_of(request: gr.Request | None) -> str:
    """ "en" or "zh": `?lang=` in the page's address, else the page's cookie, else Accept-Language."""
    if request is None:
        return DEFAULT
    asked = _get(getattr(request, "query_params", None), "lang") or _get(getattr(request, "cookies", None), COOKIE)
    if asked in LANGUAGES:
        return asked
    return _preferred(_get(getattr(request, "headers", None), "accept-language") or "")


def _get(mapping: Any, key: str) -> str | None:
    try:
        return mapping.get(key)
    except AttributeError:
        return None


def _preferred(header: str) -> str:
    """The language of ours with the highest weight in an Accept-Language header."""
    best, weight = DEFAULT, 0.0
    for part in header.split(","):
        tag, _, q = part.strip().partition(";q=")
        lang = tag.strip().lower().split("-")[0]
        try:
            value = float(q) if q else 1.0
        except ValueError:
            continue
        if lang in LANGUAGES and value > weight:
            best, weight = lang, value
    return best
