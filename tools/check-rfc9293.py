#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# check-rfc9293.py - docs/rfc9293.md: no MUST is missing, every test exists
import pathlib
import re
import sys

root = pathlib.Path(sys.argv[1])
text = (root / 'docs/rfc9293.md').read_text()
scripts = {p.stem for p in (root / 'tests/script').glob('*.pst')}
units = {f'{p.parent.name}/{p.stem.removeprefix("test_")}'
         for p in (root / 'tests/unit').glob('*/test_*.c')}
listed = (root / 'tests/script/meson.build').read_text()
problems = []

rows = re.findall(r'^\| (MUST-\d+) \| [^|]+ \| ([^|]+) \|$', text, re.M)
for number in range(1, 70):
    if [row[0] for row in rows].count(f'MUST-{number}') != 1:
        problems.append(f'MUST-{number} has no row, or two')
for must, cell in rows:
    first = re.split(r'[.:(] |\. ?\*| \(', cell)[0]
    if cell.startswith('n/a: '):
        continue
    for word in first.rstrip('.:').split(', '):
        if word not in scripts and word not in units:
            problems.append(f'{must} names {word}, which is no test')
tail = text[text.index('Further:'):]
for group in re.findall(r'\(([^)]+)\)', tail):
    for word in re.split(r',\s+', group):
        if word not in scripts and word not in units:
            problems.append(f'"Further" names {word}, which is no test')
for script in sorted(scripts):
    if f"'{script}'" not in listed:
        problems.append(f'{script}.pst is not in tests/script/meson.build')
for problem in problems:
    print(f'rfc9293: {problem}', file=sys.stderr)
sys.exit(1 if problems else 0)
