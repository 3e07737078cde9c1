"""Random numbers: what is drawn depends on what it is for, the seed and the epoch, and on nothing drawn before."""

import hashlib


def number_of(purpose: str, *numbers: int) -> int:
    """A 63-bit number to seed a generator with, of its own for each purpose and numbers."""
    text = ":".join([purpose, *map(str, numbers)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1
