"""How long a page takes to read: the words of its main part that are not folded away."""

import re
from collections import Counter
from html.parser import HTMLParser

WORDS_PER_MINUTE = 230
SKIPPED = {"script", "style", "noscript", "svg", "math", "details", "pre", "button", "nav"}  # not read, or folded
WORD = re.compile(r"\w[\w.,:/−-]*")


class Reader(HTMLParser):
    """Counts words below <main> by section (its h2); titles of charts count, references and commands do not."""

    def __init__(self):
        super().__init__()
        self.words, self.section, self.skipped, self.inside, self.heading = Counter(), "start", [], False, False

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        if tag == "main":
            self.inside = True
        skip = self.skipped or tag in SKIPPED or (tag == "code" and "title" in attrs) or attrs.get("id") == "refs"
        if skip and tag not in {"br", "img", "input", "hr", "wbr"}:
            self.skipped.append(tag)
        if tag == "h2" and not self.skipped:
            self.section, self.heading = "", True

    def handle_endtag(self, tag):
        if self.skipped and self.skipped[-1] == tag:
            self.skipped.pop()
        if tag == "h2":
            self.heading = False
        if tag == "main":
            self.inside = False

    def handle_data(self, data):
        if self.skipped == ["script"] and self.inside and '"title":' in data[:2_000_000]:
            found = re.search(r'"title":\{(?:[^{}]*?)"text":(\[[^\]]*\]|"[^"]*")[^{}]*"subtitle"', data)
            self.words[self.section] += len(WORD.findall(found[1])) if found else 0
        if self.inside and not self.skipped:
            self.section += data.strip() if self.heading else ""
            self.words[self.section] += len(WORD.findall(data))


def words(page: str) -> Counter:
    """Words by section of a page made by the stand-in."""
    reader = Reader()
    reader.feed(page)
    return reader.words
