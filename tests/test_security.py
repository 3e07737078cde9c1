"""Nothing that is read can run: no code from files, no markup from names, no package that is not the one pinned."""

import ast
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
import yaml

import planted
from errordrops import explain, report
from errordrops.report import material as report_study
from errordrops.study.study import REPOSITORY

SOURCES = sorted(
    path
    for folder in ("src", "docs", "benchmarks")
    for path in (REPOSITORY / folder).rglob("*.py")
    if "_report" not in path.parts
)
# modules that load what can run code, and calls that do
MODULES = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "marshal", "shelve", "pty", "jsonpickle"}
NEVER = {
    *("eval", "exec", "compile", "__import__"),
    *("os.system", "os.popen", "os.execl", "os.execvp", "os.spawnl"),
    *("yaml.unsafe_load", "yaml.full_load", "yaml.load_all", "yaml.unsafe_load_all"),
    *("pd.read_pickle", "pandas.read_pickle", "subprocess.getoutput", "subprocess.getstatusoutput"),
    *("shutil.unpack_archive", "tempfile.mktemp"),
}
# calls that are safe only with an argument of this value
WITH = {
    "torch.load": ("weights_only", {"True"}),
    "np.load": ("allow_pickle", {"False"}),
    "yaml.load": ("Loader", {"_Loader", "yaml.SafeLoader", "yaml.CSafeLoader"}),
}


