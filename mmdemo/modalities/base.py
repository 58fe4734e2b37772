"""What a modality is, the `Item` that all of them make of an input, and the opening of files."""

from __future__ import annotations

import io
import os
import stat
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, ClassVar, Protocol, runtime_checkable

import torch

from mmdemo.errors import InputError
from mmdemo.files import shown

MAX_STREAM_BYTES = 512 * 2**20
"""Most bytes taken from a stream that cannot seek, such as a pipe (it has to be held in memory)."""


@dataclass(frozen=True)
class Item:
    """One input in its canonical form.

    Attributes:
        tensor: picture (3, H, W) float32 RGB in [0, 1]; sound (T,) float32 in [-1, 1], 16 kHz mono;
            text (T,) uint8, its UTF-8 bytes.
        meta: small and JSON-able, what is needed to give the thing back in its own size.
        notes: English sentences about what was done to the input that a person should know.
        raw: of a text file that is not plain UTF-8, its own bytes.
    """

    tensor: torch.Tensor
    meta: dict[str, Any]
    notes: tuple[str, ...] = ()
    raw: bytes = field(default=b"", repr=False)


@runtime_checkable
class Stream(Protocol):
    """An input of any length: iterate over it for canonical tensors, one piece after the other.

    Attributes:
        meta, notes: as of `Item`.
    """

    @property
    def meta(self) -> dict[str, Any]: ...

    @property
    def notes(self) -> tuple[str, ...]: ...

    def __iter__(self) -> Iterator[torch.Tensor]: ...


class Modality(ABC):
    """A kind of input: files <-> canonical tensors, and all that differs between kinds elsewhere.

    There is one instance of each, in `mmdemo.modalities.MODALITIES`; it has no state, and a copy is itself.

    Attributes:
        name: as in checkpoints, files and links. number: of the modality in ``.mmt`` files; it never changes.
        noun: what messages call an input. kinds: its usual files, in words.
        axes: how many of a canonical tensor's last axes are its size: 2 (height, width) or 1 (samples, bytes).
        meta_keys: whole numbers of `Item.meta` that an ``.mmt`` file keeps; the first ``axes`` of them are the size.
        rare_keys: others that are there for some inputs only; `write_meta` puts them into the same numbers.
        suffixes: of the files that it takes, where their first bytes do not tell. save_suffixes: of those that it
            writes, the usual one first.
        rate_unit: what `rate` gives.
        tile: latent positions that are computed at once, along each axis.
        shown_positions: along each axis, how many positions of one code alone make something to look at or listen to.
        lossless: whether the input itself can be kept beside its codes.
        streamed: whether inputs may be of any length, read and written piece by piece (`mmdemo.codec.streaming`).
        sample_rate: of canonical tensors in time, in Hz; None where there is no time.
        options: names of what else `load` can be told.
        has_original: whether the form of an input may differ from that of the canonical one, for `restore` to give.
        frame: of joint models that name none for a stream of it (`mmdemo.diffusion.frames.FRAMES`).
    """

    name: ClassVar[str]
    number: ClassVar[int]
    noun: ClassVar[str]
    kinds: ClassVar[str]
    axes: ClassVar[int]
    meta_keys: ClassVar[tuple[str, ...]]
    rare_keys: ClassVar[tuple[str, ...]] = ()
    suffixes: ClassVar[tuple[str, ...]]
    save_suffixes: ClassVar[tuple[str, ...]]
    rate_unit: ClassVar[str]
    tile: ClassVar[tuple[int, ...]]
    shown_positions: ClassVar[int]
    lossless: ClassVar[bool] = False
    streamed: ClassVar[bool] = False
    sample_rate: ClassVar[int | None] = None
    options: ClassVar[tuple[str, ...]] = ()
    has_original: ClassVar[bool] = False
    frame: ClassVar[str]

    @abstractmethod
    def load(self, source: Any, **options: Any) -> Item:
        """Anything that is taken -> its canonical form. Raises InputError with the reason it is refused."""

    @abstractmethod
    def restore(self, tensor: torch.Tensor, meta: Mapping[str, Any] | None = None, original: bool = False) -> Any:
        """Canonical tensor -> what a person uses, of meta's size.

        Args:
            original: in the form of the input, where that may differ: a sound at its rate and with its channels.
        """

    @abstractmethod
    def save(self, native: Any, path: str | os.PathLike, comment: str = "") -> Path:
        """Write what `restore` gives to a file, by its suffix.

        Args:
            comment: how it was made, kept inside where the format has a place for it.
        """

    def stream(self, source: Any, max_seconds: float | None = None) -> Stream:
        """An input of any length, whose pieces together are the tensor of `load`; of a modality that is `streamed`.

        Args:
            source: a path, or file bytes. max_seconds: refuse longer ones.

        Raises:
            InputError: as `load`.
        """
        raise InputError(f"Inputs of the modality {self.name} are taken whole.")

    def save_stream(
        self,
        pieces: Iterable[torch.Tensor],
        path: str | os.PathLike,
        meta: Mapping[str, Any],
        original: bool = False,
    ) -> Path:
        """Write pieces of a canonical tensor as `restore` and `save` would the whole, one in memory at a time."""
        raise InputError(f"Inputs of the modality {self.name} are written whole.")

    @abstractmethod
    def meta_of(self, size: Sequence[int]) -> dict[str, Any]:
        """`Item.meta` of something of that size that no file was the source of."""

    def write_meta(self, meta: Mapping[str, Any]) -> list[int]:
        """Meta as the whole numbers of an ``.mmt`` file, as many as `meta_keys`."""
        return [meta[key] for key in self.meta_keys]

    def read_meta(self, numbers: Sequence[int]) -> dict[str, Any]:
        """The reverse. Raises ValueError for numbers that `write_meta` never gives."""
        return dict(zip(self.meta_keys, numbers, strict=True))

    @abstractmethod
    def takes(self, meta: Mapping[str, Any]) -> bool:
        """Whether an input of that meta would be taken: what a file that says so is believed."""

    @abstractmethod
    def rate(self, bits: int, meta: Mapping[str, Any], content: bytes = b"") -> float:
        """Bits for the whole -> in `rate_unit`.

        Args:
            content: the bytes of the input where they are known, for text is counted in characters.
        """

    @abstractmethod
    def distortion(self, x: torch.Tensor, y: torch.Tensor) -> dict[str, Any]:
        """Canonical input and output -> figures by name; None where one is not defined."""

    def crop(self, y: torch.Tensor, meta: Mapping[str, Any]) -> torch.Tensor:
        """Canonical tensor or batch (..., *size) without what goes beyond meta's size."""
        box: list[Any] = [slice(meta.get(key)) for key in self.meta_keys[: self.axes]]
        return y[(..., *box)]

    def finish(self, y: torch.Tensor, meta: Mapping[str, Any]) -> torch.Tensor:
        """What a tokenizer gave back, canonical (..., *size) -> of meta's size, and as meta says that the input was."""
        return self.crop(y, meta)

    def shown(self, y: torch.Tensor, stride: int) -> torch.Tensor:
        """Of a canonical batch of `shown_positions` of one code, what there is to see or hear."""
        return y

    def __reduce__(self) -> str:
        return self.name.upper()  # the name of the instance in its module


