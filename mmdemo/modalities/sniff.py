"""What a file is, from its first bytes."""

from __future__ import annotations

import codecs
import re
from importlib.util import find_spec

HEAD_BYTES = 4096
"""How much of a file `sniff` looks at."""

_BMP_HEADER_SIZES = {12, 40, 52, 56, 64, 108, 124}
_BINARY = {*range(32), 127} - set(b"\t\n\r\f\b\x1b")  # control bytes that no text has
# Pictures that are written as text.
_DRAWN = (
    (
        re.compile(
            r"\ufeff?\s*(<\?xml[^>]*>\s*)?(<!--((?!-->).)*-->\s*|<!DOCTYPE[^>\[]*(\[[^\]]*\]\s*)?>\s*)*<(\w+:)?svg[\s>]",
            re.S | re.I,
        ),
        "an SVG drawing",
    ),
    (re.compile(r"%!PS-Adobe"), "a PostScript document"),
    (re.compile(r"/\* XPM \*/"), "an XPM picture"),
    (re.compile(r"P[1-3]\n\s*(#.*\n\s*)*\d+\s+\d+\s"), "a PNM picture"),
    (re.compile(r"SIMPLE  =  "), "a FITS picture"),
    (re.compile(r"#\?RADIANCE"), "a Radiance HDR picture"),
    (re.compile(r"NIST_1A\n"), "a NIST SPHERE sound"),
)
HEIC_READ = find_spec("pillow_heif") is not None
"""Whether HEIC pictures can be read: through the extra `media`."""
_HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}
_BOMS = (codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_BE)

# (offset, magic bytes, modality or None for a format that is known but not taken, its name)
_MAGIC = (
    (0, b"\x89PNG\r\n\x1a\n", "image", "a PNG picture"),
    (0, b"\xff\xd8\xff", "image", "a JPEG picture"),
    (0, b"GIF87a", "image", "a GIF picture"),
    (0, b"GIF89a", "image", "a GIF picture"),
    (8, b"WEBP", "image", "a WebP picture"),
    (8, b"CR\2", None, "a Canon camera RAW picture"),  # these are TIFF inside, and so stand before it
    (0, b"II*\0", "image", "a TIFF picture"),
    (0, b"MM\0*", "image", "a TIFF picture"),
    (0, b"II+\0", "image", "a TIFF picture"),  # BigTIFF
    (0, b"MM\0+", "image", "a TIFF picture"),
    (8, b"WAVE", "audio", "a WAV sound"),
    (0, b"fLaC", "audio", "a FLAC sound"),
    (0, b"OggS", "audio", "an Ogg sound"),
    (0, b"ID3", "audio", "an MP3 sound"),
    (8, b"AIFF", "audio", "an AIFF sound"),
    (8, b"AIFC", "audio", "an AIFF sound"),
    (0, b".snd", "audio", "an AU sound"),
    (0, b"caff", "audio", "a CAF sound"),
    (4, b"ftypcrx ", None, "a Canon camera RAW picture"),
    (0, b"IIRO", None, "an Olympus camera RAW picture"),
    (0, b"IIRS", None, "an Olympus camera RAW picture"),
    (0, b"MMOR", None, "an Olympus camera RAW picture"),
    (0, b"IIU\0", None, "a Panasonic camera RAW picture"),
    (0, b"FUJIFILMCCD-RAW", None, "a Fujifilm camera RAW picture"),
    (0, b"FOVb", None, "a Sigma camera RAW picture"),
    (0, b"\0MRM", None, "a Minolta camera RAW picture"),
    (0, b"\xff\x0a", None, "a JPEG XL picture"),
    (0, b"\0\0\0\x0cJXL \r\n\x87\n", None, "a JPEG XL picture"),
    (0, b"\0\0\0\x0cjP  \r\n\x87\n", None, "a JPEG 2000 picture"),
    (0, b"\xff\x4f\xff\x51", None, "a JPEG 2000 picture"),
    (0, b"II\xbc\1", None, "a JPEG XR picture"),
    (0, b"\x76\x2f\x31\1", None, "an OpenEXR picture"),
    (0, b"qoif", None, "a QOI picture"),
    (0, b"FLIF", None, "a FLIF picture"),
    (0, b"\x0a\5\1\x08", None, "a PCX picture"),
    (0, b"\x01\xda\0", None, "an SGI picture"),
    (0, b"\x01\xda\1", None, "an SGI picture"),
    (0, b"\x8aMNG\r\n\x1a\n", None, "an MNG animation"),
    (0, b"\0\0\1\0", None, "an icon (ICO)"),
    (0, b"icns", None, "an icon (ICNS)"),
    (0, b"DDS ", None, "a DDS texture"),
    (0, b"\xab\x4b\x54\x58 ", None, "a KTX texture"),
    (0, b"gimp xcf", None, "a GIMP document"),
    (128, b"DICM", None, "a DICOM picture"),
    (0, b"SIMPLE  =", None, "a FITS picture"),
    (0, b"P4\n", None, "a PNM picture"),
    (0, b"P5\n", None, "a PNM picture"),
    (0, b"P6\n", None, "a PNM picture"),
    (0, b"P7\n", None, "a PNM picture"),
    (0, b"PF\n", None, "a PNM picture"),
    (0, b"Pf\n", None, "a PNM picture"),
    (0, b"#?RADIANCE", None, "a Radiance HDR picture"),
    (0, b"\xc5\xd0\xd3\xc6", None, "a PostScript document"),
    (0, b"\xd7\xcd\xc6\x9a", None, "a Windows metafile"),
    (4, b"ftypM4A", "audio", "an M4A sound"),
    (4, b"ftypM4B", "audio", "an M4A sound"),
    (4, b"ftyp3g", "audio", "a 3GP recording"),
    (4, b"ftyp", "audio", "an MP4 recording"),
    (0, b"\x1a\x45\xdf\xa3", "audio", "a WebM or Matroska recording"),
    (0, b"#!AMR", "audio", "an AMR recording"),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "audio", "a WMA sound"),
    (0, b"wvpk", "audio", "a WavPack sound"),
    (0, b"MAC ", "audio", "a Monkey's Audio sound"),
    (0, b"DSD ", None, "a DSD sound"),
    (0, b"Creative Voice File", None, "a VOC sound"),
    (0, b"NIST_1A", None, "a NIST SPHERE sound"),
    (8, b"8SVX", None, "an 8SVX sound"),
    (8, b"AVI ", None, "an AVI video"),
    (0, b"FLV\1", None, "a Flash video"),
    (0, b"\0\0\1\xba", None, "an MPEG video"),
    (0, b"MThd", None, "a MIDI file, which holds notes and no sound"),
    (0, b"%PDF-", None, "a PDF document"),
    (0, b"PK\x03\x04", None, "a ZIP archive (or an Office document)"),
    (0, b"\x1f\x8b", None, "a gzip archive"),
    (0, b"7z\xbc\xaf\x27\x1c", None, "a 7-Zip archive"),
    (0, b"Rar!\x1a\7", None, "a RAR archive"),
    (0, b"\xfd7zXZ\0", None, "an xz archive"),
    (0, b"\x28\xb5\x2f\xfd", None, "a Zstandard archive"),
    (0, b"BZh", None, "a bzip2 archive"),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", None, "an Office document"),
    (0, b"\x93NUMPY", None, "a NumPy array"),
    (0, b"SQLite format 3\0", None, "an SQLite database"),
    (0, b"\x7fELF", None, "a program"),
    (0, b"MZ", None, "a program"),
    (0, b"8BPS", None, "a Photoshop document"),
)

