# The page: one HTML file that works with the network off.


rule report:
    input:
        checked(lambda w: flow.parts(w.study)),
        checked(lambda w: flow.compared_files(w.study)),
        report_sources(),
    output:
        S.report,
    log:
        S.root / "logs" / "report.log",
    conda:
        CONDA
    params:
        code=code_of("report"),
        options=flow.options(),
        # Quarto that was installed later renders the page anew
        engine=flow.engine(),
    shell:
        "python -m errordrops report {wildcards.study} {params.options} > {log} 2>&1"


# The front page of the project: prose written by hand, numbers of the committed results of all studies.
rule article:
    input:
        article_sources(),
    output:
        Path(config["results"]) / "article" / "index.html",
    log:
        Path(config["results"]) / "article" / "article.log",
    conda:
        CONDA
    params:
        code=code_of("article"),
        # Quarto that was installed later renders it anew
        engine=flow.engine(),
    shell:
        "python -m errordrops article --out {output} > {log} 2>&1"


if config.get("logs"):

    rule gallery:
        input:
            flow.log_files(),
        output:
            flow.gallery(),
        log:
            Path(config["results"]) / "gallery.log",
        conda:
            CONDA
        params:
            code=code_of("gallery"),
            logs=quote(config["logs"]),
        shell:
            "python benchmarks/logs.py {params.logs} --out {output} > {log} 2>&1"
