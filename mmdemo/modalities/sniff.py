"""What a file is, from its first bytes."""

from __future__ import annotations

import codecs

HEAD_BYTES = 4096
"""How much of a file `sniff` looks at."""

_BMP_HEADER_SIZES = {12, 40, 52, 56, 64, 108, 124}
_BINARY = {*range(32), 127} - set(b"\t\n\r\f\b\x1b")  # control bytes that no text has
_BOMS = (codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_BE)

# (offset, magic bytes, modality or None for a format that is known but not taken, its name)
_MAGIC = (
    (0, b"\x89PNG\r\n\x1a\n", "image", "a PNG picture"),
    (0, b"\xff\xd8\xff", "image", "a JPEG picture"),
    (0, b"GIF87a", "image", "a GIF picture"),
    (0, b"GIF89a", "image", "a GIF picture"),
    (8, b"WEBP", "image", "a WebP picture"),
    (4, b"ftypavis", "image", "an AVIF picture"),
    (0, b"II*\0", "image", "a TIFF picture"),
    (0, b"MM\0*", "image", "a TIFF picture"),
    (8, b"WAVE", "audio", "a WAV sound"),
    (0, b"fLaC", "audio", "a FLAC sound"),
    (0, b"OggS", "audio", "an Ogg sound"),
    (0, b"ID3", "audio", "an MP3 sound"),
    (8, b"AIFF", "audio", "an AIFF sound"),
    (8, b"AIFC", "audio", "an AIFF sound"),
    (0, b".snd", "audio", "an AU sound"),
    (0, b"caff", "audio", "a CAF sound"),
    (4, b"ftyphei", None, "a HEIC picture"),
    (4, b"ftypmif1", None, "a HEIF picture"),
    (4, b"ftypM4A", None, "an M4A sound"),
    (4, b"ftyp", None, "an MP4 video"),
    (0, b"\x1a\x45\xdf\xa3", None, "a WebM or Matroska video"),
    (0, b"%PDF-", None, "a PDF document"),
    (0, b"PK\x03\x04", None, "a ZIP archive (or an Office document)"),
    (0, b"\x1f\x8b", None, "a gzip archive"),
    (0, b"8BPS", None, "a Photoshop document"),
)


def sniff(head: bytes) -> tuple[str | None, str | None]:
    """Tell what a file is from its first bytes.

    Args:
        head: the first `HEAD_BYTES` bytes, or all of a shorter file.

    Returns:
        (modality, name): "image", "audio", "text" or None, and the format in words ("a PNG picture").
        (None, name) is a known format that no modality takes; (None, None) is an unknown one.
    """
    # Text first: a sentence may start with "ID3" or "BM"; a picture or sound holds control bytes early on.
    if is_text(head):
        if head.lstrip().startswith(b"%PDF-"):
            return None, "a PDF document"
        return "text", "a text file"
    # An AVIF file may name a general brand first and AVIF among the compatible ones.
    if head.startswith(b"ftyp", 4) and b"avif" in head[8:40]:
        return "image", "an AVIF picture"
    for offset, magic, modality, name in _MAGIC:
        if head.startswith(magic, offset):
            return modality, name
    if head[:2] == b"BM" and int.from_bytes(head[14:18], "little") in _BMP_HEADER_SIZES:
        return "image", "a BMP picture"
    if _is_mpeg_frame(head):
        return "audio", "an MP3 sound"
    return None, None


def is_text(head: bytes) -> bool:
    """Whether `head`, maybe cut inside a character, is text: UTF-8 without control bytes, or a BOM."""
    if head.startswith(_BOMS):
        return True
    try:
        # final=False forgives a character that the cut split.
        codecs.getincrementaldecoder("utf-8")().decode(head, final=len(head) < HEAD_BYTES)
    except UnicodeDecodeError:
        return False
    return bool(head) and not _BINARY.intersection(head)


def _is_mpeg_frame(head: bytes) -> bool:
    """Whether `head` starts with an MPEG audio layer III frame header (ISO 11172-3, 2.4.1.3)."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return False
    version, layer = head[1] >> 3 & 3, head[1] >> 1 & 3
    bitrate, rate = head[2] >> 4, head[2] >> 2 & 3
    return version != 1 and layer == 1 and bitrate not in (0, 15) and rate != 3
