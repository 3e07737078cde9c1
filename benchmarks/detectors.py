"""Compares the drop detector with change-point methods: synthetic curves, the reference runs, other people's logs.

    python benchmarks/detectors.py [--curves 2400] [--logs FOLDER] [--out benchmarks/detectors.csv] [--only rule]

Needs ruptures, which errordrops itself does not: pip install -e '.[bench,train]'.

Suites, each a set of curves whose drops are known:

synthetic   2,400 curves of seed 424242, half of them without a drop (synthetic_curves.py says what counts as one); slow
            methods on the first 240. Nothing was tuned on this seed
reference   test error and training loss (statistics recomputed) of results/reference/quick: 12 runs, 30 epochs each
logs        with --logs: test error of published logs. The folder holds index.csv (columns id, kind, milestones: first
            epochs at a new setting, separated by ;) and uniform/ID.csv (columns epoch, metric, split, value)

In the last two a milestone must be found where it is visible: where within one evaluated epoch of it the curve falls
by more than 3 robust deviations (1.4826 MAD) of all its one-epoch changes. A drop at any other milestone is no
mistake either; every other drop is one, also where something else than the schedule caused it. Curves without
milestones (constant, cosine, cyclic) are where false alarms are counted. scoring.py explains the columns.

How the winner was chosen: penalties, thresholds and our rule's weights were fixed on curves of other seeds
(tuning.py). Of the methods with false alarms on no more than 2 % of the synthetic curves without a drop, the one with
the highest recall is used in errordrops.detector.drops. `calms` in drop_rule.py is the only part that was made with
the reference runs in view (their seeds 1 and 2, where ten noisy epochs precede the drop). Logs were looked at while the
readings were devised; no weight or threshold was set on them.
"""

import argparse
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pandas as pd

from errordrops.detector.drops import find_drops
from errordrops.files import read_table
from rivals import GRIDS, SLOW, detect
from scoring import COLUMNS, score, with_milestones
from synthetic_curves import Curve, make_curves

SEED, SLOW_CURVES = 424242, 240
REFERENCE = Path(__file__).parents[1] / "results" / "reference" / "quick" / "runs"
JUDGED = (("test", "error_recomputed"), ("train_eval", "loss_recomputed"))


def reference_curves() -> Iterator[Curve]:
    """The runs of study quick; its milestones are 10 and 20, so 11 and 21 are the first epochs at a new setting."""
    for path in sorted(REFERENCE.glob("*/seed*/curve.csv*")):
        table = read_table(path)
        milestones = [] if path.parts[-3] == "none" else [11, 21]
        for split, metric in JUDGED:
            rows = table[(table["split"] == split) & (table["metric"] == metric)]
            curve = with_milestones("/".join(path.parts[-3:-1]), metric.partition("_")[0], rows, milestones)
            yield replace(curve, noise=split)


def log_curves(folder: Path) -> Iterator[Curve]:
    """Test errors of published logs."""
    for log in pd.read_csv(folder / "index.csv", dtype={"milestones": str}).itertuples():
        table = pd.read_csv(folder / "uniform" / f"{log.id}.csv")
        rows = table[(table["split"] == "test") & (table["metric"] == "error")].drop_duplicates("epoch")
        milestones = [int(m) for m in log.milestones.split(";")] if isinstance(log.milestones, str) else []
        if len(rows):
            yield with_milestones(log.id, "error", rows, milestones)


def say(curves: list[Curve]) -> None:
    """What the rule finds in each curve, for a reader to check."""
    for curve in curves:
        found = [f"{d.kind} {d.epoch} ({d.confidence:.2f})" for d in find_drops(curve.epochs, curve.values, curve.kind)]
        found = [text for text in found if not text.startswith("recovery")]
        print(
            f"  {curve.trend} {curve.noise}: visible {curve.drops}, others {curve.optional}; found {', '.join(found)}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--curves", type=int, default=2400)
    parser.add_argument("--logs", type=Path, help="folder with index.csv and uniform/")
    parser.add_argument("--out", type=Path, help="write the table to this CSV file")
    parser.add_argument("--only", nargs="*", help="names of methods, e.g. rule 'binseg linear'")
    options = parser.parse_args()
    suites = {"synthetic": make_curves(options.curves, SEED), "reference": list(reference_curves())}
    if options.logs:
        suites["logs"] = list(log_curves(options.logs))
    rows = []
    for method in options.only or ["rule", *GRIDS]:
        for suite, curves in suites.items():
            curves = curves[:SLOW_CURVES] if method in SLOW else curves
            row = {"method": method, "suite": suite} | score(curves, lambda curve, name=method: detect(name, curve))
            rows.append(row)
            print({k: round(v, 3) if isinstance(v, float) else v for k, v in row.items()}, flush=True)
            if method == "rule" and suite != "synthetic":
                say(curves)
    table = pd.DataFrame(rows, columns=["method", "suite", *COLUMNS])
    if options.out:
        table.round(4).to_csv(options.out, index=False, lineterminator="\n")


if __name__ == "__main__":
    main()
