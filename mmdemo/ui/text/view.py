"""What the Text tab shows for one text: pure functions from a text, its tokens and a number of levels."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from itertools import takewhile
from typing import Any

import torch

from mmdemo import metrics
from mmdemo.codec import Codec
from mmdemo.evaluation import classical
from mmdemo.metrics.text_diff import character_diff
from mmdemo.tokenizers import Contextual
from mmdemo.tokens import Tokens
from mmdemo.ui.shared import code_sheet
from mmdemo.ui.shared.common import tiles
from mmdemo.ui.shared.editing import editor_value
from mmdemo.ui.shared.i18n import tr
from mmdemo.ui.text import chips, compare, picker
from mmdemo.ui.text.session import TextSession, decoded_bytes
from mmdemo.ui.text.spans import Span, spans

CONTEXT = 24  # positions on each side that are decoded with a candidate code: more than the decoder can see
NEIGHBOURS = 7  # candidates offered on each level
COMPRESSORS = ("gzip", "zstd", "brotli")


def reconstruction_html(session: TextSession, data: bytes, lang: str) -> str:
    """The reconstruction pane."""
    output = data.decode("utf-8", errors="replace")
    name = tr("text.reconstruction", lang)
    if session.original is None:
        body = compare.marked(output, output, character_diff(output, output), "", "")
        return compare.pane(body, name, tr("text.decoded_only", lang))
    original = session.original.decode("utf-8", errors="replace")
    if session.lossless is not None:
        body = compare.marked(original, original, character_diff(original, original), "", "")
        return compare.pane(body, tr("text.from_lossless", lang), tr("text.exact", lang))
    ops = character_diff(original, output)
    # Counted in the original, so that it is never more than there are; a mere insertion counts as one.
    kept = sum(a1 - a0 for op, a0, a1, _, _ in ops if op == "equal")
    wrong = 0 if data == session.original else max(1, len(original) - kept)
    body = compare.marked(original, output, ops, tr("text.was", lang), tr("text.nothing", lang))
    verdict = tr("text.wrong", lang, count=wrong, total=len(original)) if wrong else tr("text.exact", lang)
    return compare.pane(body, name, verdict, good=not wrong)


def chips_value(
    codec: Codec, session: TextSession, data: bytes, levels: int, lang: str, own: dict[str, Any]
) -> dict[str, Any]:
    """The value of the chips; `own`: which example the text is, if any, and the visitor's other texts."""
    step, codes = codec.tokenizer.stride, session.tokens.codes.tolist()
    texts = [code_sheet.texts(codec, level) for level in range(_told_alone(codec, len(codes)))]
    value = chips.chips_value(
        spans(data, step),
        codes,
        levels,
        _words(chips.LABELS, lang),
        None if session.original is None else spans(session.original, step),
        session.changed_positions,
        [
            {str(code): says[code] for code in set(row)} | _completed(codec, codes, level)
            for level, (says, row) in enumerate(zip(texts, codes, strict=False))
        ],
    )
    edit = editor_value(session.history, session.place)
    size = session.tokens.codebook_size
    return {
        **value,
        **own,
        "id": session.ident,
        "version": session.version,
        "edit": edit,
        "size": size,
        "place": session.place,
        "look": session.look,
    }


def _told_alone(codec: Codec, levels: int) -> int:
    """Of how many levels a code alone says something: the first, and later ones that the tokenizer describes."""
    first = torch.zeros(1, dtype=torch.long)
    told = (codec.tokenizer.describe(level, first)[0] is not None for level in range(1, levels))
    return 1 + sum(takewhile(bool, told))


def _completed(codec: Codec, codes: list[list[int]], level: int) -> dict[str, str]:
    """What a later level's codes say where level 1 is a template, by all codes so far."""
    if not isinstance(codec.tokenizer, Contextual) or level == 0 or not codes[0]:
        return {}
    columns = list(set(zip(*codes[: level + 1], strict=True)))
    told = codec.tokenizer.describe_together(torch.tensor(columns).T)
    return {".".join(map(str, c)): says[level] for c, says in zip(columns, told, strict=True) if says is not None}


def picker_value(codec: Codec, session: TextSession, position: int, levels: int, lang: str) -> dict[str, Any] | None:
    """The value of the code picker for one position; None for a position that the text does not have."""
    total = session.tokens.positions[0]
    if not 0 <= position < total:
        return None
    data = session.bytes_at(codec, levels)
    return picker.picker_value(
        position,
        total,
        spans(data, codec.tokenizer.stride)[position],
        session.tokens.codes[:, position].tolist(),
        levels,
        alternatives(codec, session, position, levels),
        session.tokens.codebook_size,
        _words(picker.LABELS, lang),
    )


