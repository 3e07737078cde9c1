"""How well `errordrops explain` does on published training logs; and the gallery of the report.

    python benchmarks/logs.py FOLDER [--out results/gallery.csv]

FOLDER holds index.csv (columns id, repo, path, dataset, model, kind, milestones, local_file; milestones are first
epochs at a new setting, separated by ;) and uniform/ID.csv (columns epoch, metric, split, value), which says what
epochs count. Each log is read as it was published. Where it tells no learning rate or batch size, its drops are laid
beside the milestones of the index, as a user would state them; what is found does not depend on that.

Judged is the test error, of logs without one the training loss. A milestone must be found where it is visible, in the
sense of detectors.py: where within one evaluated epoch of it the curve falls by more than 3 robust deviations of all
its one-epoch changes. One row per log:

visible      milestones that must be found
found        how many were, within one evaluated point; exact: at the very point; blind: without looking at the schedule
attributed   of those found, how many the answer lays to the schedule, at this milestone
other        drops at no milestone; blamed: how many of them the answer lays to the schedule all the same
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

from errordrops.explain import Explanation, explain
from errordrops.files import write_csv
from scoring import matches, positions, with_milestones

COLUMNS = "source path dataset model kind points milestones visible found exact blind attributed other blamed".split()
METRICS = {"error": "error", "error5": "top-5 error", "loss": "loss", "ppl": "perplexity"}
TOTALS = "visible found exact blind attributed other blamed".split()


def judged(table: pd.DataFrame) -> tuple[str, pd.DataFrame]:
    """(kind, rows) of the curve that is judged."""
    test = table[(table["split"] == "test") & (table["metric"] == "error")].drop_duplicates("epoch")
    if len(test):
        return "error", test
    return "loss", table[(table["split"] == "train") & (table["metric"] == "loss")].drop_duplicates("epoch")


def explained(path: Path, milestones: list[int]) -> Explanation:
    """The answer from the log alone, or, where it tells no setting, from the log and the milestones of the index."""
    found = explain(path)
    if found.schedule.known or not milestones:
        return found
    return explain(path, milestones=[m - 1 for m in milestones])


def misread(answer: Explanation, uniform: pd.DataFrame) -> list[str]:
    """The curves of the uniform table that no curve of the answer equals, within rounding; the judged one is among
    them."""
    wrong = []
    for (metric, split), truth in uniform.groupby(["metric", "split"]):
        values = truth.drop_duplicates("epoch")["value"].to_numpy()
        splits = ("train",) if split == "train" else ("test", "validation")
        curves = [c for c in answer.log.curves if c.metric == METRICS[metric] and c.split in splits]
        if not any(len(c.values) == len(values) and np.allclose(c.values, values, 1e-4, 1e-3) for c in curves):
            wrong.append(f"{split} {metric}")
    return wrong


def row(log, folder: Path) -> dict:
    """One row of the table."""
    milestones = [int(m) for m in log.milestones.split(";")] if isinstance(log.milestones, str) else []
    kind, table = judged(pd.read_csv(folder / "uniform" / f"{log.id}.csv"))
    truth = with_milestones(log.id, kind, table, milestones)
    answer = explained(folder / log.local_file, milestones)
    splits = ("test", "validation") if kind == "error" else ("train",)
    curve = next(c for c in answer.log.judged if c.metric == kind and c.split in splits)
    if wrong := misread(answer, pd.read_csv(folder / "uniform" / f"{log.id}.csv")):
        raise SystemExit(f"{log.id}: the log was not read as uniform/{log.id}.csv has it: {', '.join(wrong)}")
    drops = [e for e in answer.events if e.kind == "drop" and e.curve is curve]
    must, may = positions(truth.epochs, truth.drops), positions(truth.epochs, truth.optional)
    points = [e.point for e in drops]
    found = dict(matches(points, must))
    anywhere = dict(matches(points, [*must, *may]))
    by_point = {e.point: e for e in drops}
    right = [p for p, k in found.items() if (e := by_point[p]).change and abs(_first(e) - k) <= 1]
    others = [p for p in points if p not in anywhere]
    return {
        "source": log.repo,
        "path": log.path,
        "dataset": log.dataset,
        "model": log.model,
        "kind": log.kind,
        "points": len(truth.epochs),
        "milestones": ";".join(str(m - 1) for m in milestones),
        "visible": len(must),
        "found": len(found),
        "exact": sum(p == k for p, k in found.items()),
        "blind": sum(by_point[p].blind for p in found),
        "attributed": len(right),
        "other": len(others),
        "blamed": sum(by_point[p].change is not None for p in others),
    }


def _first(event) -> int:
    """The index of the first point after the change that the answer names."""
    first, last = event.change.points(event.curve)
    return min(max(event.point, first), last)


def table(folder: Path) -> pd.DataFrame:
    """All rows, in the order of the index."""
    index = pd.read_csv(folder / "index.csv", dtype={"milestones": str})
    return pd.DataFrame([row(log, folder) for log in index.itertuples()], columns=COLUMNS)


def summary(rows: pd.DataFrame) -> str:
    """Precision, recall and attribution over all logs."""
    total = rows[TOTALS].sum()
    quiet = rows[rows["milestones"] == ""]
    allowed = total["found"] + total["other"]
    return (
        f"{len(rows)} logs. Visible milestones: {total['visible']}, found {total['found']} "
        f"(recall {total['found'] / total['visible']:.3f}), exactly {total['exact']}, blind {total['blind']}; "
        f"attributed rightly {total['attributed']} of {total['found']}. Drops elsewhere: {total['other']} "
        f"(precision {total['found'] / allowed:.3f}), laid to the schedule {total['blamed']}. "
        f"In {len(quiet)} constant and smooth logs: {quiet['other'].sum()} drops, {quiet['blamed'].sum()} blamed."
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--out", type=Path, help="write the table to this CSV file")
    options = parser.parse_args()
    rows = table(options.folder)
    print(rows.drop(columns=["path", "dataset"]).to_string(index=False))
    print(summary(rows))
    if options.out:
        write_csv(options.out, rows)


if __name__ == "__main__":
    main()
