"""Which images an epoch corrects, and which of them the average knew: known answers, and those of a real run."""

import base64

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from errordrops.results.curves import pack, unpack
from errordrops.study.plan import AVERAGED_TEST, AVERAGES
from errordrops.study.settings import Setting
from errordrops.training.evaluation import corrections
from errordrops.training.loop import train
from networks import keys, plain_logits, store, trainer


def mask(text):
    return np.array([letter == "1" for letter in text])


def test_known_answers():
    """Of ten images the weights had five wrong (the first five), the average two of those right and one other wrong.

    Now two of the five are right, one of which the average knew, and one is wrong that was right.
    """
    before = {"recomputed": mask("0000011111"), "averaged": mask("1100011110")}
    found = corrections(before, mask("1001011101"))
    assert found == {"foreseen": 20.0, "corrected": 20.0, "corrected_foreseen": 10.0}


def test_nothing_to_correct_and_everything():
    right, wrong = mask("1111"), mask("0000")
    nothing = {"foreseen": 0.0, "corrected": 0.0, "corrected_foreseen": 0.0}
    assert corrections({"recomputed": right, "averaged": right}, wrong) == nothing
    assert corrections({"recomputed": wrong, "averaged": wrong}, wrong) == nothing
    all_of_it = {"foreseen": 100.0, "corrected": 100.0, "corrected_foreseen": 100.0}
    assert corrections({"recomputed": wrong, "averaged": right}, right) == all_of_it
    assert corrections({"recomputed": wrong, "averaged": wrong}, right) == nothing | {"corrected": 100.0}


@given(st.lists(st.booleans(), max_size=50))
def test_packed_and_unpacked_is_the_same(right):
    right = np.array(right, dtype=bool)
    again = unpack(pack(right), len(right))
    assert again.dtype == bool and again.tolist() == right.tolist()


@pytest.mark.parametrize(("n", "size"), [(8, 1), (9, 2), (10_000, 1250)])
def test_a_packed_mask_takes_a_bit_an_image(n, size):
    assert len(base64.b64decode(pack(np.ones(n, dtype=bool)))) == size


def test_what_a_run_records_is_what_its_checkpoints_say(tmp_path):
    """Masks of the weights and of the average after each epoch, from the stored states in plain torch."""
    schedule = (Setting(0.05, 20, 0.9),) * 2 + (Setting(0.01, 20, 0.9),) * 2
    where, chain = store(tmp_path), keys(schedule, averages=[1])
    wanted = {AVERAGES, AVERAGED_TEST}
    train(trainer(tmp_path, averages=[1]), where, chain, schedule, 1, lambda message: None, extras=lambda epoch: wanted)
    right, records = [], [where.record(key) for key in chain]
    for key, record in zip(chain, records, strict=True):
        right.append({})
        for part, name in (("model", "recomputed"), ("averaged", "averaged")):
            logits, labels = plain_logits(tmp_path, where.load_state(key), part)
            right[-1][name] = (logits.argmax(1) == labels).numpy()
            assert (unpack(record["right"][name], len(labels)) == right[-1][name]).all()
    assert "corrected" not in records[0]["values"]["test"]
    some = 0
    for epoch in range(1, 5):
        values, before, now = records[epoch]["values"]["test"], right[epoch - 1], right[epoch]["recomputed"]
        counts = [0, 0, 0, 0]
        for had, knew, has in zip(before["recomputed"], before["averaged"], now, strict=True):
            counts[0] += not had and knew
            counts[1] += not had and has
            counts[2] += not had and has and knew
            counts[3] += had and not has
        recorded = [values[metric] for metric in ("foreseen", "corrected", "corrected_foreseen")]
        assert recorded == pytest.approx(counts[:3])  # of 100 test images
        # what is corrected, less what is spoilt, is the fall of the error
        fall = records[epoch - 1]["values"]["test"]["error_recomputed"] - values["error_recomputed"]
        assert fall == pytest.approx(counts[1] - counts[3])
        some += counts[2]
    assert some > 0