def alternatives(codec: Codec, session: TextSession, position: int, levels: int) -> list[list[tuple[int, str]]]:
    """For each level in use: the nearest other codes, and what this position would say with them."""
    tokens, step = session.tokens, codec.tokenizer.stride
    start = max(0, position - CONTEXT)
    codes = tokens.codes[:, start : position + CONTEXT + 1]
    size = min(codes.shape[1] * step, tokens.meta["bytes"] - start * step)
    local = replace(tokens, codes=codes, meta={**tokens.meta, "bytes": size})
    rows = []
    for level in range(levels):
        code = int(tokens.codes[level, position])
        book = codec.codebook(level)
        nearest = (book - book[code]).square().sum(-1).argsort().tolist()
        row = []
        for other in [c for c in nearest if c != code][:NEIGHBOURS]:
            changed = decoded_bytes(codec, local.with_code(level, (position - start,), other), levels)
            row.append((other, _at(spans(changed, step), position - start)))
        rows.append(row)
    return rows


def tiles_html(session: TextSession, data: bytes, tokens: Tokens, lang: str) -> str:
    """Number tiles: characters, bytes, rate, accuracy, exactness, perplexity; `tokens` have the levels shown."""
    text = (data if session.original is None else session.original).decode("utf-8", errors="replace")
    size = session.tokens.meta["bytes"]
    count = max(1, len(text))
    note = tr("text.bpc_file" if session.lossless is not None else "text.bpc_note", lang, raw=8 * size / count)
    figures = [
        (tr("text.characters", lang), f"{len(text):,}"),
        (tr("text.size", lang), f"{size:,}", tr("text.size_note", lang)),
        (tr("text.bpc", lang), f"{_bits(session, tokens) / count:.2f}", note),
        *_accuracy(session, data, lang),
    ]
    for level, value in enumerate(tokens.perplexity()[-1:], start=tokens.levels):
        note = tr("text.perplexity_note", lang, level=level)
        figures.append((tr("text.perplexity", lang), f"{value:.0f}", note))
    return tiles(figures)


def bars_html(session: TextSession, data: bytes, tokens: Tokens, lang: str) -> str:
    """Sizes of the same text: as it is, through gzip, zstd and brotli, as codes, and as a lossless file."""
    raw = data if session.original is None else session.original
    if session.original is None:
        note = ""
    elif data == raw:
        note = tr("text.bars_exact", lang)
    else:
        note = tr("text.bars_lossy", lang, percent=100 * metrics.byte_accuracy(raw, data))
    levels = tokens.levels
    own = tr("text.bars_ours_one" if levels == 1 else "text.bars_ours", lang, levels=levels)
    bars = [compare.Bar(tr("text.bars_raw", lang), len(raw))]
    sizes = _compressed(raw)
    for name in COMPRESSORS:
        bars.append(compare.Bar(name, sizes.get(name), "" if name in sizes else tr("text.bars_missing", lang)))
    bars.append(compare.Bar(own, tokens.payload_bits // 8, note, ours=True))
    if session.lossless is not None:
        size = len(session.lossless.to_bytes())
        bars.append(compare.Bar(tr("text.bars_lossless", lang), size, tr("text.bars_exact", lang), ours=True))
    return compare.bar_chart(bars, tr("text.bars", lang), tr("text.bars_unit", lang), tr("text.bars_note", lang))


def _accuracy(session: TextSession, data: bytes, lang: str) -> list[tuple[str, str] | tuple[str, str, str]]:
    names = tr("text.accuracy", lang), tr("text.exactly", lang)
    if session.original is None:
        return [(name, "–", tr("text.no_original", lang)) for name in names]
    if session.lossless is not None:
        data = session.original
    total = len(session.original)
    share = metrics.byte_accuracy(session.original, data)
    # Rounding must not turn "almost" into "all".
    shown = "100 %" if share == 1 else f"{min(100 * share, 99.99):.2f} %"
    note = tr("text.accuracy_note", lang, right=round(share * total), total=total)
    return [(names[0], shown, note), (names[1], tr("text.yes" if share == 1 else "text.no", lang))]


def _bits(session: TextSession, tokens: Tokens) -> int:
    """Bits of what the page saves: the codes, or the whole lossless file."""
    return tokens.payload_bits if session.lossless is None else 8 * len(session.lossless.to_bytes())


@lru_cache(maxsize=32)  # moving the level control must not compress the same text again
def _compressed(raw: bytes) -> dict[str, int]:
    """Bytes of a text through each compressor that is installed."""
    points = classical.text_points(raw.decode("utf-8", errors="replace"))
    return {point.codec: point.bytes for point in points if point.bytes is not None}


def _at(row: list[Span], index: int) -> str:
    return row[index].label if index < len(row) else ""


def _words(names: tuple[str, ...], lang: str) -> dict[str, str]:
    return {name: tr(f"text.{name}", lang) for name in names}
