"""The generated sentences about results, each a function of the study. Pure: a Study in, Markdown out."""

from collections.abc import Mapping, Sequence

from ..analysis.changes import LEVEL_EPOCHS
from ..results.verdicts import FAILS, HOLDS, OPEN, UNTESTED, verdict
from ..study.study import CONTROL
from . import effects as fx
from .about import model_on_data
from .material import Study
from .text import callout, count, fold, interval, listed, number, plain, short

FEW = 6  # of more failed claims than this the names are told with the reasons only
INDEPENDENCE = (
    "Claims are not independent: arms that share a past share its runs, and arms are compared with the same runs of "
    "arm *none* or of its placebos; an epoch in which those happen to rise moves all `drop` claims of that epoch."
)


def measured(study: Study) -> str:
    """The count over all milestones; as a second paragraph this study's numbers at the first."""
    metric = fx.best_metric(study)
    found = fx.effects(study, metric, lasting=True)
    if not found:
        return f"This study ({model_on_data(study)}) has no arm in which a setting changes at a milestone."
    paired = "" if found[0].verdict == "alone" else "Beside runs in which nothing was changed: "
    first, train = (
        {(e.arm, e.milestone): e for e in fx.effects(study, *reading)}
        for reading in ((metric, False), ("error", False, "train"))
    )
    sentences = []
    for e in fx.headline(found) or found[:1]:
        where = (e.arm, e.milestone)
        sentence = (
            f"{e.what} after epoch {e.milestone} moved test error by {fx.stated(e)} "
            f"over the epochs after it and by {fx.stated(first[where])} in epoch {e.milestone + 1} alone"
        )
        if where in train:
            sentence += f"; training error there by {fx.stated(train[where])}"
        sentences.append(sentence)
    return f"{tally(fx.once(study, found))}\n\n{paired}{'; '.join(sentences)}.\n"


def tally(found: list[fx.Effect]) -> str:
    """In how many comparisons the fall is larger than without the change."""
    judged = [e for e in found if e.verdict not in ("alone", "one")]
    if all(e.verdict == "alone" for e in found):
        return (
            "The study has no arm in which nothing changes, "
            "so it cannot say what would have happened without the change."
        )
    if not judged:
        return "One seed gives no interval, so this study shows the drops but cannot test them."
    parts = [share_at(m, [e for e in judged if e.milestone == m]) for m in sorted({e.milestone for e in judged})]
    return (
        f"Over several epochs test error fell further with the change than without it {listed(parts)} "
        "(95\u00a0% interval of the paired difference below zero)."
    )


def share_at(milestone: int, judged: list[fx.Effect]) -> str:
    """In how many arms that is so at one milestone."""
    sure = sum(e.verdict == "drop" for e in judged)
    share = f"{sure or 'none'} of {len(judged)}"
    if sure == len(judged) > 1:
        share = "both" if sure == 2 else f"all {sure}"
    return f"after epoch {milestone} in **{share}** arms"


def diverged(study: Study) -> str:
    """A warning that names diverged runs, and what provenance warns of; a comment where all is well."""
    runs = study.diverged
    notes = [plain(note) for note in study.provenance.get("warnings", [])]
    mixed = callout("warning", "Runs that differ in more than their schedule", " ".join(notes)) if notes else ""
    if not runs:
        return mixed or "<!-- no run diverged -->\n"
    names = listed([f"{plain(r.get('arm'))} (seed {plain(r.get('seed'))})" for r in runs])
    total = len(study.provenance.get("runs", []))
    return mixed + callout(
        "warning",
        f"{len(runs)} of {count(total, 'run')} diverged",
        f"The loss of these runs stopped being a number: {names}. They are part of the result. Read the "
        f"means of "
        "their arms with care; the tables say how many seeds (n) stand behind each.",
    )


