"""Sightwright: Qwen3-VL from raw pages to a served model."""

__version__ = "0.1.0"
