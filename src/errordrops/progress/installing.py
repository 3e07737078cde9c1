"""Install the pinned packages and say how far it is: `python installing.py LOCK [ADDRESS]`, called by the Makefile.

Runs before anything is installed, so it uses nothing but Python and pip. With ADDRESS, torch and torchvision come from
there, in the pinned versions: for a build without CUDA. All other packages are checked against the lock's hashes.
"""

import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

PIN = re.compile(r"^([A-Za-z0-9][\w.-]*)==(\S+)( ;[^\\]*)?", re.MULTILINE)
CUDA = ("nvidia-", "cuda-", "triton")  # what torch's CUDA build brings along
TORCH = ("torch", "torchvision")
BIG = 20.0  # megabytes of a file that is named
NO_PACKAGE = re.compile(r"Could not find a version|No matching distribution|Connection|timed out|resolve host", re.I)


def pins(lock: str) -> dict[str, str]:
    """{name: version} of a lock."""
    return {match[1]: match[2] for match in PIN.finditer(lock)}


def without_torch(lock: str) -> str:
    """The lock without torch, torchvision and the CUDA packages; every other pin keeps its hashes."""
    entries = re.split(r"^(?=[A-Za-z0-9])", lock, flags=re.MULTILINE)
    return "".join(entry for entry in entries if not entry.startswith((*CUDA, *(f"{name}==" for name in TORCH))))


def here(lock: str) -> int:
    """How many pins of a lock this machine installs."""
    from pip._vendor.packaging.markers import Marker

    markers = [match[3] for match in PIN.finditer(lock)]
    return sum(not marker or Marker(marker.strip(" ;")).evaluate() for marker in markers)


def progress_of(lines: Iterator[str], total: int) -> Iterator[str]:
    """From pip's lines, what is going on: which package of how many, and files that take long."""
    number = 0
    for line in lines:
        word, _, rest = line.strip().partition(" ")
        name = rest.split("==")[0].split(" ")[0]
        if word == "Collecting" or line.startswith("Requirement already satisfied"):
            number += 1
            yield f"{number} of {max(total, number)} packages{f', {name}' if word == 'Collecting' else ''}"
        elif word == "Downloading" and (size := re.search(r"\(([\d.]+) MB\)", rest)) and float(size[1]) >= BIG:
            yield f"{number} of {max(total, number)} packages, fetching {name.split('-')[0]} ({float(size[1]):.0f} MB)"
        elif line.startswith("Installing collected"):
            yield "all fetched; now they are unpacked, which takes up to a minute"


def pip(arguments: list[str], total: int) -> int:
    """Run pip and say how far it is: one line that changes on a terminal, a line for ten packages elsewhere."""
    spoken = 0
    process = subprocess.Popen(
        [sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "--progress-bar", "off", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    kept: list[str] = []

    def lines() -> Iterator[str]:
        assert process.stdout
        for line in process.stdout:
            kept.append(line.rstrip())
            yield line

    if sys.stdout.isatty():
        _on_one_line(progress_of(lines(), total))
    else:
        for text in progress_of(lines(), total):
            number = int(text.split(" ")[0]) if text[0].isdigit() else 0
            if not number or "fetching" in text or number >= spoken + 10:
                spoken = max(spoken, number)
                print(f"  {text}", flush=True)
    code = process.wait()
    if code:
        print("\n".join(why(kept)), file=sys.stderr)
    return code


def _on_one_line(texts: Iterator[str]) -> None:
    """The latest text with the time that has passed, each second anew, so that one sees that it lives."""
    began, latest, over = time.monotonic(), ["begins"], threading.Event()

    def draw() -> None:
        while not over.wait(1.0):
            seconds = int(time.monotonic() - began)
            print(f"\r\033[K  {seconds // 60}:{seconds % 60:02d}  {latest[0]}"[:100], end="", flush=True)

    drawing = threading.Thread(target=draw, daemon=True)
    drawing.start()
    for text in texts:
        latest[0] = text
    over.set()
    drawing.join()
    print("\r\033[K", end="", flush=True)


def why(lines: list[str]) -> list[str]:
    """What pip's failure means, in few lines."""
    errors = [line for line in lines if line.startswith("ERROR")][:3] or lines[-3:]
    advice = "Give the same command again: what has been installed is kept."
    if any(NO_PACKAGE.search(line) for line in lines):
        advice = f"Is there a network? pip could not fetch a package. {advice}"
    return ["Installation stopped.", *(f"  {line[:200]}" for line in errors), advice]


def main(lock: str, address: str = "") -> int:
    text = Path(lock).read_text()
    wanted = without_torch(text) if address else text
    known = pins(text)
    print(f"Installing {here(wanted)} pinned packages of {lock} into {sys.prefix}", flush=True)
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write(wanted)
        file.flush()
        code = pip(["--require-hashes", "-r", file.name], here(wanted))
    if not code and address:
        both = [f"{name}=={known[name]}" for name in TORCH if name in known]
        print(f"Installing {' and '.join(both)} from {address}", flush=True)
        code = pip(["--no-deps", "--index-url", address, *both], len(both))
    return code


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
