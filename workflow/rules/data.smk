# The data set of a study: fetched, checked, subsets drawn, one file.


rule data:
    input:
        modules(
            "data/sources.py",
            "data/prepare.py",
            "data/folder.py",
            "data/cifar_folder.py",
        ),
        modules("data/sample/", ending="npz"),
    output:
        S.data,
    log:
        S.root / "data.log",
    conda:
        CONDA
    params:
        dataset=lambda w: dict(study_of(w.study).dataset),
        options=flow.options(),
    shell:
        "python -m errordrops data {wildcards.study} {params.options} > {log} 2>&1"
