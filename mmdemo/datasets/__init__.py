"""Training and test data: files on disk -> tensors in memory, single (tokenizers) or paired (joint models)."""
