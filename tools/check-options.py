#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""check-options - help, manual and completions name the same options

Usage: check-options.py POSTERN TREE. Every option of `postern --help-all` is
in docs/man/postern.1.scd and the other way round; each completion script
names every one of them; --help fits one screen (24 lines of 80 columns);
every POSTERN_ variable of the manual is an option's, and the shells that
are here can read their script.
"""
import pathlib
import re
import shutil
import subprocess
import sys

SCREEN_LINES, SCREEN_COLUMNS = 24, 80


def output(*command):
    return subprocess.run(command, check=True, text=True,
                          stdout=subprocess.PIPE).stdout


def options_of_help(text):
    found = set()
    for line in text.splitlines():
        match = re.match(r"  (?:-(\w), |    )--([\w-]+)", line)
        if match:
            found.add(match.group(2))
    return found


def options_of_manual(text):
    text = text.replace("\\_", "_")
    found = set()
    for line in text.splitlines():
        # the term of an entry, not prose and not an example
        if line.startswith("*-"):
            found |= set(re.findall(r"\*--([\w-]+)\*", line))
    return found


def check(postern, tree):
    everything = options_of_help(output(postern, "--help-all"))
    manual_text = (tree / "docs/man/postern.1.scd").read_text()
    manual = options_of_manual(manual_text)
    for name in sorted(everything - manual):
        yield f"docs/man/postern.1.scd lacks --{name}"
    for name in sorted(manual - everything):
        yield f"docs/man/postern.1.scd has --{name}, which is no option"
    if len(everything) < 40:
        yield f"--help-all has only {len(everything)} options"

    screen = output(postern, "--help").splitlines()
    if len(screen) > SCREEN_LINES:
        yield f"--help has {len(screen)} lines"
    for line in screen:
        if len(line) > SCREEN_COLUMNS:
            yield f"--help has a line of {len(line)} columns: {line}"

    for name in re.findall(r"\*POSTERN_(\w+)\*", manual_text):
        if name.lower().replace("_", "-") not in everything:
            yield f"POSTERN_{name} in the manual is no option's"

    for shell in "bash", "zsh", "fish":
        script = output(postern, "completions", shell)
        for name in sorted(everything):
            if not re.search(rf"(--|-l ){re.escape(name)}\b", script):
                yield f"{shell} completion lacks --{name}"
        if shutil.which(shell):
            read = subprocess.run([shell, "-n", "/dev/stdin"], input=script,
                                  text=True, stderr=subprocess.PIPE)
            if read.returncode:
                yield f"{shell} cannot read its completion: {read.stderr}"


def main():
    problems = list(check(sys.argv[1], pathlib.Path(sys.argv[2])))
    for problem in problems:
        print(problem)
    return 1 if problems else 0


sys.exit(main())