def batches(study: Study) -> str:
    """What the study's batches mean for Smith et al.'s advice and for how fast a drop can be; and its
    max_batch.
    """
    notes = [large_batches(study), few_updates(study)]
    cap = study.settings.get("max_batch")
    if cap:
        notes.append(
            f"No batch in this study exceeds {short(cap)} images; what the batch could not take "
            "was cut from the learning rate."
        )
    return "\n\n".join(note for note in notes if note) + "\n"


def large_batches(study: Study) -> str:
    """Arms whose largest batch exceeds a tenth of the training set."""
    images = study.train_size
    if not images:
        return ""
    largest = study.schedules.groupby("arm", sort=False)["batch_size"].max()
    over = largest[largest > images / 10]
    if over.empty:
        return (
            f"No batch exceeds {short(images / 10)} images, a tenth of the training set: "
            "the size up to which @smith2018 advise to raise it."
        )
    arms = listed([f"{plain(arm)} (up to {short(float(b))})" for arm, b in over.items()])
    return callout(
        "note",
        "Batches beyond a tenth of the training set",
        f"@smith2018 advise to raise the batch size only up to about a tenth of the training set, here "
        f"{short(images / 10)} of {short(images)} images. These arms go further: {arms}. There $N/B - 1$ "
        f"is clearly "
        "less than $N/B$, and an epoch holds few updates.",
    )


def few_updates(study: Study) -> str:
    """Where an epoch after a milestone holds fewer than three times the updates that momentum remembers."""
    momentum = study.settings.get("momentum")
    if momentum is None or not 0 <= momentum < 1:
        return ""
    memory = 1 / (1 - momentum)
    slow = [
        f"{plain(arm)} in epoch {m + 1} ({study.updates(arm, m + 1)})"
        for arm in study.arms
        for m in fx.own_milestones(study, arm)
        if study.updates(arm, m + 1) < round(3 * memory)
    ]
    rule = (
        f"Momentum {short(momentum)} remembers about $1/(1-m)$ = {short(round(memory, 1))} updates, so a "
        f"drop can be "
        f"complete within one epoch only if that epoch holds at least about {short(round(3 * memory))}."
    )
    if not slow:
        return f"{rule} Every epoch after a milestone does here."
    return f"{rule} Fewer updates than that: {listed(slow)}. There the drop may take several epochs."


def closeup(study: Study) -> str:
    """The sentence before the close-up, or in its place."""
    if "closeup" not in study.figures:
        return "No epoch of this study was evaluated while it was trained, so there is nothing to show here.\n"
    return (
        "Was the drop there after one update, or only at the end of the epoch? So the epoch was evaluated after "
        "1, 2, 4, 8, … updates, with the change and, from the same checkpoint, without it (@fig-closeup).\n"
    )


def lag(study: Study) -> str:
    """How much of the visible change is lag of the running statistics, at the first milestone of the
    headline arm.
    """
    first = fx.headline(fx.effects(study, "error", lasting=True))[:1]
    fair = {(e.arm, e.milestone): e for e in fx.effects(study, "error_recomputed", lasting=True)}
    if not first or (first[0].arm, first[0].milestone) not in fair:
        return "This study holds only one of the two readings, so the share of the lag is not known.\n"
    e, true = first[0], fair[first[0].arm, first[0].milestone]
    paired = e.verdict != "alone"
    seen, fell = (e.difference[0], true.difference[0]) if paired else (e.change[0], true.change[0])
    beside = ", less that without it," if paired else ""
    return (
        f"In arm {plain(e.arm)} the change of level at milestone {e.milestone}{beside} is {number(seen, sign=True)} "
        f"points as read with running statistics and {number(fell, sign=True)} with recomputed ones (@tbl-levels): "
        f"{number(seen - fell, sign=True)} points of the visible drop are lag.\n"
    )


