"""The page as a whole: header, tabs in order, queue, launch settings, and `mmdemo app`."""

from __future__ import annotations

import os

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # has to be set before gradio is imported

import argparse
import html
import importlib
import importlib.util
from collections.abc import Sequence
from typing import Any

import gradio as gr

from mmdemo.ui import page, state, theme
from mmdemo.ui.i18n import lang_of, t, tr, translations
from mmdemo.ui.state import Context

TABS = ("image", "text", "audio", "codebook", "generate")


def build(ctx: Context | None = None) -> gr.Blocks:
    """The whole page, with its queue configured; give it to `launch(**launch_kwargs())`."""
    ctx = ctx or Context()
    with gr.Blocks(title="mmdemo", analytics_enabled=False, delete_cache=state.CACHE_AGE) as demo:
        header = gr.HTML(_header(ctx, "en"), elem_classes=["mm-header"])
        with gr.Tabs(elem_id="mm-tabs"):
            for name in TABS:
                if importlib.util.find_spec(f"mmdemo.ui.tab_{name}") is None:
                    continue
                with gr.Tab(t(f"{name}.tab"), id=name, elem_id=f"mm-tab-{name}"):
                    importlib.import_module(f"mmdemo.ui.tab_{name}").build(ctx)

        def greet(request: gr.Request) -> str:
            return _header(ctx, lang_of(request))

        demo.load(greet, None, header, api_visibility="private", show_progress="hidden")
    demo.queue(max_size=state.QUEUE_SIZE, default_concurrency_limit=1)
    return demo


def launch_kwargs() -> dict[str, Any]:
    """Settings of `Blocks.launch` that belong to this page, whoever launches it."""
    return {
        "theme": theme.theme(),
        "css_paths": theme.CSS_PATHS,
        "i18n": translations(),
        "max_file_size": state.MAX_FILE_SIZE,
        "run_history": False,
        "footer_links": ["api"],
        "enable_monitoring": False,
        "ssr_mode": False,
        "app_kwargs": page.app_kwargs(),
    }


def main(argv: Sequence[str] | None = None) -> None:
    """Build the page and serve it until interrupted."""
    args = _parser().parse_args(argv)
    auth = tuple(args.auth.split(":", 1)) if args.auth else None
    demo = build(Context(args.device))
    demo.launch(share=args.share, server_name=args.host, server_port=args.port, auth=auth, **launch_kwargs())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="mmdemo app", description="Open the demo in a browser.")
    parser.add_argument("--share", action="store_true", help="also serve on a public gradio.live address")
    parser.add_argument("--host", default=None, help="address to listen on (default 127.0.0.1)")
    parser.add_argument("--port", type=int, default=None, help="port (default: the first free one from 7860)")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, mps")
    parser.add_argument(
        "--auth", default=None, metavar="USER:PASSWORD", help="ask for this name and password"
    )
    return parser


def _header(ctx: Context, lang: str) -> str:
    text = {key: html.escape(tr(f"common.{key}", lang)) for key in ("title", "tagline")}
    device = html.escape(tr("common.device", lang, device=ctx.device_name))
    return (
        f'<header class="mm-head"><h1>{text["title"]}</h1><p>{text["tagline"]}</p>'
        f'<nav><span class="mm-device">{device}</span>{_language_links(lang)}</nav></header>'
    )


def _language_links(lang: str) -> str:
    """The language switch: plain links, so that a choice can be bookmarked and shared."""
    names = {"en": "English", "zh": "中文"}
    other = next(code for code in names if code != lang)
    return f'<a href="?lang={other}" hreflang="{other}" lang="{other}">{names[other]}</a>'
