"""Small logs of kinds that are easily misread: each is read, explained and worded right."""

import json
from pathlib import Path

import numpy as np
import pytest

from errordrops import cli, explain
from errordrops.explain.readers import LogError, read_log
from made_logs import spoken

CASES = Path(__file__).parent / "data" / "cases"


def case(name, **options):
    return explain(CASES / name, **options)


def first(found):
    return str(found).splitlines()[0]


def drops(found):
    return {(d.label, d.milestone, d.cause) for d in found.drops.itertuples()}


def curves(found):
    return {c.name: list(c.labels) for c in found.log.curves}


def test_a_new_pass_over_the_data():
    found = case("staircase.jsonl")
    assert {(d.label, d.cause) for d in found.drops.itertuples()} == {(980, "new epoch"), (1890, "new epoch")}
    assert found.schedule.kind == "smooth" and not found.schedule.changes
    assert "new pass over the data" in first(found) and "not the schedule" in first(found)


def test_the_mean_since_the_start_is_not_the_curve():
    found = case("average_since_start.txt")
    assert found.log.judged[0].values[:3] == pytest.approx([0.8856, 0.8762, 0.8955])
    assert {(d.label, d.offset, d.cause) for d in found.drops.itertuples()} == {(2300, 0, "schedule")}


def test_a_cycle_is_an_epoch_and_its_last_mean_counts():
    found = case("cycle_batch_cost.txt")
    by_name = {c.name: c for c in found.log.curves}
    assert by_name["train loss"].values == pytest.approx([1.4, 1.05, 0.7875, 0.590625, 0.442969, 0.332227])
    assert by_name["test error"].values == pytest.approx([40, 37, 34, 31, 28, 25])
    assert list(by_name["train loss"].labels) == [1, 2, 3, 4, 5, 6]


def test_numbers_below_a_heading_eval_are_validation():
    found = case("eval_epoch_heading.txt")
    by_name = {c.name: c for c in found.log.curves}
    assert list(by_name["train loss"].labels) == list(range(13))
    assert by_name["train loss"].values[4] == pytest.approx(1.6290)
    assert by_name["validation loss"].values == pytest.approx([0.9774, 0.7563])
    assert by_name["validation error"].values == pytest.approx([56, 51])


def test_an_evaluation_keeps_the_number_of_its_epoch():
    assert curves(case("eval_epoch_labels.txt"))["validation error"] == [1, 2, 3, 4, 5, 6, 7]


def test_a_rate_that_is_printed_when_an_epoch_is_done():
    """The log prints 0.1 at the end of its epoch 7 and 0.05 at the end of its epoch 8, in which the loss is lower."""
    found = case("rate_at_epoch_end.log")
    assert [(c.before, c.after, c.milestone) for c in found.schedule.changes] == [(0.1, 0.05, 7)]
    assert {(d.milestone, d.offset, d.cause) for d in found.drops.itertuples()} == {(7, 0, "schedule")}
    assert "(epoch 8): expected" in first(found) and "after 7 epochs" in str(found)


@pytest.mark.parametrize("name", ["rate_rounded.csv", "rate_times_0.9_each_epoch.txt", "poly_rate.csv"])
def test_a_gradual_rate_has_no_changes(name):
    found = case(name)
    assert found.schedule.kind == "smooth" and not found.schedule.changes and found.drops.empty
    assert "moves gradually" in str(found) and "falls" in str(found)


def test_json_behind_a_prefix_with_its_split():
    found = curves(case("json_stats.txt"))
    assert found["train loss"] == found["train error"] == list(range(1, 17))
    assert found["validation error"] == list(range(2, 17, 2))


def test_heads_are_no_top_5():
    names = {c.name for c in case("acc_0_to_6.csv").log.judged}
    assert names == {"train error 0", "train error 1", "train error 5", "loss"}


def test_a_run_that_is_one_progress_bar():
    found = case("avr_loss_tqdm.txt")
    assert curves(found) == {"train loss": list(range(40, 1001, 40))} and found.log.axis.unit == "step"


def test_basicsr():
    found = case("basicsr.log")
    assert curves(found) == {"train loss": list(range(5000, 70_001, 5000))}
    assert found.log.settings["learning rate"][1][0] == 1e-4


def test_losses_of_two_players_are_read_with_caution():
    found = case("cyclegan_loss_log.txt")
    assert set(curves(found)) == {"train D_A loss", "train G_A loss", "train cycle_A loss", "train idt_A loss"}
    assert "two players" in str(found) and all(len(labels) == 14 for labels in curves(found).values())


def test_a_table_of_fastai():
    found = case("fastai_table.ipynb")
    by_name = {c.name: c for c in found.log.judged}
    assert by_name["validation error"].values[[0, -1]] == pytest.approx([45, 9.84])
    assert by_name["train loss"].values[[0, -1]] == pytest.approx([2.1, 0.4297])


