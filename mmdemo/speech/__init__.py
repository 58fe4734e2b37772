"""Speech with its text on one axis of time: an alphabet, a recogniser, alignment and durations."""
