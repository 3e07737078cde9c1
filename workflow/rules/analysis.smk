# The runs of a study brought together; tables, claims, provenance.


rule collect:
    input:
        checked(
            lambda w: flow.run_files(w.study, "train")
            + flow.run_files(w.study, "closeups")
            + flow.run_files(w.study, "audit")
            + [name for probe in PROBES for name in flow.run_files(w.study, probe)]
        ),
    output:
        curves=S.curves,
        right=S.table("right"),
        closeups=S.closeups,
        audit=S.table("audit"),
        probes=S.table("probes"),
    log:
        S.root / "logs" / "collect.log",
    conda:
        CONDA
    params:
        code=code_of("collect"),
        options=flow.options(),
    shell:
        "python -m errordrops collect {wildcards.study} {params.options} > {log} 2>&1"


rule analyse:
    input:
        checked(lambda w: flow.run_files(w.study, "train")),
        checked(lambda w: study_of(w.study).path),
        S.curves,
        S.table("right"),
        S.closeups,
        S.table("audit"),
        S.table("probes"),
        checked(lambda w: flow.run_files(w.study, "foretell")),
    output:
        [S.table(name) for name in ANALYSIS_TABLES],
        S.claims,
        S.provenance,
    log:
        S.root / "logs" / "analyse.log",
    conda:
        CONDA
    params:
        code=code_of("analyse"),
        # its time says nothing where a clock was set back or the file comes from an archive
        study=checked(lambda w: flow.study_digest(w.study)),
        options=flow.options(),
    shell:
        "python -m errordrops analyse {wildcards.study} {params.options} > {log} 2>&1"
