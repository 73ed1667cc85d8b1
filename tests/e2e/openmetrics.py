#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""openmetrics - is standard input an exposition of OpenMetrics 1.0?

The part of the grammar that a program without timestamps and exemplars uses:
metadata before samples, families whole and once, types with their suffixes,
labels escaped and once, "# EOF" and a newline at the end. 0 if it is.
"""
import re
import sys

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = r'[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\[\\n"])*"'
SAMPLE = re.compile(rf"({NAME})(?:\{{({LABEL}(?:,{LABEL})*)?\}})? "
                    r"(-?(?:\d+(?:\.\d*)?(?:e[+-]?\d+)?|Inf)|NaN)")
META = re.compile(rf"# (TYPE|UNIT|HELP) ({NAME}) (.*)")
SUFFIXES = {"gauge": [""], "counter": ["_total", "_created"]}


def check(text):
    assert text.endswith("# EOF\n"), "the end"
    lines = text.split("\n")[:-2]
    family, seen, meta, samples, sampled = None, set(), {}, set(), False
    for line in lines:
        found = META.fullmatch(line)
        if found:
            what, name, value = found.groups()
            if name != family:
                assert name not in seen, f"{name} twice"
                seen.add(name)
                family, meta, sampled = name, {}, False
            assert not sampled, f"{line}: after its samples"
            assert what not in meta, f"{line}: twice"
            meta[what] = value
            if what == "TYPE":
                assert value in SUFFIXES, line
            if what == "UNIT":
                assert name.endswith("_" + value), line
            continue
        found = SAMPLE.fullmatch(line)
        assert found, f"no sample: {line!r}"
        name, labels, value = found.groups()
        assert family and "TYPE" in meta, f"{line}: of what type?"
        assert name in [family + s for s in SUFFIXES[meta["TYPE"]]], line
        keys = re.findall(r'([a-zA-Z_]\w*)="', labels or "")
        assert len(keys) == len(set(keys)), f"{line}: a label twice"
        assert (name, labels) not in samples, f"{line}: twice"
        samples.add((name, labels))
        sampled = True
        if meta["TYPE"] == "counter":
            assert not value.startswith("-"), line
    assert samples, "no sample"


check(sys.stdin.read())
