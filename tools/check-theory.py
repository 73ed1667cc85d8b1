#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""check-theory - the symbols that THEORY blocks speak of must exist

Usage: check-theory.py [TREE]. Each `backticked` C identifier, file or option
in a comment that contains the word THEORY is looked for in the code outside
that comment. A room with code holds at least one such block.
"""
import pathlib
import re
import sys

COMMENT = re.compile(r"/\*.*?\*/", re.S)
TICKED = re.compile(r"`([^`\n]+)`")
WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# A room below this many lines says it all in its headers; base is a shelf
SMALL = 400
SHELVES = {"base"}


def check(tree):
    src = tree / "src"
    texts = {p: p.read_text() for p in sorted(src.rglob("*.[ch]"))}
    code = {p: COMMENT.sub(" ", t) for p, t in texts.items()}
    words = set()
    for text in code.values():
        words.update(WORD.findall(text))
    files = {str(p.relative_to(src)) for p in texts}
    files |= {p.name for p in texts}
    theories = set()
    for path, text in texts.items():
        for comment in COMMENT.findall(text):
            if "THEORY" not in comment:
                continue
            theories.add(path.relative_to(src).parts[0])
            for ticked in TICKED.findall(comment):
                symbol = re.sub(r"(\(\)|^struct |^enum )", "", ticked.strip())
                symbol = symbol.split(".")[-1] if symbol not in files \
                    else symbol
                if symbol in files or symbol in words:
                    continue
                if WORD.fullmatch(symbol):
                    yield (f"{path.relative_to(tree)}: THEORY speaks of "
                           f"`{ticked}`, which does not exist")
    for room in sorted({p.relative_to(src).parts[0] for p in texts}):
        lines = sum(t.count("\n") for p, t in texts.items()
                    if p.relative_to(src).parts[0] == room
                    and p.suffix == ".c")
        if lines > SMALL and room not in theories | SHELVES:
            yield f"src/{room}: {lines} lines and no THEORY block"


def main():
    tree = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    wrong = list(check(tree))
    for line in wrong:
        print(line)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
