"""Study files: what is filled in, and every mistake told with the path of its key."""

import copy

import pytest
import yaml

from errordrops.study import study
from errordrops.study.study import StudyError
from errordrops.study.studyfile import schema

GOOD = {
    "study": "mine",
    "title": "Mine",
    "dataset": {"name": "fashion-mnist", "train_size": 9600},
    "model": {"family": "cifar-resnet", "depth": 8, "width": 16},
    "learning_rate": 0.05,
    "batch_size": 32,
    "epochs": 30,
    "milestones": [10, 20],
    "factor": 10,
    "arms": ["none", "step", "batch", "hybrid"],
    "seeds": 3,
}


def write(tmp_path, content):
    path = tmp_path / "mine.yaml"
    path.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
    return str(path)


def changed(**keys):
    content = copy.deepcopy(GOOD)
    for path, value in keys.items():
        *parents, last = path.split("__")
        place = content
        for parent in parents:
            place = place[parent]
        place[last] = value
    return content


def predicting(expectation):
    return {"saddle": {"title": "Saddle", "because": "It leaves one.", "forks": {"rate": expectation}}}


def test_a_good_study(tmp_path):
    loaded = study.load(write(tmp_path, GOOD))
    assert [arm.name for arm in loaded.arms] == GOOD["arms"]
    assert loaded.seeds == (0, 1, 2)
    assert loaded.arm("batch").milestones == [10, 20]
    assert loaded.base.momentum == 0.9


def test_every_study_of_the_project_is_good():
    for path in sorted((study.REPOSITORY / "config" / "studies").glob("*.yaml")):
        assert study.load(str(path)).name == path.stem


def test_numbers_such_as_1e_minus_4_are_numbers(tmp_path):
    text = yaml.safe_dump(GOOD) + "weight_decay: 5e-4\n"
    assert study.load(write(tmp_path, text)).weight_decay == 5e-4


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (changed(leraning_rate=0.1), "unknown key leraning_rate"),
        (
            changed(wight_decay=0.1),
            "unknown key wight_decay; did you mean weight_decay; known here: activations, arms,",
        ),
        (changed(max_batch=None), "max_batch: must be a whole number, but is None"),
        (changed(warmup={"epochs": 2, "start": 0.1}), "warmup: unknown key start; known here: epochs, from"),
        (changed(seeds="three"), "seeds: must be a whole number or a list, but is 'three'"),
        (changed(arms=["none", 7]), "arms[1]: must be a mapping of keys or text, but is 7"),
        (
            changed(predictions=predicting("rises")),
            "predictions.saddle.forks.rate: must be falls, no fall or a list of",
        ),
        (changed(predictions=predicting([0.5])), "predictions.saddle.forks.rate: must be falls, no fall or a list"),
        (changed(notes=["x" * 10**6]), "more than 1000000 bytes"),
        (changed(milestones=[10, 30]), "milestones: 30 is not before the last epoch (30)"),
        (changed(milestones=[20, 10]), "milestones: must rise"),
        (changed(factor=0), "factor: must be > 1, but is 0"),
        (changed(arms=["none", "step", "step"]), "arms[2]: an arm 'step' is there already"),
        (changed(learning_rate="fast"), "learning_rate: must be a number, but is 'fast'"),
        (changed(epochs="ten"), "epochs: must be a whole number, but is 'ten'"),
        (changed(epochs=2.5), "epochs: must be a whole number, but is 2.5"),
        (changed(dataset__data_dir="/not/there"), "dataset.data_dir: no folder /not/there"),
        (
            changed(dataset__train_size=70_000),
            "dataset.train_size: 70000 images wanted, but Fashion-MNIST has 60000",
        ),
        (
            changed(dataset={"name": "fashion-mnist", "validation_size": 1000}),
            "dataset.validation_size: needs train_size",
        ),
        (
            changed(dataset__validation_size=50_401),
            "dataset.validation_size: 50401 images wanted beside train_size, but Fashion-MNIST has 60000",
        ),
        (changed(dataset__validation_size=0), "dataset.validation_size: must be >= 10, but is 0"),
        (changed(dataset__name="mnist"), "dataset.name"),
        (changed(model__depth=9), "model.depth: must be 6n + 2"),
        (changed(model__widen_factor=4), "model.widen_factor: a cifar-resnet has no widen_factor"),
        (changed(arms=["none", "stairs"]), "arms[1]: 'stairs' is no rule"),
        (changed(arms=[{"name": "../up", "rule": "step"}]), "arms[0].name"),
        (
            changed(arms=[{"name": "free", "phases": [{"epochs": 3}]}]),
            "arms[0].phases: their epochs add up to 3",
        ),
        (changed(arms=[{"name": "none", "rule": "step"}]), "arms[0]: arm none is the control"),
        (changed(factor=float("inf")), "factor: must be a finite number"),
        (changed(claims={"drop": [1, 2, 3]}), "claims.drop: 3 thresholds, but no arm has more than 2 milestones"),
        (changed(study="other"), "study: is 'other', but the file is called mine.yaml"),
        (changed(seeds=0), "seeds: must be >= 1"),
        ("study: [unclosed", "not readable as YAML"),
        (yaml.safe_dump(GOOD) + "epochs: 40\n", "the key 'epochs' is given twice"),
        ("just text", "must be a mapping of keys"),
    ],
)
def test_mistakes_are_told_with_their_key(tmp_path, content, expected):
    with pytest.raises(StudyError) as caught:
        study.load(write(tmp_path, content))
    assert expected in str(caught.value)
    assert "mine.yaml" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_whole_numbers_may_be_written_as_floats(tmp_path):
    text = yaml.safe_dump(changed(batch_size=32.0, milestones=[10.0, 20])) + "max_batch: 3.2e3\n"
    loaded = study.load(write(tmp_path, text))
    assert repr(loaded.base.batch_size) == "32" and loaded.milestones == (10, 20) and loaded.max_batch == 3200


