# The data set of a study: fetched, checked, subsets drawn, one file.


rule data:
    input:
        modules("data/sources.py", "data/prepare.py", "data/folder.py"),
    output:
        S.data,
    params:
        dataset=lambda w: dict(study_of(w.study).dataset),
        options=flow.options(),
    log:
        S.root / "data.log",
    conda:
        CONDA
    shell:
        "{RUN_STEP} data {wildcards.study} {params.options} > {log} 2>&1"
