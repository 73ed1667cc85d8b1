#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""check-words - directions are named `app` and `host`, by no other words

Usage: check-words.py [TREE]. Looks at identifiers (not comments or strings)
of src/: a part between underscores that is a banned direction word. Every
source starts with SPDX and `file - purpose`, and has no TODO without issue.
"""
import pathlib
import re
import sys

STRIP = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|'
                   r"'(?:\\.|[^'\\\n])*'|^\s*#\s*include[^\n]*", re.S | re.M)
WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
BANNED = {"guest", "remote", "ingress", "egress", "inbound", "outbound"}
# A DNS, DHCP or control client is a thing, not a direction; elsewhere no
CLIENT = {"client", "server"}
CLIENT_ROOMS = {"link", "launch"}
# names that the kernel and libraries gave
GIVEN = re.compile(r"(?:IFLA|NDA|RTA|IFA|SO|TCP|IP|IPV6|SOL)_\w+")


def check_names(path, text):
    banned = BANNED | (CLIENT if path.parts[1] in CLIENT_ROOMS else set())
    blank = STRIP.sub(lambda m: "\n" * m.group().count("\n"), text)
    for number, line in enumerate(blank.splitlines(), 1):
        for word in WORD.findall(line):
            if not GIVEN.fullmatch(word) \
                    and banned & set(word.lower().split("_")):
                yield f"{path}:{number}: `{word}`: say app or host"


def check_head(path, text):
    lines = text.splitlines() + ["", ""]
    if lines[0] != "/* SPDX-License-Identifier: Apache-2.0 */":
        yield f"{path}:1: no SPDX line"
    if not re.match(r"/\* " + re.escape(path.name) + r" - \S", lines[1]) \
            and not re.match(r" \* " + re.escape(path.name) + r" - \S",
                             lines[2]):
        yield f"{path}:2: no line `{path.name} - purpose`"
    for number, line in enumerate(lines, 1):
        if re.search(r"\b(TODO|FIXME|XXX)\b", line) \
                and not re.search(r"(TODO|FIXME|XXX) ?\(?issue \d", line):
            yield f"{path}:{number}: a TODO names its issue"


def main():
    tree = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    wrong = []
    for full in sorted((tree / "src").rglob("*.[ch]")):
        path = full.relative_to(tree)
        text = full.read_text()
        wrong += list(check_names(path, text)) + list(check_head(path, text))
    for line in wrong:
        print(line)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
