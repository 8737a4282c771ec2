"""Copies of an image are alike, and nothing else is."""

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from sightwright.doctor.fingerprint import (
    COPY_BITS,
    COPY_COSINE,
    COPY_TINT,
    Fingerprint,
    fingerprint,
)

from .conftest import picture


def of(image: Image.Image) -> Fingerprint:
    found = fingerprint(image)
    assert found is not None
    return found


def compressed(image: Image.Image, quality: int) -> Image.Image:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return Image.open(io.BytesIO(buffer.getvalue()))


def bits_apart(a: Fingerprint, b: Fingerprint) -> int:
    return (int.from_bytes(a.bits, "big") ^ int.from_bytes(b.bits, "big")).bit_count()


def cosine(a: Fingerprint, b: Fingerprint) -> float:
    u, v = (np.frombuffer(each.strengths, np.int8).astype(float) for each in (a, b))
    return float(u @ v / np.linalg.norm(u) / np.linalg.norm(v))


def tint_apart(a: Fingerprint, b: Fingerprint) -> int:
    u, v = (np.frombuffer(each.tint, np.uint8).astype(int) for each in (a, b))
    return int(np.abs(u - v).max())


def are_copies(a: Fingerprint, b: Fingerprint) -> bool:
    near = bits_apart(a, b) <= COPY_BITS and cosine(a, b) >= COPY_COSINE
    return near and tint_apart(a, b) <= COPY_TINT


@pytest.mark.parametrize("scale", [0.5, 0.75, 1.0, 1.5])
@pytest.mark.parametrize("quality", [40, 75, 95])
def test_a_resized_and_compressed_copy_is_known(scale: float, quality: int) -> None:
    original = picture(1, 256)
    side = round(256 * scale)
    copy = compressed(original.resize((side, side), Image.Resampling.BICUBIC), quality)
    assert are_copies(of(original), of(copy))


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 10_000))
def test_two_pictures_are_no_copies(first: int, second: int) -> None:
    assert are_copies(of(picture(first)), of(picture(second))) == (first == second)


def test_another_colour_is_another_picture() -> None:
    # Two patches of equal grey (luma 0.299 R + 0.587 G + 0.114 B) and unlike colour.
    red, green = picture(1, 256), picture(1, 256)
    red.paste((150, 50, 50), (32, 32, 64, 64))
    green.paste((50, 101, 50), (32, 32, 64, 64))
    assert cosine(of(red), of(green)) >= COPY_COSINE
    assert not are_copies(of(red), of(green))


def test_the_lowest_frequency_alone() -> None:
    # Half black, half white, side by side: all strength in the first row of the spectrum; of it
    # the first number (one half wave across) is the strongest and stands as ±127.
    image = Image.new("L", (64, 64), 0)
    image.paste(255, (32, 0, 64, 64))
    strengths = np.frombuffer(of(image).strengths, np.int8)
    assert strengths[0] == -127
    assert not strengths[15:].any()


@pytest.mark.parametrize("colour", ["white", "black", (250, 250, 248)])
def test_an_empty_page_has_none(colour: object) -> None:
    assert fingerprint(Image.new("RGB", (200, 300), colour)) is None  # pyright: ignore


def test_its_size() -> None:
    found = of(picture(3))
    assert [len(part) for part in (found.bits, found.strengths, found.tint, found.layout)] == [
        32, 255, 128, 8,
    ]  # fmt: skip
