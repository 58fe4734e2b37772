"""What a training leaves behind of its way: ``log.jsonl``, TensorBoard events where it is installed, a progress bar."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

from tqdm import tqdm

from ..files import write_bytes

FILE = "log.jsonl"


class RunLog:
    """One line of JSON an event: {"event": "step" | "validation" | …, "step", …figures}.

    Args:
        file: takes the lines, unbuffered. events: TensorBoard's writer, where it is installed. bar: of the progress.
    """

    def __init__(self, file: BinaryIO, events: Any, bar: tqdm) -> None:
        self._file, self._events, self.bar = file, events, bar
        self._cut = False  # whether the last line is

    @classmethod
    def open(cls, folder: Path, step: int = 0, total: int | None = None, quiet: bool = False) -> RunLog:
        """The log of a run in ``folder``.

        Args:
            step: where it goes on; lines of later steps, which a resumed run takes again, are dropped.
            total: steps in all, for the bar; None where the clock decides. quiet: no bar.
        """
        folder.mkdir(parents=True, exist_ok=True)
        kept = [line for line in read_log(folder) if line.get("step", 0) <= step] if step else []
        write_bytes(folder / FILE, "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in kept).encode())
        file = (folder / FILE).open("ab", buffering=0)
        bar = tqdm(total=total, initial=step, disable=quiet, mininterval=2, dynamic_ncols=True)
        return cls(file, _tensorboard(folder, step), bar)

    def __enter__(self) -> RunLog:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bar.close()
        self._file.close()
        if self._events:
            self._events.close()

    def write(self, event: str, step: int, **figures: Any) -> None:
        """Add an event; numbers among its figures also go to TensorBoard as ``event/name``.

        On a full disk it is left out, or cut: no reason to end the training.
        """
        line = (json.dumps({"event": event, "step": step, **figures}, ensure_ascii=False) + "\n").encode()
        with suppress(OSError):
            if self._cut:
                self._file.write(b"\n")
                self._cut = False
            self._cut = self._file.write(line) < len(line)
        if self._events:
            for name, value in figures.items():
                if isinstance(value, (int, float)):
                    self._events.add_scalar(f"{event}/{name}", value, step)

    def say(self, sentence: str) -> None:
        """A sentence above the bar."""
        if not self.bar.disable:
            self.bar.write(sentence)


def read_log(folder: Path) -> list[dict[str, Any]]:
    """Events of a run, without lines that were cut."""
    path, events = folder / FILE, []
    if path.is_file():
        for line in path.read_text("utf-8", "replace").splitlines():
            try:
                events.append(json.loads(line))
            except ValueError:
                continue
    return [e for e in events if isinstance(e, dict)]


def _tensorboard(folder: Path, step: int) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return None
    return SummaryWriter(str(folder / "tensorboard"), purge_step=step)
