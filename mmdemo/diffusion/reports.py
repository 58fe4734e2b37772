"""What measures a joint model (`mmdemo evaluate`), found by the checkpoint's interface."""

from __future__ import annotations

from collections.abc import Callable

from ..metrics import Figure
from ..registry import Registry

# f(model, data_dir, limit, group, missing) -> figures; `mmdemo.evaluation.sections.collect` says what missing is.
REPORTS: Registry[Callable[..., list[Figure]]] = Registry(
    "report",
    {
        "digits": "mmdemo.evaluation.digits_report:evaluate_group",
        "emoji": "mmdemo.evaluation.emoji_report:evaluate_group",
        "speech": "mmdemo.evaluation.speech_report:evaluate_group",
    },
)
