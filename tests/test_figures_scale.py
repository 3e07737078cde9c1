"""Figures of corrected images and of the scale of the weights: they say what their tables hold."""

import numpy as np
import pandas as pd
import pytest

import planted
import planted_evidence
from errordrops.figures import corrected_images, theme, weight_norm
from specifications import title


def curves() -> pd.DataFrame:
    """The norm grows by 1 % an epoch; the rate of arm step is divided by ten after each milestone."""
    rows = []
    for arm, settings in planted.schedules().groupby("arm", sort=False):
        for row in settings.itertuples():
            norm = 10 * 1.01**row.epoch
            for seed in range(2):
                head = (str(arm), seed, row.epoch, "train")
                rows.append((*head, "log_weight_norm", np.log(norm)))
                rows.append((*head, "effective_rate", row.learning_rate / norm**2))
    return pd.DataFrame(rows, columns="arm seed epoch split metric value".split())


def test_shares_are_told_beside_the_placebo():
    chart = theme.specification(corrected_images.draw({"corrected_images": planted_evidence.corrected_images()}))
    assert "had 81 % and 71 % of the corrected" in title(chart) and "a placebo corrects 61 %" in title(chart)
    assert "all images that were wrong before: 30 %" in chart["description"]
    assert "95 % t-intervals" in chart["title"]["subtitle"][0]
    one = theme.specification(corrected_images.draw({"corrected_images": planted_evidence.corrected_images(1)}))
    assert "intervals" not in one["title"]["subtitle"][0] and theme.svg(one).startswith("<svg")
    alone = planted_evidence.corrected_images().query("cut == 'rate'")
    assert "placebo" not in title(theme.specification(corrected_images.draw({"corrected_images": alone})))


def test_the_rate_changes_and_the_norm_does_not_jump():
    tables = {"curves": curves(), "schedules": planted.schedules()}
    chart = theme.specification(weight_norm.draw(tables))
    m = planted.MILESTONES[0]
    assert f"In epoch {m + 1}" in title(chart) and "× 0.10 (step)" in title(chart) and "at most 1.0 %" in title(chart)
    assert "× 0.98 (batch)" in title(chart)
    assert "WARN" not in theme.svg(chart)


@pytest.mark.parametrize("module, name", [(corrected_images, "corrected_images"), (weight_norm, "curves")])
def test_without_numbers_there_is_a_note(module, name):
    tables = {
        "corrected_images": planted_evidence.corrected_images(),
        "curves": curves(),
        "schedules": planted.schedules(),
    }
    chart = theme.specification(module.draw(tables | {name: tables[name].iloc[:0]}))
    assert chart["usermeta"]["empty"] is True
