"""The tables of the page. Pure: a Study in, a numbered table (or a sentence that there is none) out."""

from itertools import groupby

import pandas as pd

from ..analysis.changes import LEVEL_EPOCHS
from ..results.verdicts import FAILS, HOLDS, PRIMARY
from ..results.verdicts import verdict as judged
from ..study.settings import Setting, noise_scale
from . import effects as fx
from .material import Study
from .text import NOTHING, cell, floating, fold, folded, interval, missing, number, raw, short, table

READINGS = {"error": "running", "error_recomputed": "recomputed"}
KINDS = {HOLDS: "holds", FAILS: "fails"}  # how a verdict looks; any other is open


def phases(study: Study) -> str:
    """tbl-phases: learning rate, batch size, updates per epoch and noise scale of every arm, phase by
    phase.
    """
    momentum, images = study.settings.get("momentum"), study.train_size
    rows = []
    for arm in study.every_arm:
        mine = study.schedules.query("arm == @arm").sort_values("epoch")
        runs = [list(g) for _, g in groupby(mine.itertuples(), key=lambda r: (r.learning_rate, r.batch_size))]
        if len(runs) > fx.MANY:
            rows.append([cell(arm), f"1–{int(mine['epoch'].max())}", *spread(mine), NOTHING])
            continue
        for i, run in enumerate(runs):
            first = run[0]
            scale, own = None, getattr(first, "momentum", momentum)
            if own is not None and images:
                scale = noise_scale(Setting(first.learning_rate, first.batch_size, own), images)
            numbers = [short(first.learning_rate), short(first.batch_size), short(first.updates)]
            known = NOTHING if missing(scale) else short(float(f"{scale:.3g}"))
            rows.append([cell(arm) if i == 0 else "", f"{first.epoch}–{run[-1].epoch}", *numbers, known])
    header = ["Arm", "Epochs", "Learning rate", "Batch size", "Updates per epoch", "Noise scale <i>g</i>"]
    caption = "The schedule of every arm. Noise scale: that of Smith and Le, with momentum and this study's $N$."
    return floating("tbl-phases", table(header, rows, left=2), caption)


def spread(rows: pd.DataFrame) -> list[str]:
    """First and last learning rate, batch size and updates of an arm that changes all the time."""
    ends = []
    for column in ("learning_rate", "batch_size", "updates"):
        first, last = (short(float(f"{rows[column].iloc[i]:.3g}")) for i in (0, -1))
        ends.append(first if first == last else f"{first} … {last}")
    return ends


def changes(study: Study) -> str:
    """tbl-changes: change of test error in epoch m + 1, both readings, beside its control and as paired difference."""
    caption = (
        "Change of test error in the first epoch after each milestone, in points: mean over seeds, with "
        "its 95\u00a0% t-interval. Negative: the error fell."
    )
    columns = ["Change", "Same epoch, without it", "Paired difference"]
    return fold("The first epoch, arm by arm", changes_table(study, False, "tbl-changes", columns, caption))


def levels(study: Study) -> str:
    """tbl-levels: the same for means over several epochs on either side."""
    caption = (
        f"Change of level: mean test error over up to {LEVEL_EPOCHS} epochs after each milestone less that over "
        f"up to {LEVEL_EPOCHS} before, in points. Otherwise as the table of first epochs."
    )
    columns = ["Change", "Same epochs, without it", "Paired difference"]
    return fold("Several epochs, arm by arm", changes_table(study, True, "tbl-levels", columns, caption))


def changes_table(study: Study, lasting: bool, identifier: str, columns: list[str], caption: str) -> str:
    """One row per arm, milestone and reading of the batch-norm statistics."""
    found = {metric: fx.effects(study, metric, lasting) for metric in READINGS}
    if not any(found.values()):
        return "No arm of this study changes a setting at a milestone.\n"
    keys = dict.fromkeys((e.arm, e.milestone) for some in found.values() for e in some)
    rows = []
    for arm, m in keys:
        here = [(r, e) for metric, r in READINGS.items() for e in found[metric] if (e.arm, e.milestone) == (arm, m)]
        for i, (reading, e) in enumerate(here):
            name = f"{cell(arm)}, after {m}{below(cell(e.mark))}" if i == 0 else ""
            triples = (stacked(*triple, sign=True) for triple in (e.change, e.control, e.difference))
            rows.append([name, reading, *triples, f"{e.n}"])
    return floating(identifier, table(["Arm, after epoch", "Statistics", *columns, "n"], rows, left=2), caption)


