"""What a column of a training log means, told from its name: `val/top-1`, `trainLoss`, `lr-SGD`, `eval_accuracy`.

Names are cut into lower-case words; the words say which split (train, validation, test), which metric, or which
setting it is. What no word explains is left alone: a column that is not understood is never guessed at.
"""

import re
from dataclasses import dataclass, replace
from functools import lru_cache

from ...errors import UserError

TRAIN, VALIDATION, TEST = "train", "validation", "test"
SPLITS = {
    **dict.fromkeys("train training tr trn trained".split(), TRAIN),
    **dict.fromkeys("val valid validation validate validating dev holdout vld eval evaluation".split(), VALIDATION),
    **dict.fromkeys("test testing tst te".split(), TEST),
}
LOSSES = frozenset(
    "loss losses cost nll ce xent xentropy crossentropy bce logloss objective criterion mse mae rmse".split()
)
ACCURACIES = frozenset("acc accuracy acc1 accs accuracies top1 prec1 correctness".split())
ERRORS = frozenset("err error err1 error1 errors misclassification wer cer".split())
SCORES = frozenset(
    "precision recall f1 map map50 map75 map95 miou iou auc auroc dice ap ap50 ap75 jaccard bleu".split()
)
PERPLEXITY = frozenset("ppl perplexity".split())
FIFTH = frozenset("acc5 top5 prec5 err5 error5".split())
EPOCH = frozenset("epoch ep epochs epoc epoche epoque".split())
STEP = frozenset("step steps iter iters iteration iterations itr it batch update updates s i batches niter".split())
UPDATES = {"num_updates", "n_iter", "num_steps", "num_iters", "n_steps"}  # counters of a name that says number
# a word that makes a number something else than a curve of the training
OTHER = frozenset(
    """best std stddev var variance time sec secs seconds speed eta mem memory gpu cpu num count grad gradient norm
    weight weights decay date timestamp size samples seen flops param params parameters temp temperature power util
    momentum scale tok tokens tps dt mfu ms throughput fps load patience seed worker workers depth alpha beta
    smoothing wall elapsed duration hours minutes id rank world hist histogram conf threshold delta gap diff
    max min maximum minimum highest lowest lower upper ratio reg
    regularization regularisation regularizer penalty since ago improve improved from
    saving saved""".split()
)
RATE_SETTINGS = frozenset(
    """decay schedule sched scheduler factor gamma policy min max init initial warmup final ratio size mult
    epochs steps milestones drop patience step end start""".split()
)
# words that say nothing about which curve it is
FILLERS = frozenset(
    """avg average mean total overall epoch step global trainer metrics metric the on of set data dataset running
    smooth smoothed current cur curr loss value val_ scalar scalars top 1 1err at in is per batch categorical sparse
    binary ema multiclass model main run net network output classification images image final raw info root
    log logs history results stats curves recomputed avr moving ma""".split()
)
JOINED = re.compile(
    r"^(train|training|validation|valid|val|test|eval|dev|tr|te)"
    r"(loss|losses|cost|accuracy|acc|error|err|top1|top5|prec1|prec5|acc1|acc5|ppl|perplexity|nll|ce|lr|map|miou)$"
)
SHORT = {"trl": "train loss", "tel": "test loss", "vl": "", "tl": "", "rate": "", "lrate": "lr", "learnig": "learning"}


@dataclass(frozen=True)
class Meaning:
    """What a column is.

    role: epoch, step, lr, reduced (a rate that is written when it was reduced), batch (batch size), batches (per epoch)
    or metric. For a metric: split (train, validation, test, or empty where the name does not say), kind as the drop
    detector takes it (error, accuracy, loss) and label, its name in the answer: error, loss, top-5 error, ... `rank` is
    0 for the plain column, more for one that repeats another (`acc_ema`, `train_loss_step`, `base_lr`).
    """

    role: str
    split: str = ""
    kind: str = ""
    label: str = ""
    rank: int = 0


def words(name: str) -> list[str]:
    """Lower-case words of a name: `valTop1-Acc` gives val, top1, acc."""
    text = name.replace("mAP", " map").replace("mIoU", " miou").replace("IoU", " iou")
    text = re.sub(r"([a-z0-9])([A-Z])", r"\1 \2", text).lower()
    text = re.sub(
        r"\b(acc|accuracy|prec|precision|top|err|error|hit|hits|recall)[\s@_-]*([15])(?![0-9.])", r" \1\2 ", text
    )
    text = re.sub(r"(acc|accuracy|prec|precision|top|err|error|hit|hits)[@_-]?([15])(?![0-9.])", r" \1\2 ", text)
    text = text.replace("accuracy1", "acc1").replace("accuracy5", "acc5")
    text = (
        text.replace("precision1", "prec1")
        .replace("precision5", "prec5")
        .replace("hits1", "acc1")
        .replace("hit1", "acc1")
    )
    found: list[str] = []
    for word in re.findall(r"[a-z]+[0-9]*|[0-9]+", text):
        joined = JOINED.match(word)
        found += joined.groups() if joined else SHORT.get(word, word).split() or [word]
    return found


