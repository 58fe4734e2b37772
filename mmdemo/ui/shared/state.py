"""What all tabs share: the loaded models, the limits of the page, and how errors reach a person."""

from __future__ import annotations

import functools
import inspect
import logging
import os
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gradio as gr
import torch
from torch import Tensor

import mmdemo
from mmdemo import checkpoints
from mmdemo.checkpoints import auto_device
from mmdemo.checks import whole
from mmdemo.codec import Codec
from mmdemo.diffusion.joint import JointDiffusion
from mmdemo.errors import InputError
from mmdemo.threads import free_threads
from mmdemo.tokens import Tokens
from mmdemo.ui.shared.i18n import lang_of, tr
from mmdemo.ui.shared.splash import Splash

log = logging.getLogger("mmdemo.ui")
_END = object()

# Of events of the page: nothing moves while they run, and no wish is dropped while an older one is on its way, which is
# Gradio's usual way ("once").
QUIET: dict[str, Any] = {"show_progress": "hidden", "trigger_mode": "multiple", "api_visibility": "private"}
# Queues by cost, each serving one request at a time: a short one never waits for another visitor's long one.
CONCURRENCY_ID = "model"  # what the page asks of a model for an input that it has
OPENING_ID = "opening"  # files, which may be large
MEASURING_ID = "measure"  # what comes after something is shown: other levels and figures
EDITING_ID = "editing"  # a step of the token editor, which is to be seen at once
PROGRAMS_ID = "programs"  # endpoints for programs, which encode, decode and measure in one go
TEXTS_ID = "texts"  # all of that for texts, which take a moment: they never wait for pictures and sounds
DIGITS = "digits"  # the joint model of the Generate tab
SESSIONS = 100  # visitors whose pictures, sounds and texts are kept in memory
MAX_FILE_SIZE = "40mb"  # one upload
MAX_PICTURE_SIDE = 1024  # the page works on pictures up to this many pixels a side; the CLI has no such limit
MAX_AUDIO_SECONDS = 60.0
MAX_TEXT_BYTES = 20_000
# On ZeroGPU a GPU is borrowed for a sampling run only; tokenizers are small and answer at once on the CPU.
BORROWED_GPU = bool(os.environ.get("SPACES_ZERO_GPU"))
KEPT_SECONDS = 3600  # that an input stays in memory; less where its visitor has gone (`serving.limits`)
KEPT_INPUTS = 120  # what visitors opened that is kept in memory for the other tabs
KEPT_OF_ONE = 4  # of one visitor in one modality
CACHE_AGE = (3600, 6 * 3600)  # clean the upload folder every hour of what is older than six


@dataclass(frozen=True, eq=False)
class Opened:
    """What a visitor opened: its tokens, what they were made of where that is known, and what in an address leads back
    to it (`shared.place`), if anything does."""

    tokens: Tokens
    source: Tensor | bytes | None = None
    place: Mapping[str, str] = field(default_factory=dict)
    ident: str = field(default_factory=lambda: secrets.token_urlsafe(9))

    def continues(self, before: Opened) -> bool:
        """Whether this is the input of before: with other codes, or with some letters more or less."""
        a, b = self.source, before.source
        if isinstance(a, bytes) and isinstance(b, bytes):
            return 2 * (_shared(a, b) + _shared(a[::-1], b[::-1])) >= max(len(a), len(b))
        if isinstance(a, Tensor) and isinstance(b, Tensor):
            return a is b or torch.equal(a, b)
        return a is b and self.tokens.positions == before.tokens.positions  # neither is known


def _shared(a: bytes, b: bytes) -> int:
    """How many bytes both begin with."""
    return next((i for i, (x, y) in enumerate(zip(a, b)) if x != y), min(len(a), len(b)))


