#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""traced - what the confined datapath called, beside what it may call

Usage: traced.py TREE PROFILE UNSEEN STRACE-FILE... ; the files are strace's
(-ff). UNSEEN has, a line each, calls that no run of a test can be made to make,
and why. Prints what was called and is not declared, and what is declared, was
not called and is not in UNSEEN, or is there and was called.
"""
import importlib.machinery
import importlib.util
import re
import sys

sys.dont_write_bytecode = True
CALL = re.compile(r"^(?:\d+\s+)?([a-z0-9_]+)\(")


def declared(tree, profile):
    loader = importlib.machinery.SourceFileLoader(
        "gen_seccomp", f"{tree}/tools/gen-seccomp")
    module = importlib.util.module_from_spec(
        importlib.util.spec_from_loader("gen_seccomp", loader))
    loader.exec_module(module)
    return set(module.collect(f"{tree}/src")[profile])


def called(path):
    """The calls after the filter; none where this is no datapath's trace."""
    found, datapath, confined = set(), False, False
    with open(path, encoding="utf-8", errors="replace") as f:
        for line in f:
            datapath |= 'PR_SET_NAME, "postern-data"' in line
            match = CALL.match(line)
            if datapath and confined and match:
                found.add(match.group(1))
            confined |= datapath and "seccomp(SECCOMP_SET_MODE_FILTER" in line
    return found


def main(tree, profile, unseen_path, *paths):
    seen = set().union(*(called(path) for path in paths))
    with open(unseen_path, encoding="utf-8") as f:
        unseen = {line.split()[0] for line in f
                  if line.strip() and not line.startswith("#")}
    # "brk?": it may be called or not
    either = {call[:-1] for call in unseen if call.endswith("?")}
    unseen = {call for call in unseen if not call.endswith("?")}
    allowed = declared(tree, profile)
    print(f"{profile}: {len(seen)} of {len(allowed)} calls were made")
    wrong = [f"{c}: was called and is not declared"
             for c in sorted(seen - allowed)]
    wrong += [f"{c}: is declared, and nothing calls it"
              for c in sorted(allowed - seen - unseen - either)]
    wrong += [f"{c}: is called, but stands in {unseen_path}"
              for c in sorted(unseen & seen)]
    print(*wrong, sep="\n")
    # a trace of nothing shows nothing
    return bool(wrong) or len(seen) < 15


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