def test_a_metric_that_is_no_error_gets_advice_that_works():
    with pytest.raises(LogError, match="results/fid50k_full=test loss") as told:
        case("metric_fid.jsonl")
    assert "no name says error, accuracy or loss" in str(told.value) and "timestamp=" not in str(told.value)
    assert len(read_log(CASES / "metric_fid.jsonl", {"results/fid50k_full": "test loss"}).main.values) == 14


def test_text_behind_nul_bytes():
    found = case("nul_padded.log")
    assert curves(found) == {"train loss": list(range(10, 241, 10))}


def test_yolo():
    found = case("yolov5_results.txt")
    by_name = {c.name: c for c in found.log.curves}
    assert by_name["train box loss"].values[0] == 0.05 and by_name["validation cls loss"].values[-1] == 0.0020
    assert by_name["validation 100 - mAP50 95"].values[0] == pytest.approx(70) and "known layout" in str(found)
    console = {c.name: c for c in case("ultralytics_console.txt").log.curves}
    assert {"train box loss", "train cls loss", "train dfl loss"} < set(console)
    assert console["train dfl loss"].values[0] == pytest.approx(1.28)
    assert list(console["validation 100 - mAP50"].labels) == list(range(1, 13))


def test_the_headline_of_a_collapse_and_of_a_divergence():
    collapse, gone = first(case("collapse.csv")), first(case("nan.csv"))
    assert "error rose suddenly at epoch 20" in collapse and "stayed" in collapse and "No sudden" not in collapse
    assert gone.startswith("Training diverged at epoch 18: train loss is not a number")


def test_numbers_that_are_not_round_are_not_called_so():
    found = case("not_round.csv")
    assert {d.label for d in found.drops.itertuples()} == {12, 27} and set(found.drops["cause"]) == {"unknown"}
    assert "round numbers" not in str(found) and "evenly" not in str(found) and "step decay" not in str(found)


def test_a_score_that_may_be_negative_has_no_ratio():
    found = case("shifted_ratio.csv")
    assert [d.label for d in found.drops.itertuples()] == [14] and "of its level" not in str(found)
    assert "from" not in spoken(found).split("Step 14: ")[1].split(". ")[0]
    assert found.to_dict()["drops"][0]["ratio"] is None


def test_the_projects_own_curves():
    found = case("long_table.csv")
    where = found.drops[found.drops["curve"].isin(["test error (recomputed)", "train loss"])]
    assert {(d.milestone, d.cause) for d in where.itertuples()} == {(7, "schedule"), (19, "schedule")}
    assert [c.milestone for c in found.schedule.changes] == [7, 19]
    assert first(found).startswith("Both drops are at a change of the schedule (epochs 8 and 20)")
    assert curves(found)["test error"][0] == 1


def test_arms_of_a_study_are_runs():
    found = case("long_table_two_arms.parquet")
    assert [c.milestone for c in found.schedule.changes] == [7, 19] and "epochs 8 and 20" in first(found)
    assert "arm none" in str(found) and "arm step" in str(found) and "--run" in str(found)
    assert case("long_table_two_arms.parquet", run=1).drops.empty


def test_stairs_of_a_mean_that_starts_anew():
    found = case("mean_resets.txt")
    assert set(found.drops["cause"]) == {"mean starts anew"} and "starts anew" in first(found)
    assert "in the 2nd epoch" in spoken(found) and "in the 3rd epoch" in spoken(found)
    assert "has seen these examples" not in spoken(found)


def test_what_a_gradual_decay_brings():
    found = case("cooldown.csv")
    assert "From step 16,050 on the rate decays gradually" in spoken(found) and found.drops.empty
    brought = found.decays[0].shift
    assert brought.resolved and brought.low < 0.2 < brought.high


def test_augmentation_that_ends_10_epochs_before_the_end():
    found = case("augmentation_off.csv")
    assert set(found.drops["cause"]) == {"augmentation switched off?"} and "10 epochs before the end" in spoken(found)
    assert "epoch 91" in first(found) and "not at a change of the schedule" in first(found)


def test_rate_and_batch_that_change_together_are_one_change():
    found = case("rate_and_batch_cut.csv")
    assert len(found.schedule.changes) == 1 and found.schedule.changes[0].neutral and found.drops.empty
    assert "noise of SGD" in spoken(found) and "no drop is to be expected, and none is there" in spoken(found)


def test_no_case_is_left_out():
    source = Path(__file__).read_text(encoding="utf-8")
    assert all(path.name in source for path in CASES.iterdir() if path.name != "README.md")


def test_every_answer_is_json_and_finite():
    for path in CASES.iterdir():
        if path.name not in ("README.md", "metric_fid.jsonl"):
            told = json.loads(case(path.name).to_json())
            assert told["effects"] is not None and np.isfinite([d["size"] for d in told["drops"]]).all()


def test_the_command_lists_a_file_that_holds_no_curve(capsys):
    assert cli.main(["explain", str(CASES / "metric_fid.jsonl"), "--list"]) == 0
    assert "results/fid50k_full=test loss" in capsys.readouterr().out
