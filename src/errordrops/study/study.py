"""A study: what is trained, as its file resolves. Every mistake in it is told before anything trains."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .armfields import check_name
from .arms import Arm, resolve_arm
from .datafields import DATASET_LABELS, TRAIN_IMAGES
from .families import activation_twins, cut_sweep, drawn, forks, holds, optimizer_twins, placebos
from .fields import Misfit
from .settings import Setting, canonical
from .studyfile import CONTROL, REPOSITORY, Probes, StudyError, StudyFile, Warmup, find, read, wrong

__all__ = ["CONTROL", "REPOSITORY", "Arm", "Study", "StudyError", "check_batches", "find", "load"]
BY_MILESTONE = ("drop", "level", "drop_loss", "level_loss", "beyond_placebos")  # claims with a threshold for each
# where a file states the arms of a role
FAMILIES = {"hold": "holds", "placebo": "placebos", "fork": "forks", "cut": "cut_sweep"}
FEW = 6  # schedules that fit into one picture


@dataclass(frozen=True)
class Study:
    """A study as its file resolves: defaults filled in, arms turned into phases, seeds listed."""

    name: str
    title: str
    path: Path
    dataset: Mapping[str, Any]
    model: Mapping[str, Any]
    base: Setting
    nesterov: bool
    weight_decay: float
    epochs: int
    milestones: tuple[int, ...]
    factor: float
    max_batch: int | None
    arms: tuple[Arm, ...]
    seeds: tuple[int, ...]
    threads: int
    precision: str
    evaluation: Mapping[str, Any]
    checkpoint_every: int
    averages: tuple[float, ...]
    audited_seeds: tuple[int, ...]
    claims: Mapping[str, Any]
    probes: Mapping[str, Any] = field(default_factory=dict)
    predictions: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    published: tuple[Mapping[str, Any], ...] = ()
    group_size: int = 0
    warmup: Mapping[str, Any] | None = None

    @property
    def schedules(self) -> tuple[Arm, ...]:
        """The arms that are schedules of their own, without placebos and stubs."""
        return tuple(arm for arm in self.arms if arm.role == "schedule")

    @property
    def headline(self) -> list[str]:
        """Names of the arms that the first figures and tables show: all of a study with few; of one with more those
        with the study's own milestones, factor and base setting, or phases of their own, as doses and controls have
        figures of their own. None that decides during training. All, where that leaves fewer than two.
        """
        few = len(self.schedules) <= FEW

        def plain(arm: Arm) -> bool:
            whole = len(arm.settings) == self.epochs and arm.settings[0] == self.base
            if arm.rule == CONTROL:
                return whole
            usual = arm.factor == self.factor and arm.milestones == list(self.milestones)
            return arm.rule is None or (whole and usual and arm.rule in ("step", "batch", "hybrid", "restored", "swap"))

        names = [arm.name for arm in self.schedules if (arm.plateau is None if few else plain(arm))]
        return names if len(names) > 1 else [arm.name for arm in self.schedules]

    def arm(self, name: str) -> Arm:
        """The arm of that name. Raises StudyError if there is none."""
        for arm in self.arms:
            if arm.name == name:
                return arm
        raise StudyError(f"{self.path}: no arm {name!r}; it has {', '.join(a.name for a in self.arms)}")

    @property
    def model_label(self) -> str:
        """The network as people write it: ResNet-8 of width 16, Wide ResNet 16-4, ResNet-50."""
        depth = self.model["depth"]
        match self.model["family"]:
            case "cifar-resnet":
                return f"ResNet-{depth} of width {self.model['width']}"
            case "wide-resnet":
                return f"Wide ResNet {depth}-{self.model['widen_factor']}"
        return f"ResNet-{depth}"

    @property
    def dataset_label(self) -> str:
        return self.dataset.get("label") or DATASET_LABELS[self.dataset["name"]]

    @property
    def train_images(self) -> int | None:
        """Training images, None where only the folder itself can tell."""
        return self.dataset.get("train_size") or TRAIN_IMAGES.get(self.dataset["name"])


def load(
    name: str, folder: str | Path = "config/studies", data_dir: str | None = None, depth: int | None = None
) -> Study:
    """Read and check a study. `data_dir` replaces the folder that the file names, if any, `depth` that of the network.

    Raises StudyError with one message for whatever is wrong first.
    """
    path = find(name, folder)
    file = read(path, data_dir, None if depth is None else int(depth))
    try:
        return _resolve(path, file)
    except Misfit as error:
        raise wrong(path, error.key, error.what) from None


def _resolve(path: Path, file: StudyFile) -> Study:
    """Raises Misfit where keys do not fit together."""
    base = Setting(canonical(file.learning_rate), file.batch_size, float(file.momentum))
    arms = _schedules(file, base)
    _check_thresholds(file, arms)
    control_seeds = next((arm.seeds for arm in arms if arm.name == CONTROL), ())
    if file.unchanged_fork > len(control_seeds):
        what = f"{file.unchanged_fork} seeds wanted, but arm {CONTROL} has {len(control_seeds)}"
        raise Misfit("unchanged_fork", what)
    arms += _families(file, base, arms)
    names = {arm.name for arm in arms}
    for index, entry in enumerate(file.published):
        if entry.arm not in names:
            raise Misfit(f"published[{index}].arm", f"no arm {entry.arm!r}")
    _check_probes(file.probes, arms)
    _check_warmup(file.warmup, arms)
    return Study(
        name=file.study,
        title=file.title,
        path=path,
        dataset=file.dataset.resolved(),
        model=file.model.stated(),
        base=base,
        nesterov=file.nesterov,
        weight_decay=float(file.weight_decay),
        epochs=file.epochs,
        milestones=tuple(file.milestones),
        factor=file.factor,
        max_batch=file.max_batch,
        arms=tuple(arms),
        seeds=tuple(file.seeds),
        threads=file.threads,
        precision=file.precision,
        evaluation=_evaluation(file),
        checkpoint_every=file.checkpoint_every,
        averages=tuple(map(float, file.averages)),
        audited_seeds=control_seeds[: file.unchanged_fork],
        claims=file.claims.stated(),
        probes=file.probes.stated() if file.probes else {},
        predictions={name: mechanism.stated() for name, mechanism in (file.predictions or {}).items()},
        notes=tuple(file.notes),
        published=tuple(e.stated() for e in file.published if e.depth in (None, file.model.depth)),
        group_size=file.group_size or file.batch_size,
        warmup=file.warmup.stated() if file.warmup else None,
    )


def _schedules(file: StudyFile, base: Setting) -> list[Arm]:
    """The arms that the file lists."""
    arms: list[Arm] = []
    for index, entry in enumerate(file.arms):
        key = f"arms[{index}]"
        check_name(f"{key}.name", entry.name)
        if entry.name in {arm.name for arm in arms}:
            raise Misfit(key, f"an arm {entry.name!r} is there already; give one of them another name")
        resolve = resolve_arm if entry.dates is None else drawn
        arm = resolve(key, entry, file, base, tuple(file.seeds))
        _check_batches(key, arm, file.dataset.train_images)
        short = arm.by_seed or arm.milestones or arm.plateau or len(arm.settings) < file.epochs
        if arm.name == CONTROL and short:
            raise Misfit(
                key,
                f"arm {CONTROL} is the control: nothing may change in it, and it lasts as long as the study; give this "
                "arm another name",
            )
        arms.append(arm)
    return arms


def _families(file: StudyFile, base: Setting, arms: Sequence[Arm]) -> list[Arm]:
    """The arms that families of runs add, which go on from the arms that are listed or are those again."""
    added = [*holds(file.holds, arms), *placebos(file.placebos, arms), *forks(file.forks, file.max_batch, arms)]
    added += activation_twins(file.activations, arms)
    added += optimizer_twins(file.optimizers, arms, base.learning_rate)
    added += cut_sweep(file.cut_sweep, file.factor, file.max_batch, arms) if file.cut_sweep else ()
    names = {arm.name for arm in arms}
    for arm in added:
        if arm.name in names:
            raise Misfit("arms", f"an arm {arm.name!r} is there twice, or a family of runs stated twice makes it")
        names.add(arm.name)
        _check_batches(FAMILIES.get(arm.role, "arms"), arm, file.dataset.train_images)
    return added


def _evaluation(file: StudyFile) -> dict[str, Any]:
    """Sizes of what is evaluated, no larger than the training set; `statistics` only where it is not the usual one."""
    evaluation, images = file.evaluation.stated(), file.dataset.train_images
    if evaluation["statistics"] == "plain":
        del evaluation["statistics"]
    own = {} if images is None else {key: min(evaluation[key], images) for key in ("train_images", "statistics_images")}
    return evaluation | own


def _check_thresholds(file: StudyFile, arms: Sequence[Arm]) -> None:
    changes = max(len(arm.milestones) if arm.sudden and not arm.by_seed else 0 for arm in arms)
    for kind in BY_MILESTONE:
        points = getattr(file.claims, kind) or []
        if len(points) > changes:
            what = f"{len(points)} thresholds, but no arm has more than {changes} milestones"
            raise Misfit(f"claims.{kind}", what)


def _check_probes(probes: Probes | None, arms: Sequence[Arm]) -> None:
    """Raises Misfit where an arm or epoch to be probed is not there."""
    if probes is None:
        return
    named = {arm.name: arm for arm in arms}
    for index, name in enumerate(probes.arms):
        if name not in named:
            raise Misfit(f"probes.arms[{index}]", f"no arm {name!r}")
        for seed in named[name].seeds[: probes.seeds]:
            dates = [arm.for_seed(seed).at for arm in arms if arm.role == "fork" and seed in arm.seeds]
            if probes.milestone is None and not dates:
                raise Misfit("probes.milestone", f"is missing, and seed {seed} has no forks that have a date")
            last = (probes.milestone or max(dates)) + probes.after[-1]
            if last > len(named[name].for_seed(seed).settings):
                raise Misfit("probes", f"epoch {last} is beyond the last epoch of arm {name!r}")


def _check_warmup(warmup: Warmup | None, arms: Sequence[Arm]) -> None:
    """Raises Misfit where an arm changes its setting during the warm-up."""
    if warmup is None:
        return
    for arm in arms:
        first = min((m for seed in arm.seeds for m in arm.for_seed(seed).milestones), default=None)
        if first is not None and first < warmup.epochs:
            raise Misfit("warmup.epochs", f"arm {arm.name!r} changes its setting after {first} epochs")


def check_batches(path: Path, key: str, arm: Arm, train_images: int) -> None:
    """Raises StudyError if a batch of the arm is larger than the training set, with the arithmetic."""
    try:
        _check_batches(key, arm, train_images)
    except Misfit as error:
        raise wrong(path, error.key, error.what) from None


def _check_batches(key: str, arm: Arm, train_images: int | None) -> None:
    batches = [phase.setting.batch_size for seed in arm.seeds for phase in arm.for_seed(seed).phases]
    largest, first = max(batches), batches[0]
    if train_images is not None and largest > train_images:
        raise Misfit(
            key,
            f"arm {arm.name!r} would need batches of {largest} images ({first} x {largest / first:g}), but there are "
            f"{train_images} training images; set max_batch (what the batch can't take is cut from the learning rate), "
            "a smaller factor or fewer milestones",
        )