def label(source: object) -> str:
    """A short name for `source` to use in messages: the file name, or what kind of thing it is."""
    if isinstance(source, (str, os.PathLike)):
        return shown(source)
    if isinstance(source, (bytes, bytearray, memoryview)):
        return "The data"
    given = getattr(source, "name", None)
    return label(given) if isinstance(given, str) and given else "The file"


@contextmanager
def opened(source: str | os.PathLike | bytes | BinaryIO, accepted: str) -> Iterator[BinaryIO]:
    """Open `source` for reading from its start, seekable; close it again only if it was opened here.

    Args:
        source: a path, the bytes themselves, or a binary file (rewound when it can seek).
        accepted: end of the error sentences, such as "a PNG or JPEG picture is needed".

    Raises:
        InputError: no such file, a folder, not a regular file, no permission, or nothing in it.
    """
    if source is None:
        raise InputError(f"No file was given; {accepted}.")
    if isinstance(source, (bytes, bytearray, memoryview)):
        if not len(source):
            raise InputError(f"The data is empty; {accepted}.")
        yield io.BytesIO(source)
    elif isinstance(source, (str, os.PathLike)):
        with _open_path(source, accepted) as file:
            yield file
    elif hasattr(source, "read"):
        yield _seekable(source, accepted)
    else:
        raise InputError(f"A {type(source).__name__} cannot be read as a file; {accepted}.")


def _open_path(source: str | os.PathLike, accepted: str) -> BinaryIO:
    name = label(source)
    try:
        info = os.stat(source)
        # A named pipe or a device would block, or never end.
        if stat.S_ISDIR(info.st_mode):
            raise InputError(f"{name} is a folder; {accepted}.")
        if not stat.S_ISREG(info.st_mode):
            raise InputError(f"{name} is not a regular file; {accepted}.")
        if info.st_size == 0:
            raise InputError(f"{name} is empty (0 bytes); {accepted}.")
        return open(source, "rb")
    except FileNotFoundError:
        raise InputError(f"{name} was not found; {accepted}.") from None
    except PermissionError:
        raise InputError(f"{name} may not be read (permission denied); {accepted}.") from None
    except (OSError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        reason = getattr(error, "strerror", None) or "not a usable file name"
        raise InputError(f"{name} could not be opened ({reason}); {accepted}.") from None


def _seekable(source: BinaryIO, accepted: str) -> BinaryIO:
    try:
        if source.seekable():
            end = source.seek(0, os.SEEK_END)
            source.seek(0)
            if end == 0:
                raise InputError(f"{label(source)} is empty (0 bytes); {accepted}.")
            if not isinstance(source.read(0), bytes):
                raise InputError(f"{label(source)} was opened as text; open it in binary mode ('rb').")
            return source
        data = source.read(MAX_STREAM_BYTES + 1)
    except (OSError, AttributeError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{label(source)} could not be read; {accepted}.") from None
    if not isinstance(data, bytes):
        raise InputError(f"{label(source)} was opened as text; open it in binary mode ('rb').")
    if not data:
        raise InputError(f"{label(source)} is empty (0 bytes); {accepted}.")
    if len(data) > MAX_STREAM_BYTES:
        limit = MAX_STREAM_BYTES >> 20
        raise InputError(f"{label(source)} is over {limit} MB, the most taken from a stream.")
    return io.BytesIO(data)


def prepare_target(path: str | os.PathLike, suffixes: tuple[str, ...]) -> Path:
    """The `Path` to save to; InputError when its suffix is none of `suffixes`."""
    target = Path(path)
    if target.suffix.lower() not in suffixes:
        raise InputError(f"Cannot save as {label(target)}; the name has to end in {', '.join(suffixes)}.")
    return target