class Context:
    """Loaded models and the device, shared by all tabs and all visitors.

    Models are loaded on first use and kept; `lock` is held while one loads. Running a model is serialised
    by the queue (`CONCURRENCY_ID`), not here.

    Args:
        own: folders of models that take the place of shipped ones, by their names: a modality's or "digits".

    Raises:
        InputError: no such device, or a folder that holds no model of the kind that its place wants.
    """

    def __init__(self, device: str = "auto", own: Mapping[str, str] | None = None) -> None:
        self.device = auto_device(device)
        self.own = dict(own or {})
        for name, folder in self.own.items():
            _check_place(name, Path(folder))
        self.lock = threading.RLock()
        self._models: dict[str, Any] = {}
        self._opened: OrderedDict[tuple[str, str], list[Opened]] = OrderedDict()  # newest first
        self.splashes: dict[str, Splash] = {}  # tab -> what moves there until the page has started
        self.openers: dict[str, Callable[[Mapping[str, str], str], Opened]] = {}  # modality -> opens a place again
        # Where a model makes places of an input anew: (tokens, what they decode to, (*positions) bool) -> address
        self.remake: Callable[[Tokens, Callable[[], Any], Tensor], str] | None = None
        self._first: list[Callable[[], None]] = []

    def at_start(self, prepare: Callable[[], None]) -> None:
        """Have something prepared when the server starts, before the first visitor comes."""
        self._first.append(prepare)

    def start(self, serving: Callable[[], bool] = lambda: True) -> threading.Thread:
        """Prepare it all once the server is up, beside it; what fails here is made when it is asked for."""

        def run() -> None:
            while not serving():
                time.sleep(0.1)
            for prepare in self._first:
                try:
                    prepare()
                except Exception:
                    log.warning("%s failed at the start", getattr(prepare, "__qualname__", prepare), exc_info=True)

        thread = threading.Thread(target=run, name="prepare", daemon=True)
        thread.start()
        return thread

    def codec(self, name: str) -> Codec:
        """The tokenizer "image", "audio" or "text" (or a path or Hub id) as `mmdemo.codec.Codec`."""
        return self._load(name, "cpu" if BORROWED_GPU else str(self.device))

    def joint(self, name: str = DIGITS) -> JointDiffusion:
        """The joint diffusion model `name` as `mmdemo.diffusion.joint.JointDiffusion`."""
        return self._load(name, str(self.device))

    def joints(self) -> list[str]:
        """Names of the joint diffusion models: of the digits, and whatever else is here."""
        found = (name for name in checkpoints.list_checkpoints() if checkpoints.kind(name) == "joint")
        return list(dict.fromkeys([DIGITS, *found]))

    def remember(
        self,
        request: gr.Request | None,
        tokens: Tokens,
        source: Tensor | bytes | None = None,
        place: Mapping[str, str] | None = None,
    ) -> None:
        """Note a visitor's newest input, so that other tabs can show it too.

        Args:
            source: what was encoded: pixels (3, H, W) uint8, samples (T,), or bytes; None where only tokens were given.
            place: what in an address leads back to it; of tokens changed by hand nothing does.
        """
        if request is None or not request.session_hash:
            return
        with self.lock:
            key = (request.session_hash, tokens.modality)
            before = self._opened.pop(key, [])
            now = Opened(tokens, source, dict(place or {}))
            self._opened[key] = [now, *before[now.continues(before[0]) if before else 0 :]][:KEPT_OF_ONE]
            while sum(map(len, self._opened.values())) > KEPT_INPUTS:
                self._opened.popitem(last=False)

    def opened(self, request: gr.Request | None, modality: str) -> list[Opened]:
        """What the visitor opened of a modality, newest first."""
        return list(self._opened.get(((request.session_hash or "") if request else "", modality), ()))

    def forget(self, session: str) -> None:
        """Let go of what was remembered for a visitor who has gone."""
        with self.lock:
            for key in [key for key in self._opened if key[0] == session]:
                del self._opened[key]

    @property
    def device_name(self) -> str:
        """What to show: "CPU", "Apple GPU" or the name of the CUDA device."""
        if self.device.type == "cuda":
            return torch.cuda.get_device_name(self.device)
        return {"cpu": "CPU", "mps": "Apple GPU"}.get(self.device.type, str(self.device))

    def _load(self, name: str, device: str) -> Any:
        with self.lock:
            if name not in self._models:
                own = self.own.get(name)
                self._models[name] = mmdemo.load(Path(own) if own else name, device=device)
            return self._models[name]


