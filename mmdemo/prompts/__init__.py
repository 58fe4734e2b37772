"""What a text means, as a vector: the condition that a diffusion transformer draws from."""
