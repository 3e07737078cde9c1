"""Which split a metric is of, where its name leaves that open."""

from dataclasses import replace

import pandas as pd

from .column_names import SPLITS, TEST, TRAIN, VALIDATION, Meaning, words

HELD_OUT = (TEST, VALIDATION)


def splits_of(metrics: dict[str, Meaning], table: pd.DataFrame, stem: str) -> dict[str, Meaning]:
    """The split of each metric, where names leave it open: beside a held-out curve an unnamed one is training, beside a
    training curve of the same metric it is the test; a score such as mAP is always held out. Where no name tells,
    the `stem` of the file may; else a log with a loss is one of the training."""
    strong = {n: m for n, m in metrics.items() if table[n].notna().sum() > 2}
    held = {m.split for m in strong.values()} & set(HELD_OUT)
    held_labels = {m.label for m in strong.values() if m.split in HELD_OUT}
    trained = {m.label for m in strong.values() if m.split == TRAIN}
    out = {}
    for name, found in metrics.items():
        split = found.split
        if not split and found.label.startswith("100 - "):
            split = VALIDATION
        elif not split and found.label not in held_labels and found.label in trained:
            split = next(iter(sorted(held)), TEST)
        elif not split and not held and _apart(name, metrics, table):
            split = VALIDATION
        elif not split and held and trained and found.kind != "loss" and found.label not in held_labels:
            split = next(iter(sorted(held)))  # fastai: train_loss, valid_loss, accuracy; the last is the validation's
        elif not split and held:
            split = TRAIN
        out[name] = replace(found, split=split)
    alone = not any(m.split for m in out.values())
    if alone and (split := next((SPLITS[word] for word in words(stem) if word in SPLITS), "")):
        out = {n: replace(m, split=split) for n, m in out.items()}  # test.csv, val_acc.csv
    elif alone and any(m.kind == "loss" for m in out.values()):
        out = {n: replace(m, split=TRAIN) for n, m in out.items()}
    if not held and any(m.split in HELD_OUT for m in out.values()):
        out = {n: replace(m, split=m.split or TRAIN) for n, m in out.items()}
    for split in {m.split for m in out.values()}:  # the only loss of a split is its loss
        losses = {m.label for m in out.values() if m.split == split and m.kind == "loss" and m.label != "perplexity"}
        if len(losses) == 1:
            out = {n: replace(m, label="loss") if m.split == split and m.label in losses else m for n, m in out.items()}
    return out


def _apart(name: str, metrics: dict[str, Meaning], table: pd.DataFrame) -> bool:
    """Whether an error never stands in a record with a loss, and there are fewer of it: it was evaluated by itself."""
    if metrics[name].kind == "loss":
        return False
    mine = table[name].notna()
    losses = [table[n].notna() for n, m in metrics.items() if m.kind == "loss"]
    return (
        bool(losses) and not any((mine & other).any() for other in losses) and mine.sum() < max(o.sum() for o in losses)
    )
