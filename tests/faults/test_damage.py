"""Files cut short or with flipped bits: found, named, made again to the same bits where they can be."""

import random
import shutil

import pytest

from errordrops import cli
from errordrops.files import DamageError, check, read_table, write_parquet
from errordrops.results.layout import Layout
from errordrops.training.checkpoints import Store
from networks import tiny


def command(study, layout, *arguments):
    more = ["--device", "cpu"] if arguments[0] in ("train", "closeups") else []
    return cli.main([arguments[0], str(study.path), *arguments[1:], *more, "--results", str(layout.root.parent)])


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Arms none and step of two epochs, as results before step was trained (half) and after (whole)."""
    folder = tmp_path_factory.mktemp("trained")
    study, layout = tiny(folder, epochs=2, milestones=[1], arms=["none", "step"])
    assert command(study, layout, "train", "none", "0") == 0
    shutil.copytree(folder / "results", folder / "half", symlinks=True)
    assert command(study, layout, "train", "step", "0") == command(study, layout, "closeups", "step", "0") == 0
    return study, Layout.of("tiny", folder / "half"), layout


def cut(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])


DRAW = random.Random(0)


def flip(path, draw=DRAW):
    content = bytearray(path.read_bytes())
    content[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
    path.write_bytes(content)


def copy(layout, tmp_path):
    shutil.copytree(layout.root, tmp_path / "tiny", symlinks=True)
    return Layout(tmp_path / "tiny")


def kept(layout, epoch, ending="safetensors", arm="none"):
    """The file of an epoch in the store."""
    path = (layout.run(arm, 0) / f"checkpoints/epoch{epoch:03d}.safetensors").resolve()
    return path.with_name(f"{path.stem}.{ending}")


@pytest.mark.parametrize("spoil", [cut, flip])
@pytest.mark.parametrize("lost", [[1], [0, 1]])
def test_a_damaged_checkpoint_is_named_and_computed_again(trained, tmp_path, caplog, spoil, lost):
    study, half, whole = trained
    layout = copy(half, tmp_path)
    before = {epoch: kept(layout, epoch).read_bytes() for epoch in (0, 1)}
    for epoch in lost:
        spoil(kept(layout, epoch))
    assert command(study, layout, "train", "step", "0") == 0  # it forks after epoch 1
    for epoch in lost:
        assert f"{kept(layout, epoch).name} is damaged" in caplog.text.replace("\n", " ")
    assert {epoch: kept(layout, epoch).read_bytes() for epoch in (0, 1)} == before
    assert (layout.run("step", 0) / "curve.csv").read_bytes() == (whole.run("step", 0) / "curve.csv").read_bytes()


@pytest.mark.parametrize("spoil", [cut, flip])
def test_a_damaged_record_is_named_and_measured_again(trained, tmp_path, caplog, spoil):
    study, half, whole = trained
    layout = copy(half, tmp_path)
    spoil(kept(layout, 2, "record.json"))
    assert command(study, layout, "train", "none", "0") == 0
    assert f"{kept(layout, 2, 'record.json').name} is damaged" in caplog.text
    assert (layout.run("none", 0) / "curve.csv").read_bytes() == (whole.run("none", 0) / "curve.csv").read_bytes()


@pytest.mark.parametrize("spoil", [cut, flip])
@pytest.mark.parametrize("name", ["curve.csv", "run.json", "closeups.csv"])
def test_a_damaged_table_of_a_run_stops_collection_and_is_made_again(trained, tmp_path, capsys, spoil, name):
    study, _, whole = trained
    layout = copy(whole, tmp_path)
    path = layout.run("step", 0) / name
    before = path.read_bytes()
    spoil(path)
    assert command(study, layout, "collect") == 1
    told = capsys.readouterr().err
    assert f"{path} is damaged: its SHA-256" in told and "Traceback" not in told
    assert not layout.curves.exists() and not path.exists()  # a workflow makes what is not there
    assert command(study, layout, "closeups" if name == "closeups.csv" else "train", "step", "0") == 0
    assert command(study, layout, "collect") == 0
    assert path.read_bytes() == before


@pytest.mark.parametrize("spoil", [cut, flip])
def test_damaged_data_stop_training_and_are_made_again(trained, tmp_path, capsys, spoil):
    study, half, whole = trained
    layout = copy(half, tmp_path)
    before = layout.data.read_bytes()
    spoil(layout.data)
    assert command(study, layout, "train", "step", "0") == 1
    told = capsys.readouterr().err
    assert f"{layout.data} is damaged" in told and "Traceback" not in told
    assert not (layout.run("step", 0) / "curve.csv").exists()
    assert command(study, layout, "data") == command(study, layout, "train", "step", "0") == 0
    assert layout.data.read_bytes() == before
    assert (layout.run("step", 0) / "curve.csv").read_bytes() == (whole.run("step", 0) / "curve.csv").read_bytes()


def test_whatever_bit_is_flipped_no_file_gives_a_wrong_number(trained, tmp_path):
    """300 flips of each kind of file: either it is refused, or what is read is what was written."""
    _, half, _ = trained
    draw = random.Random(1)
    state, record, table = kept(half, 2), kept(half, 2, "record.json"), half.run("none", 0) / "curve.csv"
    right, store = Store(state.parent), Store(tmp_path / "store")
    write_parquet(tmp_path / "curves.parquet", read_table(table))
    for name in ("curve.csv", "curve.csv.sha256"):
        shutil.copyfile(table.with_name(name), tmp_path / name)
    refused = dict.fromkeys(("state", "record", "data", "curve.csv", "curves.parquet"), 0)
    for _ in range(300):
        for source in (state, record):
            shutil.copyfile(source, store.folder / source.name)
            flip(store.folder / source.name, draw)
        given = store.load_state(state.stem)
        refused["state"] += given is None
        expected = right.load_state(state.stem)
        assert given is None or all(given[name].equal(expected[name]) for name in expected)
        given = store.record(state.stem)
        refused["record"] += given is None
        assert given in (None, right.record(state.stem))
        for name in ("curve.csv", "curves.parquet"):
            path = tmp_path / name
            content = path.read_bytes()
            flip(path, draw)
            with pytest.raises(DamageError, match="its SHA-256"):
                check(path)
            refused[name] += 1
            path.write_bytes(content)
    for _ in range(20):  # larger
        for name in ("data.safetensors", "data.safetensors.sha256"):
            shutil.copyfile(half.root / name, tmp_path / name)
        flip(tmp_path / "data.safetensors", draw)
        with pytest.raises(DamageError):
            check(tmp_path / "data.safetensors")
        refused["data"] += 1
    print(refused)
    assert refused["state"] > 290 and refused["record"] > 290