def _check_place(name: str, folder: Path) -> None:
    """Raises InputError if the checkpoint in a folder is none that can stand in the place of a shipped one."""
    config = checkpoints.read_config(folder)
    kind, modality = config.get("kind"), config.get("modality")
    if name == DIGITS:
        if kind != "joint":
            raise InputError(f"The checkpoint {folder.name!r} is no diffusion model, as {name} is, but a {kind}.")
    elif kind != "tokenizer" or modality != name:
        what = f"{modality} tokenizer" if kind == "tokenizer" else kind
        raise InputError(f"The checkpoint {folder.name!r} is no {name} tokenizer, but a model of another kind: {what}.")


class Latest:
    """Which run of a visitor is the newest, so that an older one stops at its next step."""

    def __init__(self, kept: int = 1000) -> None:
        self._runs: OrderedDict[str, int] = OrderedDict()
        self._kept = kept
        self._lock = threading.Lock()

    def bump(self, request: gr.Request) -> int:
        """Note that this visitor asked for something new; returns its number."""
        key = request.session_hash or ""
        with self._lock:
            self._runs[key] = self._runs.pop(key, 0) + 1
            while len(self._runs) > self._kept:
                self._runs.popitem(last=False)
            return self._runs[key]

    def now(self, request: gr.Request) -> int:
        """The number of this visitor's newest run."""
        return self._runs.get(request.session_hash or "", 0)


def parse_int(value: Any, low: int = 0, high: int = 1 << 31) -> int:
    """An integer from the page or an API client. Raises InputError for anything else or outside low..high."""
    found = whole(value)
    if found is None or not low <= found <= high:
        wrong = "" if found is None else f", not {found}"
        raise InputError(f"A whole number from {low} to {high} is needed{wrong}.")
    return found


def friendly(fn: Callable) -> Callable:
    """Wrap an event handler so that a person never sees a traceback and keeps what is on the page.

    An `InputError` is shown as it is: one clear sentence. Anything else is logged and shown as one general
    sentence. Both are raised as `gr.Error`: outputs keep their values, and API clients get a real error.
    Works on plain functions and on generators (those of the page: see `ends_quietly`); finds the language in a
    `gr.Request` argument. Whatever is at work at once shares the cores.
    """
    if inspect.isgeneratorfunction(fn):

        @functools.wraps(fn)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            steps = fn(*args, **kwargs)
            try:
                while True:
                    with free_threads():
                        value = next(steps, _END)
                    if value is _END:
                        return
                    yield value
            except Exception as error:
                raise _explained(error, fn, args, kwargs) from None
            finally:
                steps.close()

    else:

        @functools.wraps(fn)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            try:
                with free_threads():
                    return fn(*args, **kwargs)
            except Exception as error:
                raise _explained(error, fn, args, kwargs) from None

    return wrapped


def ends_quietly(fn: Callable) -> Callable:
    """Wrap a generator of the page so that its last value is sent once.

    When a generator ends, Gradio sends its last value a second time, whole. A run that was overtaken by a newer one
    ends after that one has been shown, and would take its place.
    """

    @functools.wraps(fn)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        yield from fn(*args, **kwargs)
        yield gr.skip()

    wrapped.ends_quietly = True  # type: ignore[attr-defined]  # a test asks for it
    return wrapped


def _explained(error: Exception, fn: Callable, args: tuple, kwargs: dict) -> gr.Error:
    if isinstance(error, gr.Error):
        return error
    request = next((a for a in (*args, *kwargs.values()) if isinstance(a, gr.Request)), None)
    lang = lang_of(request)
    if isinstance(error, InputError):
        # Gradio's page takes messages for HTML, and they may quote a name or a text that somebody else made.
        message = str(error).replace("<", "‹").replace(">", "›")
    else:
        log.error("%s failed", getattr(fn, "__name__", fn), exc_info=error)
        message = tr("common.failed", lang)
    return gr.Error(message, duration=10, title=tr("common.problem", lang), print_exception=False)
