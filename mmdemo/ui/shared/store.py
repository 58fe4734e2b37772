"""What visitors hand in, kept for a day under a short name, so that a link can lead to it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import logging
import os
import re
import secrets
import tempfile
import threading
import time
from functools import lru_cache
from pathlib import Path

from mmdemo.errors import InputError
from mmdemo.files import write_bytes
from mmdemo.ui.shared.i18n import tr

log = logging.getLogger("mmdemo.ui")

NAME = re.compile(r"[a-z2-7]{12}")
SUFFIX = re.compile(r"\.[a-z0-9]{1,5}")
KEPT_SECONDS = 24 * 3600
MOST_FILES, MOST_BYTES = 4000, 512 * 2**20  # of all visitors together; the oldest go first
LARGEST = 8 * 2**20  # of one input


class Store:
    """Files by names of 12 letters, which nobody can guess: they are made of the contents and a secret of this folder.

    The same input has the same name. What is older than a day is gone.
    """

    def __init__(self, folder: Path, seconds: float = KEPT_SECONDS, files: int = MOST_FILES, most: int = MOST_BYTES):
        self.folder, self.seconds, self.files, self.most = folder, seconds, files, most
        self._lock = threading.Lock()

    def keep(self, data: bytes, suffix: str = ".bin") -> str:
        """Keep an input and return its name; "" for one that cannot be kept: too large, or the disk is full.

        Args:
            suffix: of a file of this kind, such as ".png".
        """
        if len(data) > LARGEST:
            return ""
        suffix = suffix.lower() if SUFFIX.fullmatch(suffix.lower()) else ".bin"
        try:
            return self._kept(data, suffix)
        except (OSError, InputError) as error:  # a link will not lead to it; what was asked for goes on
            log.warning("An input could not be kept in %s: %s", self.folder, error)
            return ""

    def _kept(self, data: bytes, suffix: str) -> str:
        with self._lock:
            digest = hmac.new(self._secret(), suffix.encode() + b"\0" + data, hashlib.sha256).digest()
            name = base64.b32encode(digest[:8]).decode("ascii").lower()[:12]
            write_bytes(self.folder / f"{name}{suffix}", data)
            self._tidy()
        return name

    def path(self, name: str, lang: str = "en") -> Path:
        """The file of this name. Raises InputError where there is none, or none any more."""
        found = list(self.folder.glob(f"{name}.*")) if NAME.fullmatch(name) else []
        if not found or time.time() - found[0].stat().st_mtime > self.seconds:
            raise InputError(tr("common.gone", lang))
        return found[0]

    def _secret(self) -> bytes:
        path = self.folder / ".secret"
        if not path.is_file():
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_bytes(path, secrets.token_bytes(32))
        return path.read_bytes()

    def _tidy(self) -> None:
        """Remove what is too old or too much."""
        kept = sorted(((p.stat(), p) for p in self.folder.glob("[a-z2-7]*.*")), key=lambda pair: -pair[0].st_mtime)
        total = 0
        for i, (about, path) in enumerate(kept):
            total += about.st_size
            if i >= self.files or total > self.most or time.time() - about.st_mtime > self.seconds:
                path.unlink(missing_ok=True)


@lru_cache(maxsize=1)
def store() -> Store:
    """The store of this server; `MMDEMO_KEPT` names another folder than one for temporary files of this account."""
    mine = f"mmdemo-kept-{os.getuid()}" if hasattr(os, "getuid") else "mmdemo-kept"
    return Store(Path(os.environ.get("MMDEMO_KEPT") or Path(tempfile.gettempdir()) / mine))


# ------------------------------------------------------------------ long parts of a link

LONG = 200  # characters of one part of a link that stay in it


def shortened(text: str) -> str:
    """A long part of a link as "~name"; a short one, and one that cannot be kept, as it is."""
    name = store().keep(text.encode(), ".txt") if len(text) > LONG else ""
    return f"~{name}" if name else text


def whole(text: str, lang: str = "en") -> str:
    """The reverse of `shortened`. Raises InputError where it is not kept any more."""
    return store().path(text[1:], lang).read_text("utf-8") if text.startswith("~") else text
