"""Bytes to text: encodings told by their marks, colours and progress bars of a console taken out."""

import re

ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[()][A-Z0-9]")
# numbers as Python shows those of numpy and torch: np.float64(0.5), tensor(0.5, device='cuda:0')
WRAPPED = re.compile(r"\b(?:np\.(?:float|int)\d+|numpy\.(?:float|int)\d+|tensor)\(\s*([-+.\deE]+|nan|inf)[^()\n]*\)")
LONG_BAR, FEW_SWEEPS, STATES = 40, 2, 1000  # a run that is one bar is read state by state
MARKS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))


def encoding(head: bytes) -> str | None:
    """Name of the encoding of a file that starts with `head`; None if these bytes are no text."""
    for mark, name in MARKS:
        if head.startswith(mark):
            return name
    sample = head[:4096]
    if sample.count(0) > len(sample) / 5 and len(sample) > 3:  # UTF-16 without a mark: every other byte is zero
        odd, even = sample[1::2].count(0), sample[::2].count(0)
        if odd > 0.9 * len(sample[1::2]) and even < len(sample) / 20:
            return "utf-16-le"
        if even > 0.9 * len(sample[::2]) and odd < len(sample) / 20:
            return "utf-16-be"
    control = sum(sample.count(bytes([c])) for c in (*range(9), *range(14, 27), *range(28, 32)) if c not in (7, 8))
    if control > 0.02 * len(sample):
        return None
    return "utf-8"


def decoded(content: bytes) -> tuple[str, str]:
    """(text, note). Bytes that are not UTF-8 become question marks, which numbers and names survive."""
    name = encoding(content[:4096]) or "utf-8"
    if name.startswith("utf-16") and len(content) % 2:
        content = content[:-1]
    text = content.decode(name, errors="replace")
    strange = text.count("\ufffd")
    note = (
        f"{strange} bytes are not text in {name.removesuffix('-sig').upper()}; they were passed over" if strange else ""
    )
    if "np." in text or "numpy." in text or "tensor(" in text:
        text = WRAPPED.sub(r"\1", text)
    if "\x00" in text:
        text = re.sub(r"\x00{2,}", "\n", text)
    return text.lstrip("\ufeff"), note


def lines(text: str) -> list[str]:
    """Lines as a console showed them last: without colours, and of a line that was overwritten the final state."""
    if "\x1b" in text:
        text = ESCAPES.sub("", text)
    text = text.replace("\r\n", "\n")
    if "\r" not in text and "\x08" not in text:
        return text.split("\n")
    shown = []
    for line in text.split("\n"):
        parts = [part for part in re.split(r"[\r\x08]+", line) if part.strip()]
        kept = _states(parts)
        single = len(parts) >= LONG_BAR and len(kept) <= FEW_SWEEPS
        shown += _thinned(parts) if single else kept
    return shown


def _thinned(parts: list[str]) -> list[str]:
    """At most about STATES of the states of one long bar, the last one among them."""
    every = max(1, len(parts) // STATES)
    return [*parts[:-1][::every], parts[-1]]


def _states(parts: list[str]) -> list[str]:
    """Of a progress bar's states the last of each sweep: it starts anew when its counter falls back."""
    kept: list[str] = []
    last = None
    for part in parts:
        counter = re.search(r"(\d+)/(\d+)", part)
        now = (counter[2], int(counter[1])) if counter and len(counter[1]) < 12 else None
        same = last is not None and now is not None and now[0] == last[0] and now[1] >= last[1]
        if kept and same:
            kept[-1] = part
        else:
            kept.append(part)
        last = now
    return kept
