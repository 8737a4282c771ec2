"""What data, model and plan agree on about pixels: patch, merge and the pixel budget."""

from dataclasses import dataclass

from sightwright.errors import ConfigError


@dataclass(frozen=True)
class PixelPolicy:
    """How large an image may be, in pixels of area, both ends included."""

    min_pixels: int
    max_pixels: int

    def __post_init__(self) -> None:
        if not 0 < self.min_pixels <= self.max_pixels:
            raise ConfigError(
                f"min_pixels {self.min_pixels} and max_pixels {self.max_pixels} leave no size",
                remedy="0 < min_pixels <= max_pixels",
            )


@dataclass(frozen=True)
class VisionSpec:
    """The vision part of a checkpoint, as far as data needs it. Qwen3-VL's numbers by default.

    Attributes:
        patch_size: side of a ViT patch, in pixels.
        temporal_patch_size: frames per patch; a still image repeats its one frame.
        merge_size: patches per side that the merger joins into one LLM token.
        mean, std: per-channel normalisation of values in 0..1.
        num_position_embeddings: places of the ViT's learnt table, a square of 48 x 48.
    """

    pixels: PixelPolicy
    patch_size: int = 16
    temporal_patch_size: int = 2
    merge_size: int = 2
    mean: tuple[float, float, float] = (0.5, 0.5, 0.5)
    std: tuple[float, float, float] = (0.5, 0.5, 0.5)
    num_position_embeddings: int = 2304

    @property
    def factor(self) -> int:
        """Side of one LLM token in pixels: 32 for Qwen3-VL."""
        return self.patch_size * self.merge_size
