import hashlib

import pytest

from sightwright.errors import ConfigError
from sightwright.tasks.irrelevant import irrelevant_template, template_of

IMAGES = [f"images/{number:04d}.jpg" for number in range(1000)]


def test_t20_about_half_of_the_pictures_are_asked_by_each_domain_in_every_epoch() -> None:
    for epoch in (0, 1, 2, None):
        asked = [irrelevant_template(image, epoch=epoch) for image in IMAGES]
        # Four standard deviations of a fair coin thrown 1000 times.
        assert abs(asked.count("summary_bbu") - 500) < 64


def test_t20_some_pictures_change_from_epoch_to_epoch() -> None:
    first, second = ([irrelevant_template(image, epoch=e) for image in IMAGES] for e in (0, 1))
    changed = sum(a != b for a, b in zip(first, second, strict=True))
    assert abs(changed - 500) < 64
    assert first == [irrelevant_template(image, epoch=0) for image in IMAGES]


def test_t20_in_evaluation_nothing_changes() -> None:
    asked = [irrelevant_template(image, epoch=None) for image in IMAGES]
    assert asked == [irrelevant_template(image, epoch=None) for image in IMAGES]


def test_the_first_byte_of_the_hash_decides() -> None:
    # md5("0:a.jpg") and md5("a.jpg") as any other program works them out.
    for key, epoch in (("0:a.jpg", 0), ("7:a.jpg", 7), ("a.jpg", None)):
        odd = int(hashlib.md5(key.encode()).hexdigest()[:2], 16) % 2
        assert irrelevant_template("a.jpg", epoch=epoch) == ("summary_bbu", "summary_rru")[odd]


def test_other_sets_are_asked_by_their_own_template() -> None:
    assert template_of("bbu", "target_dense_bbu", "a.jpg", epoch=3) == "target_dense_bbu"
    found = {template_of("irrelevant_summary", "summary_bbu", i, epoch=0) for i in IMAGES}
    assert found == {"summary_bbu", "summary_rru"}
    with pytest.raises(ConfigError, match="no prompt template"):
        template_of("bbu", "none", "a.jpg", epoch=0)
