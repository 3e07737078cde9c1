# One run: an arm with a seed. It waits for the run that it forks from; what is known of its past is not trained again.


def numerics(wildcards):
    """What else determines a run's bits: a change retrains."""
    study = study_of(wildcards.study)
    return {"threads": study.threads, "precision": study.precision, "device": config["device"]}


rule train:
    input:
        checked(lambda w: flow.training_inputs(w.study, w.arm, w.seed)),
    output:
        curve=RUN / "curve.csv",
        description=RUN / "run.json",
    params:
        key=checked(lambda w: flow.run_key(w.study, w.arm, w.seed)),
        numerics=numerics,
        options=flow.options(),
        training=flow.training_options(),
    threads: lambda w: study_of(w.study).threads
    resources:
        gpu=0,
    log:
        RUN / "train.log",
    conda:
        CONDA
    shell:
        "{RUN_STEP} train {wildcards.study} {wildcards.arm} {wildcards.seed} {params.options} {params.training} >> {log} 2>&1"


rule closeups:
    input:
        checked(lambda w: flow.closeup_inputs(w.study, w.arm, w.seed)),
    output:
        RUN / "closeups.csv",
    params:
        options=flow.options(),
        training=flow.training_options(),
    threads: lambda w: study_of(w.study).threads
    resources:
        gpu=0,
    log:
        RUN / "closeups.log",
    conda:
        CONDA
    shell:
        "{RUN_STEP} closeups {wildcards.study} {wildcards.arm} {wildcards.seed} {params.options} {params.training} > {log} 2>&1"
