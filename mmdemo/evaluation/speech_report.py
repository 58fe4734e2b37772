"""What there is to say of the models that only serve speech: nothing measures them alone yet."""

from __future__ import annotations

from pathlib import Path

from .. import checkpoints
from ..speech.duration import load_duration_model
from ..speech.recognizer import load_recognizer
from .sections import Measured, Request


def measure_recognizer(folder: Path, request: Request) -> Measured:
    """Of a checkpoint that can be read."""
    return _unmeasured(checkpoints.fingerprint(load_recognizer(folder)), "recognizer")


def measure_durations(folder: Path, request: Request) -> Measured:
    """The same."""
    return _unmeasured(checkpoints.fingerprint(load_duration_model(folder)), "durations")


def _unmeasured(weights: str, kind: str) -> Measured:
    return Measured(weights, missing=[f"Nothing measures a checkpoint of the kind {kind!r} yet."])
