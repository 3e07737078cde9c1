"""Batches, ghost groups and passes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from errordrops.study.batching import Pass, batch_sizes, group_sizes, passes_of, updates_per_epoch


@given(st.integers(1, 100_000), st.integers(1, 20_000))
def test_an_epoch_uses_each_image_once_in_nearly_equal_batches(images, batch):
    sizes = batch_sizes(images, min(batch, images))
    assert sum(sizes) == images
    assert max(sizes) - min(sizes) <= 1
    assert len(sizes) == max(1, round(images / min(batch, images)))


@given(st.integers(2, 20_000), st.integers(2, 300), st.integers(1, 5000))
def test_passes_cover_a_batch_and_never_split_a_group(batch, group, images_per_pass):
    done = passes_of(group_sizes(batch, group), images_per_pass)
    groups = [p.size for p in done for _ in range(p.groups)]
    assert groups == group_sizes(batch, group)
    assert sum(groups) == batch
    assert max(groups) - min(groups) <= 1
    assert all(p.images <= max(images_per_pass, p.size) for p in done)


def test_groups_are_of_about_the_base_batch_size():
    assert group_sizes(3200, 32) == [32] * 100
    assert group_sizes(100, 32) == [34, 33, 33]
    assert passes_of(group_sizes(100, 32), 1000) == [Pass(1, 34), Pass(2, 33)]
    assert passes_of(group_sizes(100, 32), 32) == [Pass(1, 34), Pass(1, 33), Pass(1, 33)]


@pytest.mark.parametrize(("batch", "updates"), [(32, 300), (320, 30), (3200, 3), (9600, 1), (6400, 2)])
def test_updates_of_the_quick_study(batch, updates):
    assert updates_per_epoch(9600, batch) == updates
