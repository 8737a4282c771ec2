"""What a record costs, from numbers known beforehand."""

import numpy as np

from sightwright.sampling.measures import Measures, vision_work


def test_a_large_image_costs_more_than_its_patches() -> None:
    assert [vision_work(patches) for patches in (0, 16, 700, 7000)] == [0, 16, 770, 14000]
    # Four quarters of a page are less work than the page.
    assert 4 * vision_work(1000) < vision_work(4000)


def test_some_of_them_and_one_after_another() -> None:
    two = Measures.of([10, 20], [1, 2])
    joined = Measures.joined([two, Measures.of([30], [3])])
    assert joined.tokens.tolist() == [10, 20, 30] and joined.vision.tolist() == [1, 2, 3]
    assert joined[np.array([2, 0])].tokens.tolist() == [30, 10]
    assert joined.sum_tokens(np.array([2, 0])) == 40
    assert len(Measures.joined([])) == 0


def test_the_digest_is_of_the_numbers() -> None:
    one = Measures.of([10, 20], [1, 2])
    assert one.digest == Measures.of([10, 20], [1, 2]).digest
    assert len({one.digest, Measures.of([20, 10], [1, 2]).digest,
                Measures.of([10, 20], [1, 3]).digest}) == 3  # fmt: skip