def test_a_batch_larger_than_the_data_is_refused_with_the_arithmetic(tmp_path):
    with pytest.raises(StudyError, match=r"batches of 3200 images \(32 x 100\), but there are 3000 training images"):
        study.load(write(tmp_path, changed(dataset__train_size=3000)))
    limited = study.load(write(tmp_path, changed(dataset__train_size=3000) | {"max_batch": 1600}))
    assert limited.arm("batch").settings[-1].batch_size == 1600


def test_a_missing_study_names_those_that_are_there(tmp_path):
    write(tmp_path, GOOD)
    with pytest.raises(StudyError, match="holds: mine"):
        study.load("yours", tmp_path)


def test_validation_images_may_be_all_that_training_leaves(tmp_path):
    assert study.load(write(tmp_path, changed(dataset__validation_size=50_400))).train_images == 9600


def test_the_study_evidence():
    loaded = study.load(str(study.REPOSITORY / "config/studies/evidence.yaml"))
    roles = [arm.role for arm in loaded.arms]
    assert (roles.count("placebo"), roles.count("cut"), roles.count("hold"), roles.count("drawn")) == (10, 30, 2, 2)
    assert {"none", "step", "batch", "hybrid", "reversal", "low", "plateau", "cosine", "ramp"} <= {
        arm.name for arm in loaded.schedules
    }
    assert loaded.averages == (1.0, 3.0) and loaded.audited_seeds == loaded.seeds[:3]
    quick = study.load(str(study.REPOSITORY / "config/studies/quick.yaml"))
    assert not set(loaded.seeds) & set(quick.seeds)
    # smooth arms cut as much as the steps do, and the bold ones begin with the noise of the others
    noise = {
        arm.name: [s.learning_rate / (1 - s.momentum) / s.batch_size for s in (arm.settings[0], arm.settings[-1])]
        for arm in loaded.schedules
    }
    for name in ("batch", "hybrid", "cosine", "ramp", "bold", "bold-momentum"):
        assert noise[name] == pytest.approx(noise["step"])


def test_every_threshold_of_the_schema_says_what_it_is():
    claims = schema()["properties"]["claims"]["properties"]
    assert len(claims) > 20
    for key, described in claims.items():
        assert len(described.get("description", "")) > 20, key
    stated = [study.load(name, study.REPOSITORY / "config/studies").claims for name in ("evidence", "mechanism")]
    assert set().union(*stated) <= set(claims)
    assert set(stated[1]["mechanisms"]) <= set(claims["mechanisms"]["properties"])


@pytest.mark.parametrize("part", ["activations", "probes", "placebos", "cut_sweep", "unchanged_fork", "averages"])
def test_what_is_new_in_the_schema_says_what_it_is(part):
    assert len(schema()["properties"][part]["description"]) > 20


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"activations": [{"activation": "gelu", "arms": ["stp"]}]}, r"activations\[0\]\.arms: no arm 'stp'"),
        ({"activations": [{"activation": "tanh", "arms": ["step"]}]}, r"activations\[0\]\.activation"),
        ({"activations": [{"activation": "gelu", "arms": ["step"], "epochs": 31}]}, r"epochs: 31 is beyond the last"),
        ({"probes": {"milestone": 10, "arms": ["none", "stp"]}}, r"probes\.arms\[1\]: no arm 'stp'"),
        ({"probes": {"milestone": 28, "arms": ["none", "step"]}}, r"probes: epoch 33 is beyond the last epoch"),
        ({"probes": {"milestone": 10, "arms": ["step"]}}, r"probes\.arms: arm none is missing"),
        ({"probes": {"milestone": 10, "after": [1, 5, 1]}}, r"probes\.after"),
        ({"probes": {"milestone": 10, "after": [5, 1]}}, r"probes\.after: must rise"),
        ({"probes": {"milestone": 10}, "averages": []}, r"probes: .* state averages"),
    ],
)
def test_a_mistake_about_probes_is_told_with_its_key(tmp_path, keys, message):
    with pytest.raises(StudyError, match=message):
        study.load(write(tmp_path, GOOD | {"averages": [1]} | keys))
