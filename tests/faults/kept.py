"""What a step left, to compare: all but times."""

import json
from pathlib import Path

from errordrops.results.layout import Layout
from errordrops.training.checkpoints import Store

TIMES = ("seconds_training", "seconds_evaluation", "finished")


def without_times(path: Path) -> dict:
    content = json.loads(path.read_text())
    content = content.get("content", content)
    return {name: value for name, value in content.items() if name not in TIMES}


def trained(layout: Layout) -> dict:
    """All that training left, by name, without times; hidden files are what a killed process had not finished."""
    found = {}
    for path in (p for p in layout.root.rglob("*") if p.is_file() and not p.name.startswith(".")):
        name = str(path.relative_to(layout.root))
        if path.suffix == ".json":
            found[name] = without_times(path)
        elif not name.endswith("run.json.sha256"):
            found[name] = path.read_bytes()
    return found


def check_store(layout: Layout) -> dict[str, int]:
    """Every file with a final name is whole. Returns when each record was written."""
    for folder in layout.root.glob("checkpoints/*"):
        store = Store(folder)
        for path in folder.glob("[!.]*.safetensors"):
            assert store.load_state(path.name.split(".")[0]) is not None
        for path in folder.glob("[!.]*.record.json"):
            assert store.record(path.name.split(".")[0]) is not None
    assert not list(layout.root.rglob("*.damaged"))
    return {str(path): path.stat().st_mtime_ns for path in layout.root.glob("checkpoints/*/[!.]*.record.json")}
