"""A terminal of 100 columns and 30 lines that a test types into and reads (tmux), and screens without their numbers."""

import os
import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest

SCREENS = Path(__file__).parent / "screens"
DROP = re.compile(r"^[a-z]+, seed #: ")


class Terminal:
    """A shell in a tmux server of its own."""

    def __init__(self, folder: Path, **environment: str):
        if not shutil.which("tmux"):
            pytest.skip("tmux is not installed")
        self.folder, self.server = folder, f"errordrops-{folder.name}-{time.time_ns()}"
        settings = [part for name, value in environment.items() for part in ("-e", f"{name}={value}")]
        # the tests are often run by make, and a make inside would speak as its child
        outer = [part for name in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS") for part in ("-u", name)]
        shell = ["env", *outer, "PS1=$ ", "bash", "--norc", "--noprofile"]
        self.tmux("-f", "/dev/null", "new-session", "-d", "-x", "100", "-y", "30", "-c", str(folder), *settings, *shell)

    def tmux(self, *arguments: str) -> str:
        command = ["tmux", "-L", self.server, *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    def type(self, command: str) -> None:
        """Give a command on an empty screen."""
        self.tmux("send-keys", "clear", "Enter")
        time.sleep(0.5)
        self.tmux("send-keys", command, "Enter")
        self.until(lambda screen: command in screen, 10)

    def press(self, key: str) -> None:
        self.tmux("send-keys", key)

    def screen(self) -> str:
        return self.tmux("capture-pane", "-p")

    def until(self, seen, seconds: float) -> str:
        """The first screen for which `seen` is true."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            screen = self.screen()
            if seen(screen):
                return screen
            time.sleep(0.2)
        pytest.fail(f"not seen within {seconds} s:\n{self.screen()}")

    def finished(self, seconds: float = 1800) -> str:
        """The screen when the shell asks for the next command."""
        return self.until(lambda screen: re.search(r"\n\$$", screen.rstrip()), seconds)

    def close(self) -> None:
        self.tmux("kill-server")


def masked(screen: str, folder: Path) -> str:
    """A screen without what differs from call to call: numbers, the bar, folders, the order of the drops."""
    text = screen.replace(str(folder), ".").replace(
        "Using workflow specific profile", "\nUsing workflow specific profile"
    )
    text = re.sub(r"[█░]+", "=", re.sub(r" +$", "", text, flags=re.M))
    lines = [line for line in text.splitlines() if line not in ("", "$") and not line.startswith("Using workflow")]
    lines = [re.sub(r"\d+(\.\d+)?(e-?\d+)?", "#", line).replace("-#", "#") for line in lines]
    lines = ["    (a source, and why it does not serve)" if line.startswith("    ") else line for line in lines]
    lines = [re.sub(r"# (s|min|h)\b", "# s", line) for line in lines]
    drops = sorted({line for line in lines if DROP.match(line)})
    kept: list[str] = []
    for line in lines:
        if DROP.match(line):
            kept += drops
            drops = []
        elif line not in kept:
            kept.append(line)
    return "\n".join(kept) + "\n"


def same(seen: str, name: str) -> bool:
    """Whether masked text is what is kept, wherever its lines were broken. SCREENS=write keeps it first."""
    path = SCREENS / f"{name}.txt"
    if os.environ.get("SCREENS") == "write":
        path.write_text(seen)
    return seen.split() == path.read_text().split()
