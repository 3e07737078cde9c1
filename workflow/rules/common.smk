# Configuration checked, helpers at hand. What they compute lives in errordrops.workflow, where tests reach it.
import functools
import json
from pathlib import Path
from shlex import quote

import jsonschema
from snakemake.logging import logger
from snakemake.settings.types import DeploymentMethod

from errordrops.progress.briefing import EVENT, asked, briefing
from errordrops.results.clock import bring_to_present
from errordrops.results.layout import ANALYSIS_TABLES, Layout
from errordrops.results.lock import take_over
from errordrops.study.plan import PROBES
from errordrops.study.study import StudyError
from errordrops.workflow import (
    PACKAGE,
    Workflow,
    article_sources,
    code_of,
    put_this_python_first,
    report_sources,
    sample,
)

CONDA = "../envs/errordrops.yaml"
if DeploymentMethod.CONDA in workflow.deployment_settings.deployment_method:
    # that environment has what the package needs; the package itself is here
    shell.prefix(f"export PYTHONPATH={quote(str(PACKAGE.parent))}; ")
put_this_python_first()


def checked(function):
    """The function, with a mistake in a study file told as one message instead of a traceback."""

    @functools.wraps(function)  # Snakemake looks at the signature
    def call(*args):
        try:
            return function(*args)
        except StudyError as error:
            raise WorkflowError(str(error)) from None

    return call


def check_config():
    with open(workflow.source_path("../schemas/config.schema.json")) as schema:
        validator = jsonschema.Draft202012Validator(json.load(schema))
    for error in validator.iter_errors(config):
        raise WorkflowError(
            f"config: {'.'.join(map(str, error.absolute_path)) or 'keys'}: {error.message}"
        )


# For every job that it ever started, Snakemake (9.27) looks at all that are ready once more each second: the timer of
# its rate limit is set anew by each look. On one machine there are no submissions to limit, and a core to save.
if workflow.local_exec and workflow.scheduling_settings is not None:
    workflow.scheduling_settings.max_jobs_per_timespan = None
if workflow.is_main_process:
    take_over(Path(".snakemake"))

check_config()
flow = Workflow(config)
study_of = checked(flow.study)
layout = checked(flow.layout)
study_of(config["study"])  # a mistake in the study is told before anything runs
checked(flow.check_torch)(config["study"])
if workflow.is_main_process:
    bring_to_present(
        layout(config["study"]).root, Path(config["studies"]), PACKAGE, Path("report")
    )
    # for the progress display, where there is nothing to do
    logger.info(
        "", extra={EVENT: {"asked": lambda: asked(flow, workflow.dag.targetjobs)}}
    )
S = layout("{study}")
RUN = S.run("{arm}", "{seed}")


wildcard_constraints:
    study="[a-z][a-z0-9-]*",
    arm="[a-z][a-z0-9_-]*",
    seed="[0-9]+",
