#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""tally - counts what a `meson test` run said, test by test

Usage: tally.py TESTLOG.json TALLY [AGAIN.json]
       tally.py --failed TESTLOG.json
The second form prints the names of the tests that failed. AGAIN.json is the
log of their second try, which then counts instead, and is told. Reads meson's
log (one JSON object a line), counts each TAP line, or the exit status where a
test speaks no TAP, prints what failed, with what the test said of it, and what
was skipped and why, and appends "PASSED FAILED SKIPPED" to the file TALLY.
"""
import json
import os
import re
import sys

RESULT = re.compile(r"^\s*(not ok|ok)\b[ \t]*(.*)$")
SKIP = re.compile(r"#\s*skip\b:?\s*(.*)$", re.I)
SAID_MAX = 60  # lines of one failed test that are shown
PLAN_SKIP = re.compile(r"^1\.\.0\s*#\s*skip\b:?\s*(.*)$", re.I | re.M)


def count(test):
    """(passed, failed, skipped, lines to show) of one meson test"""
    passed = failed = skipped = 0
    shown = []
    said = SAID_MAX
    for line in (test.get("stdout") or "").splitlines():
        found = RESULT.match(line)
        if not found:
            if said < SAID_MAX and line.startswith("#"):
                shown.append(f"    {line}")
                said += 1
            continue
        said = SAID_MAX
        skip = SKIP.search(found[2])
        if found[1] == "not ok" and "# TODO" not in line:
            failed += 1
            shown.append(f"  FAILED  {test['name']}: {found[2]}")
            said = 0
        elif skip:
            skipped += 1
            shown.append(f"  skipped {test['name']}: {found[2]}")
        else:
            passed += 1
    fine = test["result"] in ("OK", "SKIP", "EXPECTEDFAIL")
    if not passed + failed + skipped:
        if test["result"] == "SKIP":
            why = PLAN_SKIP.search(test.get("stdout") or "")
            shown.append(f"  skipped {test['name']}: "
                         f"{why[1] if why else 'said so'}")
            return 0, 0, 1, shown
        passed, failed = (1, 0) if fine else (0, 1)
    if not fine and not failed:
        failed = 1  # died, timed out, or a plan that was not kept
    if failed and not any("FAILED" in line for line in shown):
        shown.append(f"  FAILED  {test['name']}: {test['result']}, status "
                     f"{test.get('returncode')}")
    return passed, failed, skipped, shown


def judged(test):
    """count(), but where everything must work a skip is a failure"""
    passed, failed, skipped, shown = count(test)
    if skipped and os.environ.get("POSTERN_MUST_WORK"):
        failed, skipped = failed + skipped, 0
        shown = [s.replace("  skipped", "  FAILED (skipped)")
                 for s in shown]
    return passed, failed, skipped, shown


def tests_of(path):
    with open(path, encoding="utf-8", errors="replace") as log:
        return [json.loads(line) for line in log]


def main():
    total = [0, 0, 0]
    if sys.argv[1] == "--failed":
        for test in tests_of(sys.argv[2]):
            if judged(test)[1]:
                print(test["name"].split(" / ", 1)[-1])
        return
    again = {t["name"]: t for t in tests_of(sys.argv[3])} \
        if len(sys.argv) > 3 else {}
    for test in tests_of(sys.argv[1]):
        passed, failed, skipped, shown = judged(test)
        if failed and test["name"] in again:
            print("\n".join(shown))
            print(f"  again   {test['name']}: the second try counts")
            passed, failed, skipped, shown = judged(again[test["name"]])
        total = [a + b for a, b in zip(total, (passed, failed, skipped))]
        print("\n".join(shown), end="\n" if shown else "")
    print(f"  {total[0]} passed, {total[1]} failed, {total[2]} skipped here")
    with open(sys.argv[2], "a", encoding="ascii") as tally:
        print(*total, file=tally)
    sys.exit(1 if total[1] else 0)


if __name__ == "__main__":
    main()
