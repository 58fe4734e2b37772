"""What a checkpoint scores on test data, and what existing codecs make of the same input (`classical`)."""
