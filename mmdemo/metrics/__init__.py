"""Figures of merit: pure functions from a reference and an output to a Python number."""

from __future__ import annotations

from .audio import estoi, kilobits_per_second, pesq_wb, snr, stoi
from .codes import perplexity, usage
from .figure import Figure
from .frechet import frechet_distance, frechet_from_features, gaussian
from .image import bits_per_pixel, ms_ssim, psnr, ssim
from .text import bits_per_character, byte_accuracy
from .text_diff import character_diff, character_error

__all__ = [
    "Figure",
    "bits_per_character",
    "bits_per_pixel",
    "byte_accuracy",
    "character_diff",
    "character_error",
    "estoi",
    "frechet_distance",
    "frechet_from_features",
    "gaussian",
    "kilobits_per_second",
    "ms_ssim",
    "perplexity",
    "pesq_wb",
    "psnr",
    "snr",
    "ssim",
    "stoi",
    "usage",
]
