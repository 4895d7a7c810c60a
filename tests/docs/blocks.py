"""The fenced blocks of a document, by the heading that they stand under."""

import re
from collections import namedtuple

Block = namedtuple("Block", "heading line language text")
Section = namedtuple("Section", "heading blocks")

FENCE = re.compile(r"^```(\S*)\s*$")
HEADING = re.compile(r"^##? (.+)$")
# A file's block says its name first, so that people know, too.
NAME = re.compile(r"^(?:#|//) ([\w./-]+\.\w+)$")


def sections_of(path):
    """Those that have blocks, in their order."""
    heading, block, begun, sections = "", None, 0, {}
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        fence = FENCE.match(line)
        if block is None and fence:
            language, block, begun = fence.group(1), [], number
        elif block is None:
            found = HEADING.match(line)
            heading = found.group(1) if found else heading
        elif fence:
            text = "".join(f"{it}\n" for it in block)
            sections.setdefault(heading, []).append(Block(heading, begun, language, text))
            block = None
        else:
            block.append(line)
    if block is not None:
        raise ValueError(f"{path}:{begun}: the block has no end")
    return [Section(heading, blocks) for heading, blocks in sections.items()]


def name_of(block):
    first = block.text.partition("\n")[0]
    found = NAME.match(first)
    return found.group(1) if found else None
