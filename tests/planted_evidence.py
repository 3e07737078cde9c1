"""Tables of the figures of evidence, made by code so that what they must say is known."""

import numpy as np
import pandas as pd

from planted import EPOCHS, MILESTONES

JUDGED = (("test", "error_recomputed", 33.0), ("train_eval", "loss_recomputed", 1.0))  # and its size beside nats


def sweep(seeds: int = 4, gap: float = 0.06) -> pd.DataFrame:
    """Cuts after every second epoch: the average lies `gap` nats below the weights, and there a cut takes them.

    Before epoch 10 a cut takes them further. Placebos fall by no more than the noise of both epochs.
    """
    rows = []
    for at in range(4, 28, 2):
        for seed in range(seeds):
            chance = np.random.default_rng([at, seed])
            level, noise, after = 0.25 + 0.3 * np.exp(-at / 8), chance.normal(0, 0.015), chance.normal(0, 0.015)
            extra = 0.004 * max(0, 10 - at)
            falls = {cut: gap + extra + noise + chance.normal(0, 0.005) for cut in ("rate", "batch")}
            falls["placebo"] = noise - after + extra
            for cut, fall in falls.items():
                for split, metric, size in JUDGED:
                    before = level + gap + noise
                    numbers = (size * number for number in (before, before - fall, fall, gap + noise))
                    rows.append(("planted", at, cut, seed, split, metric, *numbers, np.nan))
    columns = "study at cut seed split metric before after fall foretold foretold_long".split()
    return pd.DataFrame(rows, columns=columns)


def placebo_effects(seeds: int = 5) -> pd.DataFrame:
    """Paired effects: at the first milestone 3 points below five placebos, at the second none; and the last epoch."""
    rows = []
    for split, metric, size in JUDGED:
        for place, arm in enumerate(("step", "batch", "hybrid")):
            for seed in range(seeds):
                for index, m in enumerate(MILESTONES, start=1):
                    for after in (1, 2, 5)[: 4 - index]:
                        chance = np.random.default_rng([seed, m, after, place]).normal(0, 0.01)
                        effect = (chance - 0.09 if index == 1 else chance) * size
                        control = 0.5 * size, (0.03 if index == 1 else 0.004) * size
                        head = ("planted", arm, index, m, seed, "placebos", after, split, metric)
                        rows.append((*head, control[0] + effect, *control, 5, 5 if index == 1 else 2, effect))
                effect = (-0.11 + 0.005 * seed) * size
                head = ("planted", arm, 1, MILESTONES[0], seed, "none", EPOCHS - MILESTONES[0], split, metric)
                rows.append((*head, 0.45 * size + effect, 0.45 * size, np.nan, 1, 1, effect))
    columns = "study arm index milestone seed control after split metric value control_mean control_sd copies beyond"
    return pd.DataFrame(rows, columns=[*columns.split(), "effect"])


def update_effects() -> pd.DataFrame:
    """Within the epoch after the first milestone: most of the 3 points is there after a tenth of the epoch."""
    rows = []
    for arm, updates in (("step", 300), ("batch", 30), ("hybrid", 30)):
        for update in [0, *(2**k for k in range(9) if 2**k < updates)]:
            for metric, size in (("error_recomputed", 1.0), ("loss_recomputed", 0.03)):
                effect, half = -3 * (1 - np.exp(-10 * update / updates)), 0.6 * (update > 0)
                rows.append(("planted", arm, 10, update, metric, 5, *(size * (effect + d) for d in (0, -half, half))))
    columns = "study arm milestone update metric n effect effect_low effect_high".split()
    return pd.DataFrame(rows, columns=columns)


READINGS = (("test", "error_recomputed"), ("train_eval", "loss_recomputed"), ("test", "error"))


def detections(seeds: int = 3) -> pd.DataFrame:
    """Every first drop in exactly epoch 11, some second ones; batch's second with too few updates and an epoch late;
    in the raw test error also a rise, its recovery, and a false alarm of arm none.
    """
    rows = []

    def report(arm, seed, reading, kind, epoch, milestone, prompt=True):
        seen = kind, epoch, 3.0, 1.3, 8.0
        rows.append(("planted", arm, seed, *reading, *seen, milestone, epoch - milestone - 1, prompt))

    for reading in READINGS:
        for seed in range(seeds):
            for arm in ("step", "batch", "hybrid"):
                report(arm, seed, reading, "drop", 11, 10)
            report("batch", seed, reading, "drop", 22, 20, prompt=False)
            if seed:
                report("step", seed, reading, "drop", 21, 20)
    raw = READINGS[-1]
    report("hybrid", 1, raw, "rise", 5, 10)
    report("hybrid", 1, raw, "recovery", 7, 10)
    report("none", 0, raw, "drop", 14, np.nan, prompt=False)
    columns = "study arm seed split metric kind epoch size ratio confidence milestone deviation prompt".split()
    table = pd.DataFrame(rows, columns=columns)
    return table.assign(counted=(table["kind"] == "drop") & table["milestone"].notna() & table["prompt"])


def milestone_detections(seeds: int = 3) -> pd.DataFrame:
    """For every run and milestone whether `detections` has a drop in exactly the epoch after it, or within one."""
    found = detections(seeds).query("kind == 'drop'")
    seen = set(zip(found["arm"], found["seed"], found["split"], found["metric"], found["epoch"], strict=True))
    rows = []
    for arm in ("step", "batch", "hybrid"):
        for seed in range(seeds):
            for reading in READINGS:
                for index, m in enumerate(MILESTONES, start=1):
                    near = [(arm, seed, *reading, m + 1 + d) in seen for d in (0, -1, 1)]
                    rows.append(("planted", arm, seed, *reading, index, m, near[0], any(near), True, True))
    return pd.DataFrame(rows, columns="study arm seed split metric index milestone exact near expected counted".split())


def corrected_images(seeds: int = 3) -> pd.DataFrame:
    """Of the corrected images the average had 80 % right after a rate cut, 70 % after a larger batch, 60 % without."""
    from errordrops.analysis.sweep import SHARE_COLUMNS

    rows = []
    for at in (4, 10, 16):
        for cut, share in {"rate": 0.8, "batch": 0.7, "placebo": 0.6}.items():
            for seed in range(seeds):
                own = share + 0.01 * seed
                rows.append(("planted", at, cut, seed, 4.0, 5.0, 4.0 * own, 15.0, own, 0.3))
    return pd.DataFrame(rows, columns=SHARE_COLUMNS)


def evidence() -> dict[str, pd.DataFrame]:
    """Tables of the figures of evidence, by name; summaries are the project's own, of the planted tables."""
    from errordrops.analysis import placebo
    from errordrops.analysis import sweep as sweeps

    swept, effects = sweep(), placebo_effects()
    fitted = sweeps.fits(swept, 10)
    return {
        "sweep": swept,
        "sweep_fits": fitted,
        "sweep_fit_summary": sweeps.fit_summary(fitted),
        "sweep_gains": sweeps.gains(swept),
        "placebo_effects": effects,
        "placebo_summary": placebo.placebo_summary(effects),
        "update_effects": update_effects(),
        "corrected_images": corrected_images(),
        "detections": detections(),
        "milestone_detections": milestone_detections(),
    }
