"""What differs between two runs of a study besides their numbers, from both provenance.json, and why it may matter."""

from typing import Any

# what a run was computed with, by its name in provenance.json: why the numbers may differ
NUMERICS = {
    "device": "another device sums in another order: every bit may differ, means over seeds should not",
    "hardware": "another processor or GPU may choose other kernels, which sum in another order",
    "precision": "bf16 rounds to 8 bits: single curves differ at once, means over seeds should not",
    "threads": "sums are rounded in another order with another number of threads",
    "images_per_pass": "larger passes sum in another order",
    "torch": "another version may have other kernels and other random numbers",
    "torchvision": "another version may decode or transform images otherwise",
    "numba": "another version may round the fused update otherwise",
    "python": "no effect on the numbers is known",
    "system": "another operating system brings other libraries for mathematics",
    "cores": "no effect on the numbers: a run's threads are fixed by the study",
}
SETTINGS = {
    "seeds": "other seeds are other networks and other orders of the data: intervals cover this",
    "arms": "other arms: claims about those that are missing can't be compared",
    "threads": NUMERICS["threads"],
}
OTHER_SETTING = "another setting is another experiment: the claims need not come out the same"
UNNUMBERED = ("title", "dataset_label")  # words for the page


def differences(reference: dict[str, Any], own: dict[str, Any]) -> list[dict[str, Any]]:
    """What differs: {what, reference, own, why} each, from two provenance.json."""
    found = []

    def note(what: str, before: Any, now: Any, why: str) -> None:
        if before != now:
            found.append({"what": what, "reference": before, "own": now, "why": why})

    for name in sorted({*reference["settings"], *own["settings"]} - set(UNNUMBERED)):
        before, now = (_setting(side["settings"], name) for side in (reference, own))
        note(f"setting {name}", before, now, SETTINGS.get(name, OTHER_SETTING))
    before, now = ([data["checksum"][:12] for data in side["data"]] for side in (reference, own))
    note("data checksum", before, now, "other images, or the same in another order: another experiment")
    for name, why in NUMERICS.items():
        before, now = ([str(n.get(name)) for n in side["numerics"]] for side in (reference, own))
        note(name, sorted({*before}), sorted({*now}), why)
    note("errordrops", reference["errordrops"], own["errordrops"], "analysis and claims may have changed")
    note("code of training", sorted(reference["code"]), sorted(own["code"]), "training may have changed")
    return found


def _setting(settings: dict[str, Any], name: str) -> Any:
    """A setting as it is compared: arms by name and schedule."""
    value = settings.get(name)
    return [f"{arm['name']}: {arm['description']}" for arm in value] if name == "arms" and value else value


def taken(own: dict[str, Any]) -> tuple[int, int]:
    """(runs taken from the reference, all runs): the former say nothing new."""
    return sum(bool(run["from_reference"]) for run in own["runs"]), len(own["runs"])
