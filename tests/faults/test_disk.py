"""A full disk and a read-only one: one message that names the file, nothing half written, and with room it goes on."""

import errno
import shutil
import subprocess
from pathlib import Path

import pytest

from errordrops import cli
from errordrops.results.layout import Layout
from kept import check_store, trained
from networks import tiny


def command(study, layout, *arguments):
    more = ["--device", "cpu"] if arguments[0] == "train" else []
    return cli.main([arguments[0], str(study.path), *arguments[1:], *more, "--results", str(layout.root.parent)])


def told(capsys) -> str:
    said = capsys.readouterr().err
    assert "Traceback" not in said
    return said


@pytest.fixture
def disk(tmp_path):
    """A file system of its own in memory, and how to change its options."""
    folder = tmp_path / "disk"
    folder.mkdir()

    def mount(options, kind="-t tmpfs tmpfs"):
        return subprocess.run(f"mount {kind} -o {options} {folder}", shell=True, check=False, capture_output=True)

    if mount("size=1040k").returncode:
        pytest.skip("only root may mount a small file system")
    yield folder, lambda options: mount(f"remount,{options}", "").check_returncode()
    subprocess.run(["umount", folder], check=True)


@pytest.mark.faults
def test_a_full_disk(tmp_path, disk, capsys):
    folder, remount = disk
    study, whole = tiny(tmp_path)
    assert command(study, whole, "train", "none", "0") == 0
    layout = Layout.of("tiny", folder)
    assert command(study, layout, "data") == 0
    capsys.readouterr()
    assert command(study, layout, "train", "none", "0") == 1
    said = told(capsys)
    assert said.startswith(f"errordrops train: cannot write {layout.root}/") and "No space left on device" in said
    assert len(check_store(layout)) < 5
    assert not [path for path in layout.root.rglob(".*") if path.is_file()]  # nothing begun is left to fill the disk
    remount("size=20m")
    assert command(study, layout, "train", "none", "0") == 0
    assert trained(layout) == trained(whole)


@pytest.mark.faults
def test_a_read_only_disk(tmp_path, disk, capsys):
    folder, remount = disk
    study, layout = tiny(tmp_path, epochs=2, milestones=[1])
    remount("size=20m")
    shutil.copytree(layout.root, folder / "tiny")
    layout = Layout.of("tiny", folder)
    assert command(study, layout, "train", "none", "0") == 0
    before = trained(layout)
    remount("ro")
    (tmp_path / "tiny.yaml").write_text(study.path.read_text().replace("0.05", "0.06"))
    for arguments in (["train", "none", "0"], ["data"]):
        assert command(study, layout, *arguments) == 1
        said = told(capsys)
        assert said.startswith(f"errordrops {arguments[0]}: cannot write {layout.root}/")
        assert "Read-only file system" in said
    (tmp_path / "tiny.yaml").write_text(study.path.read_text().replace("0.06", "0.05"))
    assert command(study, layout, "collect") == 1
    assert "cannot write" in told(capsys)
    assert trained(layout) == before


@pytest.mark.parametrize("after", [3, 4, 9])
def test_a_disk_that_fills_up_wherever_it_does(tmp_path, monkeypatch, capsys, after):
    """The same without a file system of its own: the n-th file that is written finds no room for its second half."""
    study, layout = tiny(tmp_path, epochs=2, milestones=[1])
    write, written = Path.write_bytes, []

    def half(self, content):
        written.append(self)
        if len(written) < after:
            return write(self, content)
        write(self, content[: len(content) // 2])
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "write_bytes", half)
        assert command(study, layout, "train", "none", "0") == 1
    assert "No space left on device" in told(capsys)
    assert not written[-1].exists()
    check_store(layout)
    assert command(study, layout, "train", "none", "0") == 0
    whole = tiny(tmp_path / "whole", epochs=2, milestones=[1])[1]
    assert command(study, whole, "train", "none", "0") == 0
    assert trained(layout) == trained(whole)
