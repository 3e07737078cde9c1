# The front door: `snakemake` reproduces the study that config/config.yaml names.
from snakemake.exceptions import WorkflowError
from snakemake.utils import min_version

min_version("9.0")


configfile: "config/config.yaml"


include: "workflow/rules/common.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/analysis.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/report.smk"


# for the progress display (src/errordrops/progress): what is to be done
onstart:
    logger.info(
        "",
        extra={
            EVENT: briefing(
                flow, workflow.dag.needrun_jobs(), workflow.dag.targetjobs
            )
        },
    )


# small steps, not worth a cluster's queue
localrules:
    all,
    article,
    collect,
    analyse,
    figure,
    foretell,
    report,


# fetching is for where the network is, decoding a million pictures is not for a cluster's front door
if not flow.on_disk(config["study"]):

    localrules:
        data,


rule all:
    default_target: True
    input:
        layout(config["study"]).report,
        # one that was deleted is made again, though the page is there
        flow.parts(config["study"]),
