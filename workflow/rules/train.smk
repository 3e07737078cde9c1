# One run: an arm with a seed. It waits for the run that it forks from; what is known of its past is not trained again.


rule train:
    input:
        checked(lambda w: flow.training_inputs(w.study, w.arm, w.seed)),
    output:
        curve=RUN / "curve.csv",
        description=RUN / "run.json",
        right=RUN / "right.csv",
    log:
        RUN / "train.log",
    # runs wait for runs; close-ups can fill in
    priority: 10
    conda:
        CONDA
    threads: lambda w: flow.cores(w.study)
    resources:
        **flow.training_resources(),
    params:
        code=checked(lambda w: flow.code("train", w.study, w.arm, w.seed)),
        key=checked(lambda w: flow.run_key(w.study, w.arm, w.seed)),
        numerics=checked(lambda w: flow.numerics(w.study)),
        options=flow.options(),
        training=checked(lambda w: flow.training_options(w.study, w.arm, w.seed)),
        launch=lambda w: flow.launch(w.study, w.arm, w.seed),
    shell:
        "{params.launch} -m errordrops train {wildcards.study} {wildcards.arm} {wildcards.seed} {params.options} {params.training} >> {log} 2>&1"


# What each fork of a seed will do, from arm none alone: the forks wait for it.
rule foretell:
    input:
        S.run("none", "{seed}") / "curve.csv",
    output:
        S.run("none", "{seed}") / "foretold.json",
    log:
        S.run("none", "{seed}") / "foretell.log",
    conda:
        CONDA
    params:
        code=code_of("foretell"),
        options=flow.options(),
    shell:
        "python -m errordrops foretell {wildcards.study} {wildcards.seed} {params.options} > {log} 2>&1"


rule closeups:
    input:
        checked(lambda w: flow.closeup_inputs(w.study, w.arm, w.seed)),
    output:
        RUN / "closeups.csv",
    log:
        RUN / "closeups.log",
    conda:
        CONDA
    threads: lambda w: flow.cores(w.study)
    resources:
        **flow.training_resources(),
    params:
        code=checked(lambda w: flow.code("closeups", w.study, w.arm, w.seed)),
        options=flow.options(),
        training=checked(lambda w: flow.training_options(w.study, w.arm, w.seed)),
        launch=lambda w: flow.launch(w.study, w.arm, w.seed),
    shell:
        "{params.launch} -m errordrops closeups {wildcards.study} {wildcards.arm} {wildcards.seed} {params.options} {params.training} > {log} 2>&1"


rule probe:
    input:
        checked(lambda w: flow.probe_inputs(w.study, w.arm, w.seed, w.probe)),
    output:
        RUN / "probe_{probe}.csv",
    log:
        RUN / "probe_{probe}.log",
    wildcard_constraints:
        probe="|".join(PROBES),
    conda:
        CONDA
    threads: lambda w: flow.cores(w.study)
    resources:
        **flow.training_resources(),
    params:
        code=checked(lambda w: flow.code("probe", w.study, w.arm, w.seed)),
        options=flow.options(),
        training=checked(lambda w: flow.training_options(w.study, w.arm, w.seed)),
        launch=lambda w: flow.launch(w.study, w.arm, w.seed),
    shell:
        "{params.launch} -m errordrops probe {wildcards.study} {wildcards.arm} {wildcards.seed} {wildcards.probe} {params.options} {params.training} > {log} 2>&1"


rule audit:
    input:
        checked(lambda w: flow.audit_inputs(w.study, w.arm, w.seed)),
    output:
        RUN / "audit.csv",
    log:
        RUN / "audit.log",
    conda:
        CONDA
    threads: lambda w: flow.cores(w.study)
    resources:
        **flow.training_resources(),
    params:
        code=checked(lambda w: flow.code("audit", w.study, w.arm, w.seed)),
        options=flow.options(),
        training=checked(lambda w: flow.training_options(w.study, w.arm, w.seed)),
        launch=lambda w: flow.launch(w.study, w.arm, w.seed),
    shell:
        "{params.launch} -m errordrops audit {wildcards.study} {wildcards.arm} {wildcards.seed} {params.options} {params.training} > {log} 2>&1"
