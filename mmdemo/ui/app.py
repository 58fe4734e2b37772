"""The page as a whole: header, tabs in order, queue, launch settings, and `mmdemo app`."""

from __future__ import annotations

import os

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # has to be set before gradio is imported

import html
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gradio as gr
from starlette.middleware import Middleware

from mmdemo.errors import InputError
from mmdemo.ui.audio.tab import build as audio_tab
from mmdemo.ui.codebook.tab import build as codebook_tab
from mmdemo.ui.generate.tab import build as generate_tab
from mmdemo.ui.image.tab import build as image_tab
from mmdemo.ui.serving import launch, waiting
from mmdemo.ui.serving.doors import Doors, last_resort
from mmdemo.ui.serving.inputs import CheckedInputs
from mmdemo.ui.serving.queue import FairQueue
from mmdemo.ui.shared import state
from mmdemo.ui.shared.i18n import LANGUAGES, t, tr, translations
from mmdemo.ui.shared.state import Context
from mmdemo.ui.shell import address, page, theme
from mmdemo.ui.shell.tour import Tour
from mmdemo.ui.text.tab import build as text_tab

TABS = {
    "image": image_tab,
    "text": text_tab,
    "audio": audio_tab,
    "codebook": codebook_tab,
    "generate": generate_tab,
}
TAB_OF = {state.DIGITS: "generate"}  # where it is not called like its model
LANGUAGE_NAMES = {"en": "English", "zh": "中文"}


def build(ctx: Context | None = None, folder: Path | None = None) -> gr.Blocks:
    """The whole page, with its queue configured; give it to `launch(**launch_kwargs())`.

    Args:
        folder: where Gradio keeps files, if it is this page's alone: those of visitors who have gone are deleted.
    """
    ctx = ctx or Context()
    with CheckedInputs(title="mmdemo", analytics_enabled=False, delete_cache=state.CACHE_AGE) as demo:
        gr.HTML(_header(ctx), elem_classes=["mm-header"], apply_default_css=False)
        addressed = address.Address(list(TABS), elem_classes=["mm-address"])
        Tour(elem_classes=["mm-touring"])
        with gr.Tabs(elem_id="mm-tabs"):
            for name, build_tab in TABS.items():
                with gr.Tab(t(f"{name}.tab"), id=name, elem_id=f"mm-tab-{name}") as tab:
                    build_tab(ctx)
                tab.select(None, js=address.opened(name), queue=False, api_visibility="private")
    _tell_one(demo, addressed)
    demo.queue(api_open=False)  # what waits in the queue on the page waits for everybody
    demo._queue = FairQueue(demo, folder=folder, forget=ctx.forget)
    demo.splashes = ctx.splashes
    return demo


def _tell_one(demo: gr.Blocks, part: gr.HTML) -> None:
    """Let one part be told how far the page's requests are that show no progress.

    At each state of each request Gradio's page looks through all parts for every output that any request ever had: most
    of what it does until the answer to a stroke of the brush is there.
    """
    for fn in demo.fns.values():
        if fn.show_progress == "hidden":
            fn.show_progress_on = [part]


def launch_kwargs() -> dict[str, Any]:
    """Settings of `Blocks.launch` that belong to this page, whoever launches it."""
    return {
        "theme": theme.theme(),
        "css_paths": theme.CSS_PATHS,
        "i18n": translations(),
        "state_session_capacity": state.SESSIONS,
        "max_file_size": state.MAX_FILE_SIZE,
        "run_history": False,
        "footer_links": ["api"],
        "enable_monitoring": False,
        "ssr_mode": False,
        "_frontend": False,  # else a page that does not answer itself within 3 s, on a busy machine, does not start
        "head": page.HEAD + waiting.head(),
        "app_kwargs": {
            "middleware": [Middleware(Doors), *page.middleware()],
            "exception_handlers": {Exception: last_resort},
        },
    }


def main(argv: Sequence[str] | None = None) -> bool:
    """Build the page and serve it until interrupted; what is wrong with the options is one sentence.

    Returns:
        True: it was served, and the server is closed. Requests and preparations may still be at work in threads.
    """
    args = launch.options_of(argv)
    launch.prepare()
    try:
        with launch.own_folder() as folder:
            context = Context(args.device, args.model)
            demo = build(context, folder)
            launch.serve(demo, args, launch_kwargs(), context.start)
        return True
    except InputError as error:
        raise SystemExit(f"mmdemo app: {error}") from error
    except KeyboardInterrupt:  # while it was built
        raise SystemExit(130) from None


def _header(ctx: Context) -> str:
    """Product name, one line, the device and the language switch, in every language; CSS shows the right one.

    The switch is a plain link, so that a choice can be bookmarked and shared.
    """
    lines, devices, links = "", "", ""
    for lang in LANGUAGES:
        other = next(code for code in LANGUAGES if code != lang)
        device = tr("common.device", lang, device=ctx.device_name)
        lines += f'<p data-lang="{lang}">{html.escape(tr("common.tagline", lang))}</p>'
        own = [
            tr("common.own_model", lang, tab=tr(f"{TAB_OF.get(name, name)}.tab", lang), name=Path(folder).name)
            for name, folder in ctx.own.items()
        ]
        for line in (device, *own):
            devices += f'<span class="mm-device" data-lang="{lang}">{html.escape(line)}</span>'
        links += f'<button type="button" class="mm-tour-start" data-lang="{lang}">{tr("tour.start", lang)}</button>'
        links += f'<a data-lang="{lang}" href="?lang={other}" lang="{other}">{LANGUAGE_NAMES[other]}</a>'
    title = html.escape(tr("common.title"))
    both = html.escape(" · ".join(tr("common.theme", lang) for lang in LANGUAGES))
    links += f'<button type="button" class="mm-theme" aria-label="{both}" title="{both}"></button>'
    return f'<header class="mm-head"><h1>{title}</h1>{lines}<nav>{devices}{links}</nav></header>'