_EXPORT = "export it as PNG or JPEG"
_HOW = (
    ("HEI", "export it as JPEG, or install the extra that reads it: pip install 'mmdemo[media]'"),
    ("camera RAW", "develop it with the camera's software, darktable or the like and export it as JPEG or 16-bit TIFF"),
    ("JPEG XL", "convert it to PNG, with djxl for one"),
    ("JPEG 2000", "convert it to PNG, with opj_decompress or ImageMagick for one"),
    ("SVG", "export it as PNG from a browser, Inkscape or the like"),
    ("PDF", "export its page as PNG, or copy its text"),
    ("PostScript", "export its page as PNG"),
    ("picture", "convert it to PNG, with ImageMagick for one"),
    ("texture", "convert it to PNG, with ImageMagick for one"),
    ("MIDI", "render it as a WAV sound, with MuseScore or FluidSynth for one"),
    ("sound", "convert it to FLAC, with ffmpeg for one"),
    ("video", "take its sound out as FLAC, with ffmpeg for one"),
    ("ZIP", _EXPORT),
    ("Office", "export it as PNG or JPEG, or copy its text"),
    ("archive", "unpack it first"),
    ("array", "save it as PNG or WAV"),
    ("document", _EXPORT),
    ("metafile", _EXPORT),
    ("icon", _EXPORT),
    ("animation", "export its frames as PNG"),
)


def how_to_convert(kind: str) -> str:
    """What to do with a file of a known `kind` (as `sniff` names it) that is not taken; "" where nothing helps."""
    return next((how for word, how in _HOW if word in kind), "")


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
        written = head.decode("utf-8", "ignore")
        drawn = (name for pattern, name in _DRAWN if pattern.match(written))
        if name := next(drawn, None):
            return None, name
        return "text", "a text file"
    if head.startswith(b"ftyp", 4):
        size = int.from_bytes(head[:4], "big")
        brands = {head[at : at + 4] for at in (8, *range(16, min(size, 256), 4))}
        # A file may name a general brand first and its own among the compatible ones.
        if brands & {b"avif", b"avis"}:
            return "image", "an AVIF picture"
        if head[8:12] in _HEIC_BRANDS:
            return "image" if HEIC_READ else None, "a HEIC picture"
    for offset, magic, modality, name in _MAGIC:
        if head.startswith(magic, offset):
            return modality, name
    if head[:2] == b"BM" and int.from_bytes(head[14:18], "little") in _BMP_HEADER_SIZES:
        return "image", "a BMP picture"
    if _is_mpeg_frame(head):
        return "audio", "an MP3 sound"
    if len(head) > 6 and head[0] == 0xFF and head[1] & 0xF6 == 0xF0 and head[2] >> 2 & 15 < 13:
        return "audio", "an AAC sound (ADTS)"
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
    """Whether `head` starts with the header of an MPEG audio frame (ISO 11172-3, 2.4.1.3)."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return False
    version, layer = head[1] >> 3 & 3, head[1] >> 1 & 3
    bitrate, rate = head[2] >> 4, head[2] >> 2 & 3
    return version != 1 and layer != 0 and bitrate not in (0, 15) and rate != 3