def below(text: str) -> str:
    """A second, smaller line in a cell."""
    return f'<span class="below">{text}</span>'


def stacked(value: float, low: float, high: float, sign: bool = False) -> str:
    """A value with its interval on a second line, so that wide tables fit; the value alone without
    interval.
    """
    text = interval(value, low, high, sign=sign)
    centre, _, limits = text.partition(" ")
    return f"{centre} {below(limits)}" if limits else centre


def seeds(study: Study) -> str:
    """The same changes for every seed, folded."""
    rows = []
    table_ = study.changes[study.changes["split"] == "test"]
    for arm in study.arms:
        for m in fx.own_milestones(study, arm):
            mine = table_[(table_["arm"] == arm) & (table_["milestone"] == m)]
            for metric, reading in READINGS.items():
                for row in mine[mine["metric"] == metric].sort_values("seed").itertuples():
                    values = [number(row.before), number(row.after)]
                    values += [number(v, sign=True) for v in (row.change, row.change_control, row.difference)]
                    rows.append([cell(arm), f"{m}", reading, f"{row.seed}", *values])
    if not rows:
        return "<!-- no changes to list -->\n"
    header = [
        "Arm",
        "After epoch",
        "Statistics",
        "Seed",
        "Before",
        "After",
        "Change",
        "Without it",
        "Difference",
    ]
    return raw(folded("Every seed", table(header, rows, left=3)))


def final(study: Study) -> str:
    """tbl-final: test error after the last epoch, both readings, and the updates it took."""
    test = study.final[study.final["split"] == "test"]
    rows = []
    for arm in study.every_arm:
        mine = {row.metric: row for row in test[test["arm"] == arm].itertuples()}
        if mine:
            errors = [stacked(mine[m].mean, mine[m].low, mine[m].high) if m in mine else NOTHING for m in READINGS]
            any_row = next(iter(mine.values()))
            made = [f"{any_row.updates:,.0f}", number(any_row.updates_nominal, 1), f"{any_row.n}"]
            rows.append([cell(arm), f"{any_row.epoch}", *errors, *made])
    header = [
        "Arm",
        "Epoch",
        "Running statistics, %",
        "Recomputed statistics, %",
        "Updates made",
        "Nominal",
        "n",
    ]
    caption = (
        "Test error after the last epoch (never the best one): mean over seeds with its 95\u00a0% "
        "t-interval. Nominal "
        "updates are the sum of $N/B$ over epochs; those made are counted."
    )
    return fold("Where every arm ended", floating("tbl-final", table(header, rows), caption))


def claims(study: Study) -> str:
    """tbl-claims: every claim with its value, threshold and verdict."""
    rows = []
    for c in study.claims:
        value = interval(c.get("value"), c.get("ci_low"), c.get("ci_high"), sign=True)
        unit = cell(c.get("unit") or "") if value != NOTHING else ""
        name = f"{cell(c.get('statement', ''))}<br><code>{cell(c.get('id', ''))}</code>"
        verdict = f'<span class="verdict {KINDS.get(judged(c), "open")}">{judged(c)}</span>'
        verdict += below(together(c)) if c.get("rank") == PRIMARY else ""
        verdict += below(cell(c["reason"])) if c.get("reason") else ""
        rows.append([verdict, name, f"{value} {unit}".strip(), threshold(c), cell(c.get("n") or NOTHING)])
    if not rows:
        return "<!-- no claims -->\n"
    header = ["Verdict", "Claim", "Value (interval)", "Threshold", "n"]
    caption = (
        "Claims and thresholds as the study file states them, with what was found. Intervals: 95\u00a0%, for "
        "equivalences (two one-sided tests) 90\u00a0%; exact for what was counted. Primary claims come first; with the "
        "others: all of them judged as one family (Holm, 5\u00a0%)."
    )
    made = floating("tbl-claims", table(header, rows, left=2), caption, " .claims")
    return fold(f"Every claim with its threshold, number and verdict ({len(rows)})", made)


def together(claim: dict) -> str:
    """`primary; with the others: not decided`: what is left of a primary claim when all of them are judged together."""
    return f"primary; with the others: {cell(claim.get('adjusted') or NOTHING)}"


def threshold(claim: dict) -> str:
    """`below −1`, `above 2`, `−0.3 to 0.3`."""
    low, high = claim.get("threshold_low"), claim.get("threshold_high")
    if missing(low) and missing(high):
        return NOTHING
    if missing(low):
        return f"below {short(high)}"
    return f"above {short(low)}" if missing(high) else f"{short(low)} to {short(high)}"


