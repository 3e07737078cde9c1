"""A probe of one run: from its checkpoints to probe_NAME.csv. All probes write one kind of table."""

from collections.abc import Callable

import pandas as pd

from ..files import write_csv
from ..results.curves import PROBE_COLUMNS
from ..results.layout import Layout
from ..study.plan import Run
from ..study.study import Study
from ..training import distributed
from ..training.runs import Session
from . import batch_sharpness as sharpness
from . import displacement as motion
from . import gradient_noise as noise
from . import hessian as curvature
from . import loss_map as landscape
from . import path, relaxation, units
from .subject import Subject

PROBES = {
    "units": units.probe,
    "curvature": curvature.probe,
    "motion": motion.probe,
    "noise": noise.probe,
    "path": path.probe,
    "relaxation": relaxation.probe,
    "sharpness": sharpness.probe,
    "landscape": landscape.probe,
}


def probe_run(name: str, study: Study, run: Run, layout: Layout, device: str, say: Callable[[str], None]) -> None:
    """Probe a run; write probe_NAME.csv (see `curves.PROBE_COLUMNS`)."""
    rows = PROBES[name](Subject(Session(study, run, layout, device)))
    say(f"probe {name} of {run.arm} seed {run.seed}: {len(rows)} numbers")
    table = pd.DataFrame([(study.name, run.arm, run.seed, name, *reading) for reading in rows], columns=PROBE_COLUMNS)
    if not distributed.rank():
        write_csv(layout.run(run.arm, run.seed) / f"probe_{name}.csv", table, with_sum=True)
