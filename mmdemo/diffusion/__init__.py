"""Diffusion transformers over tokenizer latents: noise processes, samplers, the network, any-to-any sampling."""
