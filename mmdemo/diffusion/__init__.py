"""Diffusion transformers over tokenizer latents: noise schedules, samplers, the network, any-to-any sampling."""
