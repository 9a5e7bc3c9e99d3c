# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The virtq project
"""usage: doc-messages.py

Refuses a message in doc/ that no source prints.  A message is what stands in `quotes` in
the first column of a table whose header is "message".  What a source prints in its place
is written as …, for any text, or as one capital letter (N, ethX), for one value.

Prints each offending line.  Messages of DPDK and of the kernel are not checked: the
tables below a heading of FOREIGN.
"""

import pathlib
import re
import sys

DOCS = ("doc/troubleshooting.md", "doc/device.md")
FOREIGN = ("From EAL",)
C_SOURCES = ("lib/**/*.[ch]", "drivers/**/*.[ch]", "examples/**/*.[ch]")
SCRIPTS = ("mk/*.sh", "mk/*.py", "mk/*.mk", "examples/**/*.py")

VALUE = "\0"  # in a source's text: what is filled in when it runs
# Less fixed text than this would be found anywhere.
MIN_FIXED = 8

# Literals next to each other are one text; a macro between them (PRIu64) fills in a value.
C_TOKEN = re.compile(r'"(?:[^"\\\n]|\\.)*"|/\*.*?\*/|//[^\n]*|'
                     r"'(?:[^'\\\n]|\\.)+'|[A-Za-z_]\w*|\S", re.S)
MACRO = re.compile(r"[A-Z][A-Za-z0-9_]*$")
CONVERSION = re.compile(r"%%|%[-+ #0]*(?:\*|\d+)?(?:\.(?:\*|\d+))?(?:hh|h|ll|l|j|z|t)?[a-zA-Z]?")
SCRIPT_VALUE = re.compile(r"\$\{[^}]*\}|\$\([^)]*\)|\$\w+|\$[@*#?]|\{[^{}]*\}")
PLACEHOLDER = re.compile(r"(…|\b(?:eth)?[A-Z]\b)")


def literal(token):
    """The text of a C string literal, its conversions as VALUE."""
    text = re.sub(r"\\(.)", lambda m: {"n": " ", "t": " "}.get(m[1], m[1]), token[1:-1])
    return CONVERSION.sub(lambda m: "%" if m[0] == "%%" else VALUE, text)


def c_texts(source):
    """Every text in string literals of a C source, without its comments."""
    text, pending = "", ""
    for token in C_TOKEN.findall(source):
        if token.startswith(("/*", "//")):
            continue
        if token.startswith('"'):
            text, pending = text + pending + literal(token), ""
        elif text and MACRO.match(token):
            pending = VALUE
        else:
            if text:
                yield text
            text, pending = "", ""
    if text:
        yield text


def patch_source(path):
    """What a patch adds to QEMU's C sources, without its tests, as one source."""
    added, wanted = [], False
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("+++ "):
            wanted = line.endswith((".c", ".h")) and not line.startswith("+++ b/tests/")
        elif wanted and line.startswith("+"):
            added.append(line[1:])
        elif wanted:
            added.append(";")
    return "\n".join(added)


def script_texts(source):
    """Every line of a script that is no comment, what it expands as VALUE."""
    for line in source.splitlines():
        if not line.lstrip().startswith("#"):
            yield SCRIPT_VALUE.sub(VALUE, line)


def printed():
    """All texts that the sources can print."""
    top = pathlib.Path(".")
    texts = []
    for pattern in C_SOURCES:
        for path in top.glob(pattern):
            texts += c_texts(path.read_text(encoding="utf-8"))
    for path in top.glob("qemu-patches/*.patch"):
        texts += c_texts(patch_source(path))
    for pattern in SCRIPTS:
        for path in top.glob(pattern):
            if path.name != pathlib.Path(__file__).name:
                texts += script_texts(path.read_text(encoding="utf-8"))
    return texts


def messages(path):
    """Yields (line number, message) of the tables of messages."""
    heading, table = "", False
    for number, line in enumerate(pathlib.Path(path).read_text(encoding="utf-8").splitlines(), 1):
        if line.startswith("#"):
            heading = line.lstrip("# ")
        if not line.startswith("|"):
            table = False
            continue
        first = line.split("|")[1].strip()
        if first == "message":
            table = not heading.startswith(FOREIGN)
        elif table:
            yield from ((number, text) for text in re.findall(r"`([^`]+)`", first))


def pattern_of(message):
    """What a source has to say for a message; None if too little of it is fixed."""
    parts = PLACEHOLDER.split(message)
    if sum(len(fixed) for fixed in parts[::2]) < MIN_FIXED:
        return None

    def fixed(text):
        # a source may fill in a number, or the name of an option, that the doc spells out
        return re.sub(r"\d+|\w+(?==)", lambda m: f"(?:{m[0]}|{VALUE}+)", re.escape(text))

    return re.compile("".join(fixed(part) if n % 2 == 0 else ".*" if part == "…" else VALUE + "+"
                              for n, part in enumerate(parts)), re.S)


def is_printed(message, texts):
    """Whether one text has it; or one ends in ": %s", and another one begins there."""
    whole = pattern_of(message)
    if whole and any(whole.search(text) for text in texts):
        return True
    before, _, after = message.partition(": ")
    head, tail = pattern_of(before), pattern_of(after)
    if not head or not tail:
        return False
    head = re.compile(head.pattern + f": {VALUE}$", re.S)
    return any(head.search(text) for text in texts) and any(tail.match(text) for text in texts)


def main():
    texts, bad, count = printed(), [], 0
    for path in DOCS:
        for number, message in messages(path):
            count += 1
            if not pattern_of(message):
                bad.append(f"{path}:{number}: `{message}`: too little fixed text to look for")
            elif not is_printed(message, texts):
                bad.append(f"{path}:{number}: no source prints `{message}`")
    if bad or not count:
        print("\n".join(bad) or "no message found in " + ", ".join(DOCS))
        return 1
    print(f"  {count} messages of {', '.join(DOCS)} are printed by the sources")
    return 0


if __name__ == "__main__":
    sys.exit(main())
