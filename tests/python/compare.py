#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""compare - Python's own test cases, natively and in the sandbox

Usage: compare.py --again LIST-OF-DIFFERENT DOC NATIVE-DIR INSIDE-DIR
       compare.py DOC NATIVE-DIR INSIDE-DIR...
Both directories hold the files that run-cases wrote, one a module. A case that
passes natively and not inside must stand in a table of DOC whose rows begin
"| `test_..." (shell patterns, several a row); beyond 2 % of what passes
natively none is forgiven. Rows under a heading with "on purpose" are refusals
that are wanted, told apart and not in the 2 %. A row that nothing needs any
more is wrong, too, unless it says "at times". More than one INSIDE-DIR: later ones are further tries of
the cases that --again wrote into a list. TAP on stdout.
"""
import fnmatch
import os
import re
import sys

SHARE = 0.02


def outcomes(folder):
    """{case: outcome}, {case: why}, modules that did not come to their end"""
    result, why, cut = {}, {}, []
    for name in sorted(os.listdir(folder)):
        with open(os.path.join(folder, name), encoding="utf-8") as lines:
            text = lines.read()
        for line in text.splitlines():
            case, _, outcome = line.partition("\t")
            if line.startswith("# "):
                case, _, reason = line[2:].partition(": ")
                why.setdefault(case, reason)
            elif result.get(case) != "fail":
                result[case] = outcome
        if not text.endswith("# done\n"):
            cut.append(name)
    return result, why, cut


def listed(doc):
    """[(pattern, on purpose?, at times?)] of the document's tables"""
    found, on_purpose = [], False
    with open(doc, encoding="utf-8") as lines:
        for line in lines:
            if line.startswith("#"):
                on_purpose = "on purpose" in line
            if line.startswith("| `test_"):
                cells = line.split("|")
                for pattern in re.findall(r"`([^`]+)`", cells[1]):
                    found.append(("test." + pattern, on_purpose,
                                  "at times" in line))
    return found


def differing(native, inside):
    """cases that pass natively and not inside"""
    return [case for case, outcome in native.items()
            if outcome == "ok" and inside.get(case) != "ok"]


def tap(number, good, text):
    """one line of TAP"""
    print(f"{'ok' if good else 'not ok'} {number} - {text}")
    return good


def judge(doc, native_dir, inside_dirs):
    """prints TAP; true when all is well"""
    native, _, native_cut = outcomes(native_dir)
    inside, why, cut = outcomes(inside_dirs[0])
    for folder in inside_dirs[1:]:
        again, _, _ = outcomes(folder)
        for case, outcome in again.items():
            if outcome == "ok" and inside.get(case) != "ok":
                print(f"# only at a further try: {case}: "
                      f"{why.get(case, '')}")
                inside[case] = "ok"
    rows = listed(doc)
    needed, unargued, wanted, counted = set(), [], 0, 0
    for case in differing(native, inside):
        row = next((r for r in rows if fnmatch.fnmatch(case, r[0])), None)
        if row:
            needed.add(row)
        else:
            unargued.append(case)
        if row and row[1]:
            wanted += 1
        else:
            counted += 1
    passed = sum(1 for outcome in native.values() if outcome == "ok")
    ran = {case.split(".")[1] for case in native}
    stale = [r[0] for r in rows if r not in needed and not r[2] and
             r[0].split(".")[1] in ran and
             any(fnmatch.fnmatch(case, r[0]) for case in native)]
    print("1..4")
    print(f"# {passed} cases pass natively, {counted} differ inside, "
          f"{wanted} are refused on purpose")
    good = tap(1, passed > 500 and not native_cut and not cut,
               f"the modules came to their end {native_cut} {cut}")
    for case in unargued:
        print(f"# differs, and is not argued: {case}: "
              f"{inside.get(case, 'did not run')} {why.get(case, '')}")
    good &= tap(2, not unargued, "each difference stands in the document")
    good &= tap(3, counted <= SHARE * (passed - wanted),
                "at most 2 % of what passes natively differs")
    for pattern in stale:
        print(f"# listed, and differs no more: {pattern}")
    good &= tap(4, not stale, "each row of the document is needed")
    return good


def main():
    """as the docstring says"""
    args = sys.argv[1:]
    if args[0] == "--again":
        native, _, _ = outcomes(args[3])
        inside, _, _ = outcomes(args[4])
        rows = listed(args[2])
        with open(args[1], "w", encoding="utf-8") as out:
            for case in differing(native, inside):
                if not any(fnmatch.fnmatch(case, r[0]) for r in rows):
                    print(case, file=out)
        return 0
    return 0 if judge(args[0], args[1], args[2:]) else 1


sys.exit(main())
