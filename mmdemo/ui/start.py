"""Where `mmdemo app` and `app.py` begin: the environment is looked at before Gradio is imported, which reads it."""

from __future__ import annotations

from collections.abc import Sequence

from mmdemo.errors import InputError


def main(argv: Sequence[str] | None = None) -> None:
    """Open the page with the options of a command line, by default those of this process."""
    from mmdemo.ui.serving import environment

    try:
        environment.check()
    except InputError as error:
        raise SystemExit(f"mmdemo app: {error}") from None
    from mmdemo.ui import app

    app.main(argv)
