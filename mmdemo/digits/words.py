"""The words for the ten digits: the vocabulary of the model `digits`."""

from __future__ import annotations

ENGLISH = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
CHINESE = ("零", "一", "二", "三", "四", "五", "六", "七", "八", "九")
WORDS = tuple(zip(ENGLISH, CHINESE, (str(d) for d in range(10)), strict=True))  # WORDS[7] = ("seven", "七", "7")


def read_digit(text: str) -> int | None:
    """The digit that a word stands for ("Seven", "七", "7"), or None."""
    word = text.strip().lower()
    return next((d for d, words in enumerate(WORDS) if word in words), None)
