"""What a log's own configuration says about the schedule, for logs that do not write the learning rate itself."""

import re
from dataclasses import dataclass, field
from itertools import pairwise

LOOKED_AT = 1 << 18  # characters; configurations stand at the beginning, or in each record
KEYS = (
    r"lr[_-]?sched(?:ule)?(?:[_-]?epochs)?|(?:lr[_-]?)?schedule|(?:lr[_-]?)?milestones?|lr[_-]?(?:decay[_-]?)?steps?"
    r"|lr[_-]?epochs?|lr[_-]?(?:decay[_-]?|step[_-]?)epochs?|(?:lr[_-]?)?decay[_-]?(?:epochs?|steps?)|epoch[_-]?steps?"
    r"|step[_-]?epochs|lr[_-]?drops?|learning[_-]?rate[_-]?(?:steps|schedule|decay[_-]?(?:steps|epochs))"
    r"|steps?values?"
)
NUMBERS = r"\d+(?:\.\d+)?(?:\s*[,\s]\s*\d+(?:\.\d+)?)*"
LIST = re.compile(rf"(?<![A-Za-z])({KEYS})[\"']?\s*[:=]\s*[\[(]\s*({NUMBERS})\s*,?\s*[\])]", re.IGNORECASE)
# lr_steps "30,40,50"; --lr-decay-epochs 30 60 90; lr_step_epochs='200,250'; lr_steps: 30,40,50
TEXT = re.compile(
    rf"(?<![A-Za-z])({KEYS})[\"']?(?:[ \t]*[:=][ \t]*|[ \t]+)(?:[\"'][ \t]*)?(\d+(?:[ \t]*,[ \t]*\d+)+"
    rf"|\d+(?:[ \t]+\d+)+)"
    r"(?=[ \t]*(?:[\"'),\]};]|$|[ \t]-|[ \t][A-Za-z_]))",
    re.IGNORECASE | re.MULTILINE,
)
ALONE = re.compile(rf"(?<![A-Za-z])({KEYS})[\"']?\s*[:=]\s*[\"'](\d+)[\"']", re.IGNORECASE)
# one number: every so many epochs, or once
EVERY = re.compile(
    r"(?<![A-Za-z])((?:lr[_-]?)?step[_-]?size|lr[_-]?decay[_-]?(?:every|period|epochs?|steps?)"
    r"|decay[_-]?(?:every|period))"
    r"[\"']?\s*[:=]\s*[\"']?(\d+)[\"']?(?=\s*[,)}\]\n\r]|\s*$|\s+[A-Za-z_-])",
    re.IGNORECASE | re.MULTILINE,
)
# step=[8, 11] within the configuration of a schedule; STEPS: (60000, 80000)
NESTED = re.compile(
    r"(?:lr_config|policy\s*=\s*['\"]step['\"]|MultiStep\w*|lr_policy\b|LR_SCHEDULER\b|SOLVER\b)[^\n]{0,300}?"
    rf"\b(steps?|milestones)[\"']?\s*[:=]\s*[\[(]\s*({NUMBERS})\s*,?\s*[\])]",
    re.IGNORECASE | re.DOTALL,
)
SOLVER = re.compile(rf"^\s*(STEPS): *[\[(] *({NUMBERS}) *,? *[\])]", re.MULTILINE)
BLOCK = re.compile(rf"^[ \t]*({KEYS}):[ \t]*\n((?:[ \t]*-[ \t]*\d+[ \t]*\n)+)", re.IGNORECASE | re.MULTILINE)
# torch7: epoch_step : { 1 : 60 2 : 120 3 : 160 }
LUA = re.compile(rf"(?<![A-Za-z])({KEYS})\s*:\s*\{{\s*((?:\d+\s*:\s*\d+\s*)+)\}}", re.IGNORECASE)
NONE = re.compile(r"[\"']lr_sched_(?:epochs|factors)[\"']\s*:\s*null")
CAFFE = re.compile(r"^stepvalue: (\d+)\s*$", re.MULTILINE)
NAMED = re.compile(
    r"(?<![A-Za-z])(lr[_-]?sched(?:uler)?(?:[_-]?(?:type|name|mode))?|sched(?:uler)?(?:[_-]?(?:type|name))?"
    r"|lr[_-]?(?:policy|mode|decay[_-]?(?:type|style|mode)?)|decay[_-]?(?:type|style)|lr[_-]?schedule"
    r"|learning[_-]?rate[_-]?schedule)[\"']?\s*[:=]\s*[\"']?(?:SchedulerType\.)?"
    r"(cosine|cos|linear|polynomial|poly|onecycle|one_?cycle|exponential|exp|inverse_sqrt|constant|none|cyclic"
    r"|warmupcosine)\w*",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Hint:
    """key: the name in the configuration. milestones: the numbers that it gives. every: the period, where it gives one
    number. smooth: the name of a schedule that moves gradually. All empty where it says that the rate is constant."""

    key: str
    milestones: list[float] = field(default_factory=list)
    every: float = 0.0
    smooth: str = ""


def found(text: str) -> Hint | None:
    """What a configuration in the text says of the schedule; None where it says nothing."""
    head = without_rows(text[:LOOKED_AT] + (text[-4096:] if len(text) > LOOKED_AT else ""))
    if values := CAFFE.findall(head):
        return Hint("stepvalue", _increasing(values))
    named = NAMED.search(head)
    if named and named[2].lower() in ("constant", "none"):
        named = None
    if named:
        return Hint(f"{named[1]} {named[2].lower()}", smooth=named[2].lower())
    for pattern in (LIST, TEXT, NESTED, SOLVER, ALONE):
        for match in pattern.finditer(head):
            if numbers := _increasing(re.split(r"[,\s]+", match[2].strip())):
                return Hint(match[1], numbers)
    for match in BLOCK.finditer(head):
        if numbers := _increasing(re.findall(r"\d+", match[2])):
            return Hint(match[1], numbers)
    for match in LUA.finditer(head):
        if numbers := _increasing(re.findall(r":\s*(\d+)", match[2])):
            return Hint(match[1], numbers)
    for match in EVERY.finditer(head):
        if float(match[2]) > 1 and len(match[2]) < 8:
            return Hint(match[1], every=float(match[2]))
    return Hint("lr_sched_epochs") if NONE.search(head) else None


def without_rows(text: str) -> str:
    """The text without its rows of measured numbers, which say nothing of a schedule and are slow to search."""
    return "\n".join(line for line in text.split("\n") if "." not in line or line.strip("0123456789.,;|eE+- \t\r"))


PER_EPOCH = re.compile(
    r"(?<![A-Za-z])(?:steps|iters|iterations|batches|updates)[_ ]?per[_ ]?epoch[\"']?\s*[:=]\s*(\d+)", re.I
)
EPOCHS = re.compile(
    r"(?<![A-Za-z])(?:num[_ ]?(?:train[_ ]?)?epochs|n_epochs|num_train_epochs|max_epochs)[\"']?\s*[:=]\s*(\d+)", re.I
)
TOTAL = re.compile(
    r"(?<![A-Za-z])(?:total[_ ](?:optimization[_ ]|train(?:ing)?[_ ])?steps|max_steps"
    r"|num_train(?:ing)?_steps)[\"']?\s*[:=]\s*(\d+)",
    re.I,
)
EXAMPLES = re.compile(r"\bNum examples\s*=\s*([\d,]+)", re.I)
BATCH = re.compile(r"\b(?:total train batch size|train_batch_size)[^=:\n]{0,60}[=:]\s*(\d+)", re.I)


def steps_per_epoch(text: str) -> float | None:
    """Steps of an epoch as a configuration tells them: outright, by total steps and epochs, or by examples and
    batch."""
    head = without_rows(text[:LOOKED_AT])
    if found := PER_EPOCH.search(head):
        return float(found[1]) or None
    epochs, total = EPOCHS.search(head), TOTAL.search(head)
    if epochs and total and float(epochs[1]) > 0 and float(total[1]) > float(epochs[1]):
        return float(total[1]) / float(epochs[1])
    examples, batch = EXAMPLES.search(head), BATCH.search(head)
    if examples and batch and float(batch[1]) > 0:
        return max(1.0, -(-float(examples[1].replace(",", "")) // float(batch[1])))
    return None


def _increasing(values: list[str]) -> list[float]:
    numbers = [float(value) for value in values if 0 < len(value.strip()) < 12]
    return numbers if all(a < b for a, b in pairwise(numbers)) and numbers[:1] > [0] else []