def findings(source: str) -> list[str]:
    """What in a program's text could run what it reads."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names if alias.name.split(".")[0] in MODULES]
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            found += [n for n in names if n in NEVER | set(WITH) or n.split(".")[0] in MODULES]
        elif isinstance(node, ast.Call):
            found += _of_call(node)
    return found


def _of_call(node: ast.Call) -> list[str]:
    name, last = ast.unparse(node.func), getattr(node.func, "attr", None)
    given = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
    name = name.replace("numpy.", "np.")
    found = [name] if name in NEVER or last in ("read_pickle", "load_pickle") else []
    if name in WITH:
        argument, good = WITH[name]
        found += [] if given.get(argument) in good else [f"{name} without {argument}"]
    if given.get("allow_pickle") == "True" or given.get("weights_only") == "False":
        found.append(f"{name} with a pickle")
    if "shell" in given and given["shell"] != "False":
        found.append(f"{name} with a shell")
    if last == "extractall" and given.get("filter") not in ("'data'", '"data"'):
        found.append(f"{name} without filter='data'")
    if last == "query" and node.args and not isinstance(node.args[0], ast.Constant):
        found.append(f"{name} with a text that is put together")
    return found


def test_the_programs_run_nothing_that_they_read():
    assert len(SOURCES) > 100
    found = {str(path): findings(path.read_text()) for path in SOURCES}
    assert not {path: what for path, what in found.items() if what}


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from pickle import loads",
        "import joblib.parallel",
        "torch.load(path)",
        "torch.load(path, weights_only=False)",
        "from torch import load",
        "np.load(path)",
        "numpy.load(path, allow_pickle=True)",
        "np.loadtxt(path, allow_pickle=True)",
        "pd.read_pickle(path)",
        "frame.read_pickle(path)",
        "yaml.load(text)",
        "yaml.load(text, Loader=yaml.Loader)",
        "yaml.unsafe_load(text)",
        "eval(text)",
        "exec(text)",
        "os.system(text)",
        "subprocess.run(text, shell=True)",
        "tar.extractall(folder)",
        "tar.extractall(folder, filter='fully_trusted')",
        "shutil.unpack_archive(path)",
        "table.query(f'arm == {name}')",
    ],
)
def test_the_search_finds_each_of_them(source):
    assert findings(source)


@pytest.mark.parametrize("source", ["model.eval()", "table.query('rate > 0')", "re.compile('x')", "json.loads(text)"])
def test_the_search_leaves_what_is_harmless(source):
    assert not findings(source)


def test_snakemake_rules_put_only_names_and_quoted_options_on_command_lines():
    """Wildcards are constrained to names; what a user configures passes through shlex.quote."""
    rules = "".join(path.read_text() for path in (REPOSITORY / "workflow/rules").glob("*.smk"))
    lines = re.findall(r'shell:\s*((?:"(?:[^"\\]|\\.)*"\s*)+)', rules)
    assert len(lines) > 8
    placed = {name for line in lines for name in re.findall(r"\{([^}]+)\}", line)}
    assert {name.split(".")[0] for name in placed} <= {"log", "params", "wildcards", "threads", "output"}, placed
    for name in {name.split(".")[1] for name in placed if name.startswith("wildcards.")}:
        assert re.search(rf'^ +{name}="', rules, re.MULTILINE), name  # among the wildcard_constraints


HOSTILE = [
    "<script>window.struck = 1</script>",
    "</script><img src=x onerror='window.struck = 2'>",
    '"><svg onload=window.struck=3>',
    "[x](javascript:window.struck=4) ![x](http://127.0.0.1/a.png) <http://127.0.0.1/>",
    "`<b>`{=html} ``````\n{{< include /etc/passwd >}} {{< video http://127.0.0.1 >}}",
    "' + alert(1) + '\" \\ ] + datum.x + [ ${window.struck} {{7*7}}",
    "::: {.x onclick=window.struck=5}\n\n# H {onclick=window.struck=6}\n\n@he2015 [^1]: $\\href{javascript:x}{y}$",
]
TEXT = " ".join(HOSTILE)
SETTINGS = {
    "learning_rate": 0.05, "momentum": 0.9, "weight_decay": 5e-4, "batch_size": 32, "epochs": 30,
    "milestones": [10, 20], "factor": 10, "seeds": [0, 1, 2], "train_size": 9600, "max_batch": None,
}  # fmt: skip


class Structure(HTMLParser):
    """Elements, attributes and addresses of a page."""

    def __init__(self, page: str):
        super().__init__(convert_charrefs=True)
        self.tags: dict[str, int] = {}
        self.attributes: set[str] = set()
        self.addresses: list[str] = []
        self.shown = ""
        self._in = None
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.tags[tag] = self.tags.get(tag, 0) + 1
        self.attributes |= {name for name, _ in attributes}
        self.addresses += [value or "" for name, value in attributes if name in ("src", "href", "action", "poster")]
        self._in = tag

    def handle_endtag(self, tag):
        self._in = None

    def handle_data(self, text):
        self.shown += "" if self._in in ("script", "style") else text


def page(folder: Path, said: str) -> str:
    """The page of a planted study that says this wherever a study may say something."""
    planted.write(folder)
    arms = [{"name": name, "description": said} for name in planted.SETTINGS]
    texts = {"title": said, "dataset_label": said, "model": said, "notes": [said], "arms": arms}
    provenance = json.loads((folder / "provenance.json").read_text())
    provenance |= {"settings": SETTINGS | texts, "title": said}
    provenance["dataset"] |= {"label": said, "source": said, "name": said}
    provenance["machine"] |= {"processor": said}
    provenance["versions"] |= {said[:50]: said}
    provenance["runs"][0] |= {"status": "diverged", "key": said}
    (folder / "provenance.json").write_text(json.dumps(provenance))
    claims = json.loads((folder / "claims.json").read_text())
    claims[1] |= {"statement": said, "unit": said, "metric": said}
    (folder / "claims.json").write_text(json.dumps(claims))
    (folder / "figures").mkdir()
    for name in report_study.FIGURES:
        spec = {"mark": "point", "data": {"values": [{"x": said}]}, "encoding": {"x": {"field": "x"}}}
        spec["usermeta"] = {"caption": f"{said} Then: {said}", "alt": said}
        (folder / f"figures/{name}.json").write_text(json.dumps(spec | {"description": said, "title": said}))
    report.render(folder, folder / "report/index.html", engine="pandoc")
    return (folder / "report/index.html").read_text()


def test_texts_of_a_study_stay_texts_on_its_page(tmp_path):
    tame = Structure(page(tmp_path / "tame", "Nothing."))
    written = page(tmp_path / "hostile", TEXT)
    hostile = Structure(written)
    assert hostile.tags["script"] == tame.tags["script"]
    assert hostile.attributes - tame.attributes == set()
    assert not [a for a in hostile.addresses if "127.0.0.1" in a or a.lower().startswith("javascript:")]
    new = set(hostile.tags) - set(tame.tags)
    assert not new & {"svg", "img", "b", "iframe", "video", "form", "h1", "object", "embed"}, new
    shown = " ".join(hostile.shown.split())
    for text in HOSTILE:  # shown as it was written
        assert " ".join(text.split()) in shown, text
    assert "root:x:0" not in written


def test_texts_of_a_log_stay_texts_on_its_page(tmp_path):
    log = tmp_path / "<img src=x onerror=window.struck=1>.csv"
    names = ["epoch", *(f'"{t} val acc"'.replace('" ', "' ") for t in HOSTILE[:2]), "lr"]
    rows = [f"{e},{50 + e / 10 + 20 * (e > 15)},{50 + e / 10},{0.1 if e <= 15 else 0.01}" for e in range(1, 31)]
    log.write_text("\n".join([",".join(names), *rows]))
    out = tmp_path / "page.html"
    explain(str(log)).save(str(out))
    written = out.read_text()
    found = Structure(written)
    assert found.tags["script"] == 3 and "img" not in found.tags
    assert not {name for name in found.attributes if name.startswith("on")}
    assert not [a for a in found.addresses if not a.startswith("#")]
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]+)"', written)[1]
    rules = dict(part.strip().split(" ", 1) for part in policy.split(";"))
    assert rules["default-src"] == "'none'" and "connect-src" not in rules
    assert "unsafe" not in rules["script-src"] and "http" not in policy
    assert rules["base-uri"] == rules["form-action"] == "'none'"


@pytest.mark.parametrize("lock", sorted(REPOSITORY.glob("requirements*.lock")), ids=lambda path: path.stem)
def test_every_package_of_a_lock_file_has_hashes(lock):
    pin = r"[a-z0-9-]+==\S+( ; [^\\]+)?( +--hash=sha256:[0-9a-f]{64})+"
    entries = lock.read_text().replace("\\\n", " ").splitlines()
    assert len(entries) > 50
    assert not [entry for entry in entries if not re.fullmatch(pin, re.sub(" +", " ", entry).strip())]


def test_workflows_may_do_no_more_than_they_need():
    """Write permission for the one job that publishes; actions by commit, no credentials kept, no strangers' text."""
    files = sorted((REPOSITORY / ".github/workflows").glob("*.yml"))
    assert files
    for path in files:
        workflow = yaml.safe_load(path.read_text())
        assert workflow["permissions"] == {}
        assert "pull_request_target" not in path.read_text()
        for job in workflow["jobs"].values():
            writes = {name for name, right in job["permissions"].items() if right != "read"}
            assert writes <= ({"pages", "id-token"} if path.stem == "pages" else set())
            for step in job["steps"]:
                assert re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", step.get("uses", "a/b@" + "0" * 40))
                assert "checkout" not in step.get("uses", "") or step["with"]["persist-credentials"] is False
                assert "github.event" not in step.get("run", "")