def control(study: Study) -> str:
    """What the comparison with arm none is, or that there is none."""
    if CONTROL in study.arms:
        if not fx.effects(study, fx.best_metric(study)):
            return "No setting changes at a milestone, so there is nothing to compare with arm *none*.\n"
        return (
            "Error wanders from epoch to epoch also when nothing changes, most of all at a high learning "
            "rate. So each "
            "change is set beside its own control, with the same seed: the run that has the same past and goes on "
            "without this change, arm *none* at the first milestone, at a later one an arm that holds its setting. So "
            "the paired difference is the effect of the change. Where a study has no such run, nothing is compared. "
            "One epoch is a noisy reading, above all at a high rate; so the change is read "
            f"twice, in the first epoch (@tbl-changes) and as means over up to {LEVEL_EPOCHS} epochs after and "
            "before (@tbl-levels).\n"
        )
    return (
        "This study has no arm *none*, in which nothing changes. Its changes at milestones can be seen "
        "but not "
        "compared with what would have happened anyway.\n"
    )


def updates(study: Study) -> str:
    """How many updates the arm with the fewest needed beside the one with the most, and the error it
    ended at.
    """
    metric = fx.best_metric(study)
    rows = study.final[(study.final["split"] == "test") & (study.final["metric"] == metric)]
    if rows.empty or rows["updates"].nunique() < 2:
        return "All arms of this study make the same number of updates.\n"
    few, many = rows.loc[rows["updates"].idxmin()], rows.loc[rows["updates"].idxmax()]
    ratio = many["updates"] / few["updates"]
    return (
        f"Arm {plain(few['arm'])} made {int(few['updates']):,} updates and arm {plain(many['arm'])} "
        f"{int(many['updates']):,}, {number(ratio, 1)} times as many. They ended at a test error of "
        f"{interval(few['mean'], few['low'], few['high'])} % and "
        f"{interval(many['mean'], many['low'], many['high'])} %.\n"
    )


def claims(study: Study) -> str:
    """How the claims came out; those that do not hold by name."""
    if not study.claims:
        return "This study states no claims.\n"
    fails = [plain(c.get("id")) for c in study.claims if verdict(c) == FAILS]
    text = f"Of {count(len(study.claims), 'claim')} {outcomes(study.claims)}."
    if any(verdict(c) == OPEN for c in study.claims):
        text += " Not decided means that the interval reaches over the threshold, or that there is none."
    if 0 < len(fails) <= FEW:
        text += f" Found not to hold: {listed(fails)}."
    text += single_seeds(study)
    return f"{text}\n\n{without(study)}{fold('How far claims are independent', INDEPENDENCE)}"


def outcomes(claims: Sequence[Mapping]) -> str:
    """`**8 hold**, 1 does not hold and 2 are not decided`: only what there is."""
    words = {
        HOLDS: ("**1 holds**", "**{} hold**"),
        FAILS: ("**1 does not hold**", "**{} do not hold**"),
        OPEN: ("1 is not decided", "{} are not decided"),
        UNTESTED: ("1 is not tested", "{} are not tested"),
    }
    n = {word: sum(verdict(c) == word for c in claims) for word in words}
    return listed([one if n[word] == 1 else many.format(n[word]) for word, (one, many) in words.items() if n[word]])


def single_seeds(study: Study) -> str:
    """How many claims are not decided since one seed gives no interval, and about which arms."""
    single = [str(c["id"]) for c in study.claims if verdict(c) == OPEN and c["n"] == 1]
    if not single:
        return ""
    arms = listed([plain(arm) for arm in dict.fromkeys(id.split(".")[0] for id in single)])
    undecided = "is" if len(single) == 1 else "are"
    return f" One seed gives no interval, so the {count(len(single), 'claim')} about {arms} {undecided} not decided."


def without(study: Study) -> str:
    """The arms that no claim is about, each with the reason; folded where they are many."""
    told = [f"Arm {plain(arm)}: no claim, because {plain(why)}." for arm, why in study.unclaimed.items()]
    text = " ".join(told)
    return f"{text if len(told) <= 2 else fold('Arms that no claim is about', text)}\n\n" if told else ""


def verb(n: int, word: str) -> str:
    """`1 holds`, `2 hold`."""
    return word + ("s" if n == 1 else "")
