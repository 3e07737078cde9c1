"""A planted study with all tables and figures, and its page, as fixtures."""

import json
import re
import shutil

import pytest

import planted
from errordrops import report
from errordrops.report import material as study

SETTINGS = {
    "title": "Planted study", "dataset_label": "Fashion-MNIST", "model": "ResNet-8", "learning_rate": 0.05,
    "momentum": 0.9, "weight_decay": 0.0005, "batch_size": 32, "epochs": 30,
    "milestones": [10, 20], "factor": 10, "seeds": [0, 1, 2], "train_size": 9600, "max_batch": None,
    "arms": [{"name": name, "description": f"arm {name}"} for name in planted.SETTINGS],
}  # fmt: skip


def spec(name: str) -> dict:
    """A small layered chart (for `schedules` two of them, stacked) in the shape that the figures have."""
    encoding = {axis: {"field": axis, "type": "quantitative"} for axis in ("x", "y")}
    layer = {"layer": [{"mark": mark, "encoding": encoding} for mark in ("line", "point")]}
    chart = {"vconcat": [layer, layer]} if name == "schedules" else layer
    return chart | {
        "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
        "data": {"values": [{"x": i, "y": i * i, "note": "</script>"} for i in range(5)]},
        "usermeta": {"caption": f"Caption of {name}.", "alt": f'Alt "text" of {name} & more.'},
    }


def change(folder, name, edit):
    """Load a JSON file of a study, edit it in place, write it back."""
    content = json.loads((folder / name).read_text())
    edit(content)
    (folder / name).write_text(json.dumps(content))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A planted study with settings and figures."""
    folder = tmp_path_factory.mktemp("planted")
    planted.write(folder)
    change(folder, "provenance.json", lambda p: p.update(settings=SETTINGS))
    (folder / "figures").mkdir()
    for name in study.FIGURES:
        (folder / f"figures/{name}.json").write_text(json.dumps(spec(name)))
        (folder / f"figures/{name}.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg"><g/></svg>')
    return folder


@pytest.fixture
def folder(made, tmp_path):
    """A copy that a test may spoil."""
    return shutil.copytree(made, tmp_path / "study", ignore=shutil.ignore_patterns("report"))


def page_of(folder) -> str:
    out = folder / "report/index.html"
    assert report.render(folder, out, engine="pandoc").startswith("pandoc ")
    return out.read_text()


@pytest.fixture(scope="module")
def page(made):
    return page_of(made)


def visible(page: str) -> str:
    """Text of the page without scripts, tags and entities; runs of space as one."""
    page = re.sub(r"<(script|style)\b.*?</\1>", " ", page, flags=re.DOTALL)
    page = re.sub(r"<[^>]+>", " ", page).replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    return re.sub(r"\s+", " ", page.replace("\u00a0", " "))


def cells(page: str, identifier: str) -> list[list[str]]:
    """Rows of the table in the figure with that id."""
    part = page.split(f'id="{identifier}"')[1].split("</figure>")[0]
    rows = re.findall(r"<tr>(.*?)</tr>", part.split("<tbody>")[1], flags=re.DOTALL)
    return [[visible(c).strip() for c in re.findall(r"<td[^>]*>(.*?)</td>", row, flags=re.DOTALL)] for row in rows]
