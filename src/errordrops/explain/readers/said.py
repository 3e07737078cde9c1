"""What a log says in words that moves a curve: training was resumed, mosaic was switched off."""

import re
from dataclasses import dataclass

RESTART, AUGMENTATION = "restart", "augmentation"
COLUMN = "_said"  # of a table: the number of what is said in a record
LONGEST = 90  # characters that are quoted
RESUMED = re.compile(
    r"\b(?:load(?:ing|ed)?|restor(?:ing|ed)|resum(?:ing|ed|e)|continu(?:ing|ed))\b[^\n]{0,60}?"
    r"\b(?:checkpoints?|snapshot|weights|model|training|from (?:epoch|step|iter\w*)|state)\b",
    re.I,
)
NOT_RESUMED = re.compile(
    r"\b(?:pre-?trained|backbone|imagenet|best|dataset|data ?set|images|saving|saved|tokenizer|no checkpoint|not found"
    r"|for (?:test|eval)\w*|val\w*)\b",
    re.I,
)
BEGINS_AT = re.compile(
    r"\b(?:model_load_epoch|load_epoch|begin_epoch|start_epoch|resume_epoch|start_iter|begin_step)"
    r"[\"']?\s*[:=]\s*[\"']?(\d+)",
    re.I,
)
CLOSED = re.compile(
    r"\bno mosaic\b|\bclosing dataloader mosaic\b|\bclose[_ ]mosaic\b|"
    r"\b(?:clos|disabl|stop|switch|turn)\w*\b[^\n]{0,30}\b(?:mosaic|mix-?up|cut-?mix|(?:strong |data )?augment\w*)\b"
    r"|\b(?:mosaic|mix-?up|cut-?mix|augment\w*)\b[^\n]{0,24}\b(?:off|disabled|closed|stopped)\b",
    re.I,
)
SETTING = re.compile(r"close_mosaic[\"']?\s*[:=]\s*\d+|\bNamespace\(|^\s*\{", re.I)


@dataclass(frozen=True)
class Said:
    """kind: restart or augmentation. text: the line, shortened."""

    kind: str
    text: str


def of_line(line: str) -> Said | None:
    """What a line says, None for the many that say nothing of the kind."""
    if (found := BEGINS_AT.search(line)) and float(found[1]) > 0:
        return Said(RESTART, found[0])
    if CLOSED.search(line) and not SETTING.search(line):
        return Said(AUGMENTATION, shortened(line))
    if RESUMED.search(line) and not NOT_RESUMED.search(line):
        return Said(RESTART, shortened(line))
    return None


def shortened(line: str) -> str:
    """The line without signs of a terminal or a time in front, at most LONGEST characters."""
    text = re.sub(r"^\W*\d{4}-\d\d-\d\d[ T][\d:.,]+\W*", "", "".join(c for c in line if c.isprintable())).strip()
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."