def settings(study: Study) -> str:
    """tbl-settings: what the study file fixed; only what is known."""
    s = study.settings
    names = {
        "dataset_label": "Data", "train_size": "Training images", "model": "Model", "optimiser": "Optimiser",
        "learning_rate": "Base learning rate", "momentum": "Momentum", "weight_decay": "Weight decay",
        "batch_size": "Base batch size", "max_batch": "Largest batch allowed",
        "group_size": "Images in a ghost group of batch norm", "warmup": "Warm-up of the learning rate",
        "epochs": "Epochs",
        "milestones": "Milestones (after epoch)", "factor": "Factor at a milestone", "seeds": "Seeds",
        "nesterov": "Nesterov momentum", "pad": "Random crop, padding (pixels)", "flip": "Random flip",
        "normalisation": "Normalisation of images", "evaluation": "Images per evaluation",
        "threads": "Threads per run",
    }  # fmt: skip
    rows = [[label, cell(shown(s[key]))] for key, label in names.items() if s.get(key) is not None]
    arms = s.get("arms") or [{"name": arm} for arm in study.every_arm]
    rows += [[f"Arm {cell(arm['name'])}", cell(arm.get("description") or NOTHING)] for arm in arms]
    made = floating("tbl-settings", table(["Setting", "Value"], rows, left=2), "Settings of the study.", " .facts")
    return fold("Every setting", made)


def shown(value: object) -> str:
    """A setting as text: lists with commas, numbers with the digits they have."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(shown(v) for v in value)
    if isinstance(value, dict):
        return ", ".join(f"{str(k).replace('_', ' ')} {shown(v)}" for k, v in value.items())
    return short(value) if isinstance(value, int | float) else str(value)


def provenance(study: Study) -> str:
    """tbl-provenance: versions, machine, numerics, data checksum, time."""
    p = study.provenance
    rows = [["Study", cell(study.name)], ["errordrops", cell(p.get("errordrops", NOTHING))]]
    rows += [[cell(name), cell(version)] for name, version in p.get("versions", {}).items()]
    rows += [[f"Machine: {cell(key)}", cell(shown(value))] for key, value in p.get("machine", {}).items()]
    for numerics in p.get("numerics", []):
        rows.append(["Computed with", cell(shown(numerics))])
    rows += [["Checksum of the code", f"<code>{cell(code)}</code>"] for code in p.get("code", [])]
    dataset = study.dataset
    for key, label in {"name": "Data set", "source": "Data from", "checksum": "Data checksum"}.items():
        if dataset.get(key):
            rows.append([label, f"<code>{cell(dataset[key])}</code>" if key == "checksum" else cell(dataset[key])])
    rows += [["Results made", cell(p["time"])]] if p.get("time") else []
    rows += [["Seeds", cell(shown(study.settings["seeds"]))]] if study.settings.get("seeds") else []
    rows += [["Runs from the reference", "yes" if p.get("from_reference") else "no"]]
    made = floating("tbl-provenance", table(["Fact", "Value"], rows, left=2), "What produced these results.", " .facts")
    return fold("Versions, machine, checksums", made)


def runs(study: Study) -> str:
    """Every run, folded: key, status, epochs trained and inherited, time."""
    rows = []
    for run in study.provenance.get("runs", []):
        names = [cell(run.get("arm", "")), f"<code>{cell(str(run.get('key', ''))[:16])}</code>"]
        status = cell(run.get("status", ""))
        status = f'<span class="verdict fails">{status}</span>' if run.get("status") == "diverged" else status
        epochs = [cell(run.get(key, NOTHING)) for key in ("seed", "epochs_trained", "epochs_inherited")]
        kept = "reference" if run.get("from_reference") else "trained"
        rows.append([*names, status, kept, *epochs, number(seconds(run), 0)])
    if not rows:
        return "No list of runs was recorded.\n"
    header = ["Arm", "Key", "Status", "Origin", "Seed", "Epochs trained", "Inherited", "Seconds"]
    return raw(folded(f"All {len(rows)} runs", table(header, rows, left=4)))


def seconds(run: dict) -> float | None:
    """Time of a run in seconds, training and evaluation together."""
    parts = [run[key] for key in ("seconds", "seconds_training", "seconds_evaluation") if run.get(key) is not None]
    return float(sum(parts)) if parts else None
