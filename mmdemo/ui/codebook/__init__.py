"""The Codebook tab."""
