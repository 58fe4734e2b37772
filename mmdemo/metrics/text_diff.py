"""What became of each stretch of a text: an edit alignment whose cost is bounded."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

BLOCK = 256  # characters aligned at a time; the cost of a block grows with its square
LIMIT = 65_536  # characters aligned at all, about a second

Op = tuple[str, int, int, int, int]


def character_diff(reference: str, output: str) -> list[Op]:
    """Operations (op, a0, a1, b0, b1): `reference[a0:a1]` became `output[b0:b1]`. They cover both in order.

    `op` is "equal", "replace", "delete" or "insert", as in `difflib.SequenceMatcher.get_opcodes`, which has
    no useful bound on its cost. Texts of equal length that agree at a quarter of their places or more are
    compared place by place. Others are aligned with the fewest edits within overlapping blocks of 256
    characters, so that a longer stretch inserted or lost is not followed; beyond 65,536 characters, place by
    place again.
    """
    x, y = _points(reference), _points(output)
    ops, a, b = _edits(x, y)
    return _merge(ops + _placewise(x, y, a, b))


def character_error(reference: str, output: str) -> float:
    """Share of characters changed: per changed stretch its longer side, over the length of the reference.

    0 is best; more than 1 is possible if much was added. Never below the Levenshtein character error rate of
    the text judged: all of it, or its first 65,536 characters where it has to be aligned (`character_diff`).
    """
    x, y = _points(reference), _points(output)
    ops, a, _ = _edits(x, y)
    wrong = sum(max(a1 - a0, b1 - b0) for op, a0, a1, b0, b1 in _merge(ops) if op != "equal")
    return wrong / max(a, 1)


def _edits(x: np.ndarray, y: np.ndarray) -> tuple[list[Op], int, int]:
    """Operations over x[:a] and y[:b], a and b: both texts, or as far as they are aligned."""
    n = min(len(x), len(y))
    if len(x) == len(y) and 4 * int((x == y).sum()) >= n:
        return _placewise(x, y, 0, 0), n, n
    start = _common(x[:n], y[:n])
    end = _common(x[::-1][: n - start], y[::-1][: n - start])
    a_end, b_end = len(x) - end, len(y) - end
    ops: list[Op] = [("equal", 0, start, 0, start)]
    a = b = start
    while a < a_end and b < b_end:
        if a - start >= LIMIT:
            return ops, a, b
        steps = _align(x[a : min(a + BLOCK, a_end)], y[b : min(b + BLOCK, b_end)])
        if a + BLOCK < a_end or b + BLOCK < b_end:
            steps = steps[: 3 * BLOCK // 4]  # what follows the windows may align their ends better
        ops += [(op, a + i, a + j, b + k, b + m) for op, i, j, k, m in steps]
        a, b = ops[-1][2], ops[-1][4]
    return ops + _rest(a, a_end, b, b_end, end), len(x), len(y)


def _points(text: str) -> np.ndarray:
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4")


def _common(x: np.ndarray, y: np.ndarray) -> int:
    """Length of the common start of two arrays of equal length."""
    return len(x) if np.array_equal(x, y) else int(np.argmax(x != y))


def _align(x: np.ndarray, y: np.ndarray) -> list[Op]:
    """The fewest edits between two windows, one step each, until either window ends."""
    places = np.arange(len(y) + 1)
    cost = np.empty((len(x) + 1, len(y) + 1), dtype=np.int64)
    cost[0] = places
    for i in range(1, len(x) + 1):
        cost[i, 0] = i
        cost[i, 1:] = np.minimum(cost[i - 1, :-1] + (y != x[i - 1]), cost[i - 1, 1:] + 1)
        cost[i] = np.minimum.accumulate(cost[i] - places) + places  # insertions: one more per place
    i, j = len(x), len(y)
    if cost[:, -1].min() < cost[-1].min():
        i = int(cost[:, -1].argmin())
    else:
        j = len(y) - int(cost[-1, ::-1].argmin())
    steps: list[Op] = []
    while i or j:
        if i and j and cost[i, j] == cost[i - 1, j - 1] + (x[i - 1] != y[j - 1]):
            steps.append(("equal" if x[i - 1] == y[j - 1] else "replace", i - 1, i, j - 1, j))
        elif i and cost[i, j] == cost[i - 1, j] + 1:
            steps.append(("delete", i - 1, i, j, j))
        else:
            steps.append(("insert", i, i, j - 1, j))
        i, j = steps[-1][1], steps[-1][3]
    return steps[::-1]


def _placewise(x: np.ndarray, y: np.ndarray, a: int, b: int) -> list[Op]:
    """The rest of both texts compared place by place, what is left over deleted or inserted."""
    n = min(len(x) - a, len(y) - b)
    same = x[a : a + n] == y[b : b + n]
    edges = [0, *(np.flatnonzero(same[1:] != same[:-1]) + 1).tolist(), n]
    ops: list[Op] = [
        ("equal" if same[i] else "replace", a + i, a + j, b + i, b + j) for i, j in pairwise(edges) if j > i
    ]
    return ops + _rest(a + n, len(x), b + n, len(y), 0)


def _rest(a: int, a_end: int, b: int, b_end: int, end: int) -> list[Op]:
    """What is left when one text has ended, then the common end."""
    return [
        ("delete", a, a_end, b, b),
        ("insert", a_end, a_end, b, b_end),
        ("equal", a_end, a_end + end, b_end, b_end + end),
    ]


def _merge(ops: list[Op]) -> list[Op]:
    """Neighbouring operations joined, so that "equal" and the others alternate."""
    merged: list[Op] = []
    for op, a0, a1, b0, b1 in ops:
        if a0 == a1 and b0 == b1:
            continue
        if merged and (merged[-1][0] == "equal") == (op == "equal"):
            _, a0, _, b0, _ = merged.pop()
        changed = "replace" if a1 > a0 and b1 > b0 else "delete" if a1 > a0 else "insert"
        merged.append(("equal" if op == "equal" else changed, a0, a1, b0, b1))
    return merged
