"""What the environment says to Gradio, its server and its HTTP client, checked before any of them reads it.

Gradio reads some variables as it is imported: nothing here may import it.
"""

from __future__ import annotations

import os
import sys
from urllib.request import getproxies_environment

import httpx

from mmdemo.errors import InputError

NUMBERS = {
    "GRADIO_SERVER_PORT": (1, 65_535),
    "GRADIO_NUM_PORTS": (1, 65_535),
    "GRADIO_NODE_NUM_PORTS": (1, 65_535),
    "GRADIO_DEBUG": (0, 1),
    "GRADIO_DEFAULT_CONCURRENCY_LIMIT": (1, 1000),
    "GRADIO_ANALYTICS_MAX_EVENTS": (1, 10**9),
    "GRADIO_ANALYTICS_CACHE_FREQUENCY": (1, 10**9),
    "WEB_CONCURRENCY": (1, 1000),
    "HF_HUB_DOWNLOAD_TIMEOUT": (1, 10**6),
    "HF_HUB_ETAG_TIMEOUT": (1, 10**6),
}
"""Variables that are read as whole numbers, with the lowest and the highest."""

_CONNECTING: tuple[str, ...] = ("SSL_CERT_FILE", "SSL_CERT_DIR", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
_CONNECTING += tuple(name.lower() for name in _CONNECTING[2:])


def check() -> None:
    """Empty variables count as none; what no connection can be made with is left out, and said.

    Raises:
        InputError: a number that is none, or out of bounds.
    """
    for name, (low, high) in NUMBERS.items():
        number(name, low, high)
    for name in _CONNECTING:
        if reason := _unusable(name):
            del os.environ[name]
            print(f"mmdemo app: {name} is not used ({reason}).", file=sys.stderr)


def number(name: str, low: int, high: int) -> int | None:
    """A variable that is a whole number; None where it is not set. Raises InputError if it is another thing."""
    value = os.environ.get(name, "")
    if not value.strip():
        os.environ.pop(name, None)
        return None
    if value.strip().lower() == "none" and name == "GRADIO_DEFAULT_CONCURRENCY_LIMIT":
        return None
    try:
        found = int(value)
    except ValueError:
        found = low - 1
    if not low <= found <= high:
        raise InputError(f"{name} takes a whole number from {low} to {high}, not {value[:80]!r}.")
    return found


def past_proxies(host: str) -> None:
    """What this server asks of itself goes to itself: a proxy knows no such machine."""
    if not getproxies_environment():
        return
    given = os.environ.get("no_proxy") or os.environ.get("NO_PROXY")
    os.environ["no_proxy"] = os.environ["NO_PROXY"] = ",".join(filter(None, (given, "127.0.0.1", "localhost", host)))


def _unusable(name: str) -> str:
    """Why a client with this variable alone cannot be made; "" if it can, or if it is not set."""
    if not os.environ.get(name):
        return ""
    others = {other: os.environ.pop(other) for other in _CONNECTING if other != name and other in os.environ}
    try:
        httpx.Client().close()
    except Exception as error:  # of the TLS library, of the address, of a package that is missing
        return " ".join(str(error).split()).rstrip(".")
    finally:
        os.environ.update(others)
    return ""
