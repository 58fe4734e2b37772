"""Previews within a share of the sampling time, on a clock that only moves when told to."""

from functools import partial

import pytest

from mmdemo.diffusion.previews import PreviewBudget


class Clock:
    now = 0.0

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds


def run(clock, steps, seconds):
    for index in range(1, steps + 1):
        clock.sleep(seconds)
        yield index


def shown(steps, seconds, cost, share=0.1):
    """Steps that were shown, and the pace; the first is always shown."""
    clock = Clock()
    pace, seen = PreviewBudget(share, clock), []
    for index in pace.watch(run(clock, steps, seconds)):
        if index == 1 or pace.fits:
            pace.show(partial(clock.sleep, cost))
            seen.append(index)
    return seen, pace


def test_cheap_previews_are_all_shown():
    seen, pace = shown(20, 1.0, 0.05)
    assert seen == list(range(1, 21)) and pace.sampling == pytest.approx(20)


def test_dear_previews_are_shown_when_they_fit():
    seen, pace = shown(20, 1.0, 0.45)
    assert seen == [1, 9, 14, 18]
    assert pace.spent <= 0.1 * pace.sampling


def test_the_time_of_the_consumer_is_not_the_samplers():
    clock = Clock()
    pace = PreviewBudget(0.1, clock)
    for _ in pace.watch(run(clock, 5, 1.0)):
        clock.sleep(100)
    assert pace.sampling == 5


def test_what_a_failing_preview_took_counts_and_its_error_is_not_hidden():
    clock = Clock()
    pace = PreviewBudget(0.1, clock)

    def fail():
        clock.sleep(2)
        raise OSError("no room")

    with pytest.raises(OSError, match="no room"):
        pace.show(fail)
    assert pace.spent == 2 and not pace.fits


def test_a_run_that_is_closed_closes_its_sampler():
    closed = []

    def sampler():
        try:
            yield from range(9)
        finally:
            closed.append(True)

    watched = PreviewBudget().watch(sampler())
    next(watched)
    watched.close()
    assert closed
