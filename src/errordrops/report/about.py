"""The generated sentences about how the study was made: data, origin, commands, last line. Pure."""

from ..results.costs import duration
from ..results.layout import NAME
from .effects import best_metric
from .material import Study
from .text import count, count_range, missing, plain, short

CITED = {"fashion": "@xiao2017", "cifar": "@krizhevsky2009"}
SETUP = {"error_recomputed": "batch-norm statistics recomputed", "error": "running batch-norm statistics"}


def variables(study: Study, engine: str) -> dict:
    """Numbers and plain names for `{{< var >}}`; nothing here may hold markup."""
    last = int(study.schedules["epoch"].max())
    metric = best_metric(study)
    return {
        "study": {
            "name": slug(study.name),
            "epochs": f"{last}",
            "seeds": count_range(study.seeds_an_arm, "seed"),
            "images": short(study.train_size) if study.train_size else "the training",
            "reading": SETUP[metric],
        },
        "page": {"engine": engine},
    }


def slug(name: str) -> str:
    """A study's name as it stands in a command; STUDY where it is none that a command could take."""
    return name if NAME.fullmatch(name) else "STUDY"


def model_on_data(study: Study) -> str:
    """`ResNet-8 on Fashion-MNIST`, with what is known."""
    label = study.settings.get("dataset_label") or study.dataset.get("label", "the data")
    return f"{plain(model(study))} on {plain(label)}"


def model(study: Study) -> str:
    """The network as the settings name it."""
    return str(study.settings.get("model", "a ResNet"))


def data(study: Study) -> str:
    """One sentence on data and model."""
    facts = study.dataset
    name = f"{facts.get('name', '')} {facts.get('label', '')}".lower()
    cite = next((f" [{key}]" for word, key in CITED.items() if word in name), "")
    label = study.settings.get("dataset_label") or facts.get("label", "a data set")
    size = f", {short(study.train_size)} training images" if study.train_size else ""
    test = facts.get("test_images")
    size += f" and {short(test)} test images" if test else ""
    return (
        f"**Data and model.** {plain(label)}{cite}{size}. The network is "
        f"{plain(model(study))}"
        " [@he2015], with batch normalisation [@ioffe2015], trained by stochastic gradient descent with "
        "momentum. "
        "All settings are in @tbl-settings.\n"
    )


def origin(study: Study) -> str:
    """Which runs were trained for this page, and which were kept with the project."""
    runs = study.provenance.get("runs", [])
    kept = sum(bool(run.get("from_reference")) for run in runs)
    seconds = study.provenance.get("seconds", float("nan"))
    spent = "" if missing(seconds) else f" Training and evaluation took {duration(seconds)}, summed over runs."
    if study.provenance.get("from_reference"):
        which = f"{kept} of {count(len(runs), 'run')}" if 0 < kept < len(runs) else "The runs"
        return (
            f"{which} were **not trained for this page**: they were taken from the reference results that "
            f"are "
            f"kept with the project. Analysis, figures and page were made anew from them.{alike(study)}{spent}\n"
        )
    return f"The runs were trained for this study, not taken from the reference results.{spent}\n"


def alike(study: Study) -> str:
    """Where runs of both origins share epochs and are equal there, that they are; differences are a warning above."""
    mixed = study.provenance.get("mixed_forks", {"compared": 0, "differ": 0})
    if mixed["differ"] or not mixed["compared"]:
        return ""
    forks = count(mixed["compared"], "fork")
    return f" Where runs of both origins share epochs ({forks}), their curves are identical there."


def commands(study: Study) -> str:
    """How to make this page, and one figure of it, again; from the reference where the page was."""
    name = slug(study.name)
    kept = study.provenance.get("from_reference")
    steps = {
        "train what is missing, then make this page": f"make report STUDY={name}",
        "one figure, and only what it needs": f"snakemake results/{name}/figures/closeup.svg",
        "what would be trained, and how long it takes": f"errordrops plan {name}",
    }
    if kept:
        steps |= {
            "this page again from the committed runs, without torch": f"make report STUDY={name} FROM=reference",
            "one figure of it": f"snakemake results/{name}/figures/closeup.svg --config from=reference",
        }
    lines = "\n".join(f"# {why}\n{command}" for why, command in steps.items())
    return f"```bash\n{lines}\n```\n"


def made(study: Study, engine: str) -> str:
    """The last line of the page."""
    version, name = study.provenance.get("errordrops", "?"), engine.split()[0].capitalize()
    title = study.settings.get("title") or study.provenance.get("title") or study.name
    when = str(study.provenance.get("finished", ""))[:10]
    return (
        f"::: {{.made}}\nStudy {plain(title)}"
        f"{', results of ' + plain(when) if when else ''}. Results by errordrops {plain(version)}; "
        f"page rendered by {name} {plain(engine.split()[-1])}.\n:::\n"
    )
