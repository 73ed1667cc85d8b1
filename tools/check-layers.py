#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""check-layers - the room table of ARCHITECTURE.md against every #include

Usage: check-layers.py [TREE]. A room includes itself, what its row allows,
and no other room's *-private.h. Every room has a row and every row a room;
the table itself must be a DAG. Prints what is wrong; 1 if anything is.
"""
import pathlib
import re
import sys

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def read_table(text):
    rows = {}
    for line in text.splitlines():
        cells = [c.strip() for c in line.split("|")]
        if len(cells) == 5 and re.fullmatch(r"[a-z]+", cells[1]):
            if cells[1] != "room":
                rows[cells[1]] = set(cells[3].split()) - {"-"}
    return rows


def check_include(where, room, quote, target, rows, src):
    if quote == "<":
        if (src / target).exists():
            yield f'{where}: include our own header as "{target}"'
        return
    other = target.split("/")[0]
    if "/" not in target or not (src / target).exists():
        if other != "generated":
            yield f'{where}: "{target}" is no header of src/ROOM/'
        return
    if other != room and other not in rows.get(room, set()):
        yield f"{where}: {room} may not include {other} ({target})"
    if target.endswith("-private.h") and other != room:
        yield f"{where}: {target} belongs to {other} alone"


def check(tree):
    src = tree / "src"
    rows = read_table((tree / "ARCHITECTURE.md").read_text())
    if len(rows) < 10:
        yield "ARCHITECTURE.md: no room table found"
    folders = {d.name for d in src.iterdir() if d.is_dir()}
    for room in sorted(folders ^ rows.keys()):
        yield f"src/{room}: in the tree or in the table, but not in both"
    seen = set()
    for room, allowed in rows.items():  # rows stand in order of the DAG
        for other in sorted(allowed - seen):
            yield f"ARCHITECTURE.md: {room} names {other}, which comes later"
        seen.add(room)
    for path in sorted(src.rglob("*.[ch]")):
        room = path.relative_to(src).parts[0]
        for number, line in enumerate(path.read_text().splitlines(), 1):
            found = INCLUDE.match(line)
            if found:
                where = f"{path.relative_to(tree)}:{number}"
                yield from check_include(where, room, *found.groups(),
                                         rows, src)


def main():
    tree = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    wrong = list(check(tree))
    for line in wrong:
        print(line)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
