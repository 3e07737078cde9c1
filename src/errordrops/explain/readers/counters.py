"""The counters in a line that a program prints: epoch, step, batch, and how far it has come."""

import re

from .column_names import SPLITS

EPOCH = re.compile(
    r"(?:(?<!/)(?<!/ )(?<!num[ _])(?<!total[ _])(?<!max[ _])\b(?:epochs?|ep"
    r"|epoch no\.?)\b\s*(?:\((?P<split>train|val|test)\))?\s*[#:=|-]?\s*[\[(#]?\s*"
    r"(?P<number>\d+(?:\.\d+)?)(?!\d|\s*(?:samples|images|examples|batches)\b)(?:\s*(?:/|of)\s*\d+)?"
    r"|\b(?P<before>\d+)epoch(?= results|:)"
    r"|^\W*cycle\s*[:#=]?\s*(?P<cycle>\d+)(?:\s*(?:/|of)\s*\d+)?\W*$)",
    re.I,
)
INNERMOST = re.compile(r"\biter\((?P<split>train|val|test)\)\s*\[\s*(?P<step>\d+)(?:\s*/\s*\d+)?\s*\]", re.I)
INNER = re.compile(r"\]?\s*\[\s*(\d+)\s*/\s*(\d+)[^\]]*\]")
TRAIN_EPOCH = re.compile(
    r"\b(train|test|val|valid|eval)\w*\s*:\s*\[\s*(\d+)\s*/\s*(\d+)\s*\]\s*\[\s*(\d+)\s*/\s*(\d+)\s*\]", re.I
)
TIMM = re.compile(r"\btrain\w*\s*:\s*(\d+)\s*\[\s*(\d+)\s*/\s*(\d+)", re.I)
BATCH = re.compile(r"\b(?:batch|step|iter(?:ation)?|it)\b\s*[:=]?\s*[\[(]?\s*(\d+)\s*/\s*(\d+)", re.I)
LINE_COUNTER = re.compile(r"^\s*\[\s*(\d+)\s*/\s*(\d+)\s*\]")
AT = re.compile(
    r"\s+(?:at|for|after|in)\s+(epoch|step|iteration|iter|batch)\s*[#:]?\s*(\d+)(?:\s*(?:/|of)\s*\d+)?(?=\s*[:=,|-])",
    re.I,
)
TUTORIAL = re.compile(r"^\s*\[\s*(\d+)\s*,\s*(\d+)\s*\]")


def take(line: str, row: dict[str, float], now: float | None) -> tuple[str, str]:
    """Take epoch, step and progress out of a line and put them into its record; (the rest, the split that they name).
    now: the epoch of the lines before, if one was named.
    """
    context = ""
    if found := AT.search(line):
        row["epoch" if found[1].lower() == "epoch" else "step"] = float(found[2])
        return line[: found.start()] + line[found.end() :], context
    if found := TRAIN_EPOCH.search(line):
        context = SPLITS[found[1].lower()]
        row |= {"epoch": float(found[2]), "batch": float(found[4])}
        row |= {"batches per epoch": float(found[5])} if context == "train" else {}
        line = line[: found.start()] + " " + line[found.end() :]
    elif found := TIMM.search(line):
        context = "train"
        row |= {"epoch": float(found[1]), "batch": float(found[2]), "batches per epoch": float(found[3])}
        line = line[: found.start()] + " " + re.sub(r"^[^\]]*\]", " ", line[found.end() :])
    elif found := INNERMOST.search(line):
        context = SPLITS[found["split"].lower()]
        row |= {"step": float(found["step"])} if context == "train" else {}
        line = line[: found.start()] + " " + line[found.end() :]
    elif found := EPOCH.search(line):
        row["epoch"] = float(found["number"] or found["before"] or found["cycle"])
        context = SPLITS[found["split"].lower()] if found["split"] else ""
        rest = line[found.end() :]
        if inner := INNER.match(rest):
            row |= {"batch": float(inner[1])}
            row |= {"batches per epoch": float(inner[2])} if context in ("", "train") else {}
            rest = rest[inner.end() :]
        line = f"{line[: found.start()]} ; {rest}"
    if "batch" not in row and (found := BATCH.search(line)):
        count, whole = float(found[1]), float(found[2])
        if "epoch" in row or now is not None:
            row |= {"batch": count} | ({"batches per epoch": whole} if "epoch" in row else {})
        else:
            row["step"] = count
        line = f"{line[: found.start()]} ; {line[found.end() :]}"
    elif now is None and "epoch" not in row and (found := LINE_COUNTER.match(line)):
        row["step"] = float(found[1])
    elif "epoch" not in row and (found := TUTORIAL.match(line)):
        row |= {"epoch": float(found[1]), "batch": float(found[2])}
        line = line[found.end() :]
    return line, context
