"""What a log's own configuration says about the schedule, for logs that do not write the learning rate itself."""

import re
from itertools import pairwise

LOOKED_AT = 1 << 18  # characters; configurations stand at the beginning, or in each record
KEYS = (
    r"lr[_-]?sched(?:ule)?(?:[_-]?epochs)?|(?:lr[_-]?)?schedule|(?:lr[_-]?)?milestones?|lr[_-]?steps?|lr[_-]?epochs?"
    r"|(?:lr[_-]?)?decay[_-]?(?:epochs?|steps?)|epoch[_-]?steps?|step[_-]?epochs|lr[_-]?drops?|learning[_-]?rate[_-]?steps"
)
LIST = re.compile(rf"(?<![A-Za-z])({KEYS})[\"']?\s*[:=]\s*[\[(]\s*(\d+(?:\s*,\s*\d+)*)\s*,?\s*[\])]", re.IGNORECASE)
NONE = re.compile(r"[\"']lr_sched_(?:epochs|factors)[\"']\s*:\s*null")
CAFFE = re.compile(r"^stepvalue: (\d+)\s*$", re.MULTILINE)


def milestones(text: str) -> tuple[str, list[float]] | None:
    """(key, numbers) of the milestones that a configuration names; no numbers where it says that there are none."""
    head = text[:LOOKED_AT] + (text[-4096:] if len(text) > LOOKED_AT else "")
    if values := CAFFE.findall(head):
        return "stepvalue", _increasing(values)
    for found in LIST.finditer(head):
        numbers = _increasing(found[2].split(","))
        if numbers:
            return found[1], numbers
    return ("lr_sched_epochs", []) if NONE.search(head) else None


def _increasing(values: list[str]) -> list[float]:
    numbers = [float(value) for value in values if len(value.strip()) < 12]
    return numbers if all(a < b for a, b in pairwise(numbers)) and numbers[:1] > [0] else []
