"""Previews within a share of the sampling time, on a clock that only moves when told to."""

from mmdemo.diffusion.previews import Pace


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


class FakeStep:
    def __init__(self, clock, index, steps, costs):
        self.clock, self.index, self.last, self.costs = clock, index, index == steps, costs

    def preview(self, modality):
        self.clock.now += self.costs[modality]
        return [modality]


def run(clock, steps, seconds, costs):
    for index in range(1, steps + 1):
        clock.now += seconds
        yield FakeStep(clock, index, steps, costs)


def shown(steps, seconds, costs, share=0.1):
    """{modality: indices of the steps that were decoded} and the pace."""
    clock = Clock()
    pace, seen = Pace(share, clock), {m: [] for m in costs}
    for step in pace.watch(run(clock, steps, seconds, costs)):
        for m in costs:
            if pace.preview(step, m) is not None:
                seen[m].append(step.index)
    return seen, pace


def test_cheap_previews_are_all_shown():
    seen, pace = shown(20, 1.0, {"image": 0.05})
    assert seen["image"] == list(range(1, 21)) and pace.sampling == 20


def test_dear_previews_are_shown_first_last_and_when_they_fit():
    seen, pace = shown(20, 1.0, {"image": 0.5})
    assert seen["image"] == [1, 10, 15, 20]
    assert pace.spent <= 0.1 * pace.sampling
    assert seen["image"][0] == 1 and seen["image"][-1] == 20


def test_what_is_dear_does_not_keep_back_what_is_cheap():
    seen, pace = shown(40, 1.0, {"image": 0.05, "audio": 1.0})
    assert len(seen["image"]) > 15 and seen["audio"][0] == 1 and seen["audio"][-1] == 40
    assert pace.spent <= 0.1 * pace.sampling


def test_the_time_of_the_consumer_is_not_the_sampler_s():
    clock = Clock()
    pace = Pace(0.1, clock)
    for _ in pace.watch(run(clock, 5, 1.0, {})):
        clock.now += 100
    assert pace.sampling == 5
