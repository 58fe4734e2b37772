"""Checkpoints from the Hugging Face Hub."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from .errors import InputError

LOCAL_FOLDERS = ("runs", "checkpoints", "priors", "judges")  # a path that begins so is never looked for on the Hub
PATTERNS = ["config.json", "*/config.json", "*.safetensors", "README.md"]


def is_hub_id(name: str) -> bool:
    """Whether a name can only be meant for the Hub: no folder of its first part is here, or usual here."""
    if not re.fullmatch(r"[A-Za-z0-9][\w.-]*/[\w.-]+(@[\w./-]+)?", name):
        return False
    first = name.split("/")[0]
    return first not in LOCAL_FOLDERS and not Path(first).exists()


def download(name: str) -> Path:
    """The folder of a repository, "owner/name" or "owner/name@revision". Raises InputError if it cannot be had."""
    repo_id, _, revision = name.partition("@")
    try:
        from huggingface_hub import snapshot_download  # reads variables of the environment, which may be no numbers

        chosen: dict[str, Any] = {"revision": revision} if revision else {}
        folder = Path(snapshot_download(repo_id, allow_patterns=PATTERNS, **chosen))
    except Exception as error:  # of the Hub, of the network and its proxies, of the disk: too many kinds to list
        said = " ".join(str(error).split()).split(". ")[0].rstrip(".")[:150]
        raise InputError(
            f"The checkpoint {name!r} could not be fetched from the Hub ({type(error).__name__}{': ' * bool(said)}"
            f"{said}): check its name and the network, or give a local folder."
        ) from error
    if not (folder / "config.json").is_file():
        raise InputError(f"The Hub repository {name!r} is no mmdemo checkpoint: it has no config.json.")
    return folder
