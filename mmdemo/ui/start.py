"""Where `mmdemo app` and `app.py` begin: the environment is looked at before Gradio is imported, which reads it."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Sequence
from contextlib import suppress

from mmdemo.errors import InputError


def main(argv: Sequence[str] | None = None) -> None:
    """Open the page with the options of a command line, by default those of this process."""
    from mmdemo.ui.serving import environment

    try:
        environment.check()
    except InputError as error:
        raise SystemExit(f"mmdemo app: {error}") from None
    from mmdemo.ui import app

    if app.main(argv):
        _leave()


def _leave() -> None:
    """End the process with all that is still at work in it: what models compute in other threads would be cut off in
    the middle of C++, which takes that for a fault and aborts."""
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):  # closed, or there is none
            stream.flush()
    os._exit(0)
