"""Inside the transformer: one step of a run, taken apart for one sample."""
