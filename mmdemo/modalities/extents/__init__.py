"""Where the sound lies in a file: its real parts and their real ends, whatever names, headers and lengths say.

Programs that write to a pipe, are killed, join files or put pictures into them leave headers that do not fit. So the
containers are walked here, header by header, and each part is handed to the library with a header that is true.
"""

from __future__ import annotations

from typing import BinaryIO

from .base import Bytes, Part, View, after_tags
from .chunks import au_part, channel_mask, chunked_part, chunks_of
from .flac import flac_parts
from .mpeg import mpeg_parts, mpeg_recording
from .ogg import ogg_codec, ogg_parts

__all__ = ["Part", "View", "channel_mask", "content_start", "ogg_codec", "parts"]


def content_start(file: BinaryIO) -> int:
    """Where the content begins: after any ID3v2 tags, which are put before all kinds of sounds."""
    return after_tags(Bytes(file), 0)


def parts(file: BinaryIO, start: int, kind: str | None) -> list[Part]:
    """The sounds in a file, one after another; more than one where files were joined or streams chained.

    Args:
        start: as of `content_start`.
        kind: the format in words, as `sniff` has it.
    """
    data = Bytes(file)
    found: list[Part] = []
    if kind == "an MP3 sound":
        found = mpeg_parts(data, start)
    elif kind == "an Ogg sound":
        found = ogg_parts(data, start)
    elif kind == "a FLAC sound":
        found = flac_parts(data, start)
    elif kind == "an AU sound":
        found = [au_part(data, start)]
    elif layout := chunks_of(data.at(start, 16)):
        found = [chunked_part(data, start, layout)]
    elif kind is None:
        found = mpeg_recording(data, start)
    return found or [Part(start, data.size)]
