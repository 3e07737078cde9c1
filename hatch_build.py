"""The libraries that draw a page's charts go into the wheel as one script: `errordrops explain --html` then needs
nothing but what the wheel names, where vl-convert would take 84 MB.
"""

import tempfile
from pathlib import Path
from typing import Any

import vl_convert
from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class Libraries(BuildHookInterface):
    """In an editable install the script is made when it is needed (figures/embedding.py)."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "editable":
            return
        self.made = Path(tempfile.mkdtemp()) / "vega.js"
        self.made.write_text(vl_convert.javascript_bundle(snippet="window.vegaEmbed = vegaEmbed;"), encoding="utf-8")
        build_data["force_include"][str(self.made)] = "errordrops/figures/vega.js"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        if version != "editable":
            self.made.unlink()
            self.made.parent.rmdir()