@lru_cache(4096)
def meaning(name: str) -> Meaning | None:
    """What the column is, None where its name does not tell."""
    if name.endswith(("__MIN", "__MAX")):  # Weights & Biases exports these beside each column
        return None
    found = words(name)
    known = set(found)
    split = next((SPLITS[word] for word in found if word in SPLITS), "")
    if len(found) > 1 and found[0] in ("tr", "te") and not known & (LOSSES | ACCURACIES | ERRORS):
        return None
    if found == ["lr", "reduced", "to"]:
        return Meaning("reduced")
    rate = _rate(found, known)
    if rate is not None or known & {"lr"} or {"learning", "rate"} <= known or {"learn", "rate"} == known:
        return rate
    if known >= {"batch", "size"} or known & {"batchsize", "bsz"} or found == ["bs"]:
        return None if split in (TEST, VALIDATION) else Meaning("batch", rank=len(known & {"micro", "mini", "device"}))
    if "batches" in known and "per" in known and "epoch" in known:
        return Meaning("batches")
    if name.strip().lower() in UPDATES:
        return Meaning("step", rank=1)
    if known & OTHER:
        return None
    metric = _metric(found, known)
    if metric is not None:
        rank = (
            metric.rank
            + 2 * ("ema" in known)
            + 2 * ("step" in known or "batch" in known)
            + 4 * ("minibatch" in known)
            + (split == TRAIN and "eval" in known)
        )
        return replace(metric, split=split, rank=rank)
    if known & EPOCH and known <= EPOCH | FILLERS | {"idx", "index", "no", "number", "trainer", "num"} | set(SPLITS):
        return Meaning("epoch", rank=int("epochs" in known) + bool(split))
    if (
        known & STEP
        and not known & {"avg", "average"}
        and known <= STEP | FILLERS | {"idx", "index", "no", "number", "n"} | set(SPLITS)
    ):
        return Meaning("step", rank=2 * ("batch" in known) + bool(split))
    return None


def _rate(found: list[str], known: set[str]) -> Meaning | None:
    """A learning rate, not one of the settings around it."""
    named = [word for word in found if re.fullmatch(r"lr\d*|lrs", word)]
    spelled = {"learning", "rate"} <= known or {"learn", "rate"} <= known or known & {"learningrate", "learnrate"}
    if not named and not spelled:
        return None
    return None if known & RATE_SETTINGS else Meaning("lr", rank=int("base" in known) + _number(found))


def _number(found: list[str]) -> int:
    """Of several parameter groups the first is taken: lr/pg0 before lr/pg1."""
    digits = [int(d) for word in found for d in re.findall(r"\d{1,3}$", word)]
    return digits[-1] if digits else 0


def _metric(found: list[str], known: set[str]) -> Meaning | None:
    fifth = bool(known & FIFTH)
    if known & PERPLEXITY:
        return Meaning("metric", kind="loss", label="perplexity", rank=1)
    if known & LOSSES or known >= {"cross", "entropy"}:
        rest = [w for w in found if w not in FILLERS | LOSSES | set(SPLITS) | {"cross", "entropy", "softmax"}]
        same = known & {
            "loss",
            "losses",
            "cost",
            "ce",
            "xent",
            "xentropy",
            "crossentropy",
            "nll",
            "objective",
            "criterion",
            "entropy",
        }
        rest += [] if same else sorted(known & LOSSES)
        return Meaning(
            "metric", kind="loss", label=" ".join([*rest, "loss"]), rank=int("nll" in known and len(found) > 2)
        )
    if known & ERRORS or "error5" in known or "err5" in known or ("top5" in known and "err" in known):
        rest = [w for w in found if w in ("wer", "cer")]
        fifth = fifth or "top5" in known
        return Meaning("metric", kind="error", label="top-5 error" if fifth else " ".join([*rest, "error"]))
    if fifth:
        return Meaning("metric", kind="accuracy", label="top-5 error")
    if known & ACCURACIES:
        rest = [w for w in found if w not in FILLERS | ACCURACIES | set(SPLITS)]
        return Meaning("metric", kind="accuracy", label="error", rank=int(bool(rest)))
    if known & SCORES or known & {"prec"}:
        named = [w for w in found if w not in FILLERS - {"top", "1"} | set(SPLITS) and len(w) > 1]
        score = re.sub(r"\bmap", "mAP", " ".join(named)).replace("iou", "IoU")
        return Meaning("metric", kind="accuracy", label=f"100 - {score}")
    return None


def stated(text: str, name: str) -> Meaning:
    """What a user says a column is: `test error`, `train loss`, `validation accuracy`, `epoch`, `lr`, `batch size`.

    Raises UserError for words that mean nothing here.
    """
    found = meaning(text.strip())
    if found is None:
        raise UserError(
            f"column {name!r} cannot be {text!r}: say epoch, step, lr, batch size, or a split and a metric such as "
            "'test error', 'train loss', 'validation accuracy', 'test top-5 error'"
        )
    return found
