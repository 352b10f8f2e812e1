"""What README.md tells a person to do, taken from it word for word."""

import re

from .site import ROOT

README = ROOT / "README.md"


def section(title):
    """What stands below a heading, up to the next of its rank."""
    marks, _ = title.split(" ", 1)
    found = re.search(
        rf"(?ms)^{re.escape(title)}$\n(.*?)(?=^#{{1,{len(marks)}}} |\Z)",
        README.read_text("utf-8"),
    )
    assert found, f"README has no {title!r}"
    return found.group(1)


def blocks(title, language="sh"):
    """The code blocks of a section, in order."""
    found = re.findall(r"(?ms)^```(\w*)\n(.*?)^```$", section(title))
    return [text for name, text in found if name == language]


def replaced(text, words):
    """With other words for what the reader is to replace; each must be there
    somewhere in what was read."""
    for old, new in words.items():
        text = text.replace(old, str(new))
    return text
