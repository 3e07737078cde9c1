"""Photographs the top of a committed page for the README: python docs/page_picture.py (needs Chromium)."""

import shutil
from pathlib import Path

from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "results/reference/quick/report/index.html"

if __name__ == "__main__":
    program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1100, "height": 760})
        page.goto(PAGE.as_uri())
        page.wait_for_selector(".chart svg, .chart canvas")
        page.wait_for_timeout(3000)  # the other charts
        page.screenshot(path=ROOT / "docs/page.png")
        browser.close()
