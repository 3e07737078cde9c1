"""The probes: curvature against a full Hessian, products against differences, planted dead units, a tiny study."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from errordrops import cli
from errordrops.files import read_table
from errordrops.probes import batch_sharpness as sharpness
from errordrops.probes import displacement as motion
from errordrops.probes import hessian as curvature
from errordrops.probes import loss_map as landscape
from errordrops.probes import spectrum, units
from errordrops.probes.subject import Subject
from errordrops.probes.surface import Surface, along, flat
from errordrops.results.curves import PROBE_COLUMNS
from errordrops.study import plan
from errordrops.study.settings import Setting, stability_limit
from errordrops.training.batchnorm import batch_norms, set_groups
from errordrops.training.runs import Session, train_run
from networks import tiny, trainer

PROBED = {
    "arms": ["none", "batch"],
    "averages": [1],
    "probes": {
        "milestone": 2,
        "arms": ["none", "batch"],
        "images": 20,
        "directions": 2,
        "after": [1, 2],
        "map_points": 3,
    },
}


def small_surface(dtype=torch.float64):
    """A small network on random images, all second derivatives there (GELU)."""
    torch.manual_seed(3)
    model = torch.nn.Sequential(
        torch.nn.Conv2d(1, 3, 3, bias=False),
        torch.nn.BatchNorm2d(3),
        torch.nn.GELU(),
        torch.nn.Flatten(),
        torch.nn.Linear(3 * 4 * 4, 3),
    )
    return Surface(model, torch.randn(20, 1, 6, 6), torch.randint(0, 3, (20,)), dtype)


def full_hessian(surface, weights):
    product = surface.hessian(weights)
    return torch.stack([product(v) for v in torch.eye(surface.size, dtype=weights.dtype)])


def start(surface):
    return flat(surface.parameters).clone()


def test_products_are_those_of_finite_differences_of_the_gradient():
    surface = small_surface()
    weights, step = start(surface), 1e-5
    direction = torch.randn(surface.size, dtype=torch.float64)
    exact = surface.hessian(weights)(direction)
    differences = (
        (surface.gradient(weights + step * direction) - surface.gradient(weights - step * direction)) / step / 2
    )
    assert torch.allclose(exact, differences, rtol=1e-5, atol=1e-8)


def test_the_gradient_is_that_of_finite_differences_of_the_loss():
    surface = small_surface()
    weights, direction = start(surface), torch.randn(surface.size, dtype=torch.float64)
    slope = (surface.loss(weights + 1e-5 * direction) - surface.loss(weights - 1e-5 * direction)) / 2e-5
    assert float(surface.gradient(weights) @ direction) == pytest.approx(slope, rel=1e-6)


def test_eigenvalues_are_those_of_the_full_hessian():
    surface = small_surface()
    weights = start(surface)
    hessian = full_hessian(surface, weights).numpy()
    assert np.abs(hessian - hessian.T).max() < 1e-12
    exact = np.linalg.eigvalsh(hessian)
    assert exact[0] < 0 < exact[-1]
    values, vectors, leading = spectrum.ends(surface.hessian(weights), surface.size, 4)
    assert leading == 4
    expected = np.concatenate([exact[::-1][:4], exact[:4][::-1]])
    assert values == pytest.approx(expected, rel=1e-3)
    assert vectors.T @ vectors == pytest.approx(np.eye(8), abs=1e-8)
    total, error = spectrum.trace(surface.hessian(weights), surface.size, 400)
    assert abs(total - np.trace(hessian)) < 4 * error


def test_fewer_pairs_than_asked_for_are_never_taken_for_leading_ones(monkeypatch):
    """Where both ends do not converge at once, each is asked by itself; what is found says to which end it belongs."""
    surface = small_surface()
    weights = start(surface)
    exact = np.linalg.eigvalsh(full_hessian(surface, weights).numpy())
    solve = spectrum.eigsh

    def tired(operator, k, which, **options):
        if which == "SA":
            return solve(operator, k=k, which=which, **options)
        values, vectors = solve(operator, k=k, which="LA" if which == "BE" else which, **options)
        raise spectrum.ArpackNoConvergence("%s %s", values[-2:], vectors[:, -2:])  # two of the pairs, as it happens

    monkeypatch.setattr(spectrum, "eigsh", tired)
    values, vectors, leading = spectrum.ends(surface.hessian(weights), surface.size, 4)
    assert leading == 2 and vectors.shape == (surface.size, 6)
    assert values[:leading] == pytest.approx(exact[::-1][:2], rel=1e-3)
    assert values[leading:] == pytest.approx(exact[:4][::-1], rel=1e-3)


def test_a_part_along_a_basis_is_the_projection():
    basis = torch.linalg.qr(torch.randn(10, 3, dtype=torch.float64))[0]
    v = torch.randn(10, dtype=torch.float64)
    part = along(basis, v)
    assert torch.allclose(basis.T @ (v - part), torch.zeros(3, dtype=torch.float64), atol=1e-12)
    assert motion.share(basis, part) == pytest.approx(1)


def test_a_plane_goes_through_its_three_points():
    origin, one, other = torch.randn(3, 12, dtype=torch.float64)
    basis = landscape.plane(origin, one, other)
    for point in (one, other):
        assert torch.allclose(origin + along(basis, point - origin), point)


def test_planted_dead_units_are_found_and_silenced(tmp_path):
    """Two channels whose bias is far below zero never give more than zero, and no others do."""
    one = trainer(tmp_path)
    layers = units.activations(one.model)
    with torch.no_grad():
        layers[0].bias[1], layers[3].bias[[0, 3]] = -1e4, -1e4
    one.model.eval()
    images = one.data.normalise(one.data.train.images[:50])
    with torch.no_grad(), units.watched(one.model) as seen:
        expected = one.model(images)
    dead = units.channels(units.inverse(seen))
    assert dead[0].tolist() == [False, True, False, False]
    assert dead[3].tolist() == [True, False, False, True, False, False, False, False]
    with torch.no_grad(), units.silenced(one.model, units.inverse(seen)):
        assert torch.allclose(one.model(images), expected, atol=1e-6)  # they were silent already
    everything = [torch.ones_like(mask) for mask in seen]
    with torch.no_grad(), units.silenced(one.model, everything):
        assert torch.allclose(one.model(images), one.model.linear.bias.expand(50, -1), atol=1e-6)


@pytest.fixture(scope="module")
def probed(tmp_path_factory):
    """A tiny study with every run trained and probed through the command; (study, layout, table)."""
    loaded, layout = tiny(tmp_path_factory.mktemp("probed"), **PROBED)
    options = ["--results", str(layout.root.parent), "--device", "cpu"]
    for arm in ("none", "batch"):
        train_run(loaded, plan.find_run(loaded, arm, 0), layout, "cpu", lambda message: None)
    tables = []
    for run in plan.runs(loaded):
        for probe in [step for step in plan.steps(loaded, run) if step in plan.PROBES]:
            assert cli.main(["probe", str(loaded.path), run.arm, "0", probe, *options]) == 0
            tables.append(read_table(layout.run(run.arm, 0) / f"probe_{probe}.csv"))
    return loaded, layout, tables


def values(tables, arm, probe, quantity, moment=None):
    (table,) = [t for t in tables if (t["arm"].iloc[0], t["probe"].iloc[0]) == (arm, probe)]
    rows = table[(table["quantity"] == quantity) & (moment is None or table["moment"] == moment)]
    return rows.set_index("index")["value"]


def test_every_probe_writes_its_table(probed):
    _, _, tables = probed
    assert len(tables) == 2 * 7 + 1  # one map
    assert all(list(table.columns) == PROBE_COLUMNS and len(table) for table in tables)
    assert all(np.isfinite(table["value"]).all() for table in tables)


def test_arms_share_what_is_measured_before_the_milestone(probed):
    _, _, tables = probed
    for probe, quantity in (
        ("curvature", "eigenvalue"),
        ("curvature", "trace"),
        ("noise", "trace_S"),
        ("units", "loss"),
    ):
        found = [values(tables, arm, probe, quantity, "before").tolist() for arm in ("none", "batch")]
        assert found[0] == found[1] and found[0]


def test_the_parts_of_a_motion_begin_and_end_where_it_does(probed):
    _, _, tables = probed
    line = values(tables, "batch", "motion", "line", "after").tolist()
    ends = [values(tables, "batch", "motion", "loss", moment).iloc[0] for moment in ("before", "after")]
    assert [line[0], line[-1]] == pytest.approx(ends, rel=1e-5)
    assert 0 < values(tables, "batch", "motion", "share_leading", "after").iloc[0] < 1


def test_the_stability_limit_is_that_of_the_setting_in_use(probed):
    _, _, tables = probed
    limits = [values(tables, "batch", "curvature", "stability_limit", moment).iloc[0] for moment in ("before", "after")]
    assert limits == [stability_limit(0.05, 0.9)] * 2  # its rate stays what it was
    assert values(tables, "batch", "noise", "groups", "after").iloc[0] == 5


def test_a_replayed_epoch_ends_where_the_run_did(probed):
    loaded, layout, _ = probed
    subject = Subject(Session(loaded, plan.find_run(loaded, "batch", 0), layout, "cpu"))
    assert torch.equal(subject.replay(3)[-1], subject.weights("after"))
    assert not torch.equal(subject.weights("during"), subject.weights("before"))


def test_a_run_that_is_not_probed_is_refused(probed, capsys):
    loaded, layout, _ = probed
    assert cli.main(["probe", str(loaded.path), "none", "0", "landscape", "--results", str(layout.root.parent)]) == 1
    assert "does not probe landscape of none seed 0" in capsys.readouterr().err


def test_batch_sharpness_is_that_of_the_batch_hessian_along_its_gradient(probed):
    """Of two ghost groups, weighted and not, as if the batch had gone through the network in one piece."""
    loaded, layout, tables = probed
    subject = Subject(Session(loaded, plan.find_run(loaded, "batch", 0), layout, "cpu"))
    weights, size = subject.weights("before"), subject.trainer.group_size
    for factor in (1.0, 4.0):
        setting = replace(subject.settings[0], batch_size=2 * size, noise=factor)
        groups = next(sharpness.drawn(subject, setting, 1))
        images, labels, by = (list(parts) for parts in zip(*groups, strict=True))
        assert len(groups) == 2 and (by == [None, None]) == (factor == 1)
        whole = subject.surface(size).on(torch.cat(images), torch.cat(labels), torch.cat(by) if factor > 1 else None)
        set_groups(batch_norms(whole.model), 2)
        gradient = whole.gradient(weights)
        expected = float(gradient @ whole.hessian(weights)(gradient) / (gradient @ gradient))
        # float32, and two orders of summation
        assert sharpness.quotient(subject, weights, setting, 1).value == pytest.approx(expected, rel=0.02)
    (table,) = [t for t in tables if (t["arm"].iloc[0], t["probe"].iloc[0]) == ("batch", "sharpness")]
    limit = table[table["quantity"] == "limit_small"].set_index(["moment", "index"])["value"]
    assert limit.to_numpy() == pytest.approx(2 * 0.1 / 0.05)
    assert set(limit.index) == {("before", 0.0), ("before", 1.0), ("after", 0.0), ("later", 0.0)}


def test_a_quotient_of_means_has_the_error_of_its_batches():
    draw = np.random.default_rng(1)
    repeated = [sharpness.ratio(2 + draw.standard_normal(64), 1 + 0.1 * draw.standard_normal(64)) for _ in range(400)]
    assert np.mean([one.value for one in repeated]) == pytest.approx(2, abs=0.03)
    assert np.mean([one.error for one in repeated]) == pytest.approx(np.std([one.value for one in repeated]), rel=0.15)


def test_a_run_with_another_optimiser_has_the_stability_limit_of_its_own(tmp_path):
    study = {"optimizers": [{"optimizer": "nesterov", "arms": ["none"]}]}
    loaded, layout = tiny(tmp_path, **(PROBED | study))
    kinds = {name: Subject(Session(loaded, plan.find_run(loaded, name, 0), layout, "cpu")).kind for name in
             ("none", "none-nesterov")}  # fmt: skip
    assert kinds == {"none": "momentum", "none-nesterov": "nesterov"}
    limits = [curvature.limit_of(kind, Setting(0.1, 32, 0.9)) for kind in ("momentum", "nesterov", "adam")]
    assert limits == [stability_limit(0.1, 0.9), stability_limit(0.1, 0.9, nesterov=True), None]


def test_units_that_woke_without_a_change_are_silenced_too(probed):
    _, _, tables = probed
    for arm in ("none", "batch"):
        found = [
            values(tables, arm, "units", name, "after").iloc[0] for name in ("loss_silenced", "loss_silenced_control")
        ]
        assert np.isfinite(found).all() and (arm != "none" or found[0] == found[1])


def test_random_directions_stand_beside_the_leading_ones(probed):
    _, _, tables = probed
    shares = [values(tables, "batch", "motion", f"share_{name}", "after").iloc[0] for name in ("leading", "random")]
    basis = motion.random_basis(50, 3)
    assert torch.allclose(basis.T @ basis, torch.eye(3), atol=1e-5) and all(0 < share < 1 for share in shares)
