#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""terminal.py - a person at a terminal: interrupt, stop, job control

usage: terminal.py POSTERN [WORD...]   the words that come before CMD

A bash with job control runs in a new terminal; what is typed and what must be
read until then stands in the table below. No sleeps: each step waits for its
text, ten seconds at most.
"""
import os
import pty
import re
import select
import sys
import time

POSTERN = " ".join(sys.argv[1:])
PROMPT = r"outer\$ "
INNER = r"inner\$ "

# what is typed, and the pattern that must come
STEPS = [
    ("", PROMPT),
    # one interrupt reaches CMD, once
    (POSTERN + " python3 -c 'import time\n"
     "n = 0\n"
     "try:\n"
     "    print(\"re\" + \"ady\", flush=True)\n"
     # a signal right before the call does not end it: many short ones
     "    for i in range(600): time.sleep(0.1)\n"
     "except KeyboardInterrupt:\n"
     "    n += 1\n"
     "try:\n"
     "    time.sleep(0.3)\n"
     "except KeyboardInterrupt:\n"
     "    n += 1\n"
     "print(\"interrupts\", n)'\n", r"\nready"),
    ("\x03", r"interrupts 1\r\n.*" + PROMPT),
    # killed by it, it is as if CMD had been run by itself
    (POSTERN + " sh -c 'echo re''ady; exec sleep 60'\n", r"\nready"),
    ("\x03", PROMPT),
    ("echo status $?\n", r"status 130\r\n.*" + PROMPT),
    # the job stops and continues as one
    (POSTERN + " sh -c 'echo re''ady; read x; echo got $x'\n", r"\nready"),
    ("\x1a", r"Stopped.*" + PROMPT),
    ("fg\n", r"fg\r\n.*got \$x"),
    ("word\n", r"got word\r\n.*" + PROMPT),
    # job control inside
    (POSTERN + " bash --norc --noprofile -i\n", PROMPT),
    ("PS1='inner$ '\n", r"\n" + INNER),
    ("sh -c 'echo re''ady; exec sleep 60'\n", r"\nready"),
    ("\x1a", r"Stopped.*" + INNER),
    ("jobs; kill -9 %1; while [ \"$(jobs -s)\" ]; do sleep 0.05; done\n",
     r"Stopped.*" + INNER),
    # the inner shell stops itself, and the outer one continues it
    ("suspend\n", r"Stopped.*" + PROMPT),
    ("fg\n", INNER),
    ("exit 5\n", PROMPT),
    ("echo status $?\n", r"status 5\r\n.*" + PROMPT),
    # a reader in the background stops, and reads when it is continued
    (POSTERN + " cat &\n", PROMPT),
    ("sleep 0.5; jobs\n", r"Stopped.*" + PROMPT),
    ("fg\n", r"cat"),
    ("word\n", r"word\r\nword"),
    ("\x04", PROMPT),
    # a script that goes on after a shell inside gets the terminal back
    ("sh -c \"" + POSTERN + " bash --norc --noprofile -i; read x;"
     " echo got \\$x\"\n", PROMPT),
    ("exit\n", r"exit"),
    ("word\n", r"got word\r\n.*" + PROMPT),
]


def main():
    pid, fd = pty.fork()
    if pid == 0:
        os.environ.update(PS1="outer$ ", TERM="dumb", HISTFILE="")
        os.execvp("bash", ["bash", "--norc", "--noprofile", "-i"])
    for typed, wanted in STEPS:
        os.write(fd, typed.encode())
        seen, end = "", time.monotonic() + 10
        while not re.search(wanted, seen, re.S):
            left = end - time.monotonic()
            if left <= 0 or not select.select([fd], [], [], left)[0]:
                os.kill(pid, 9)
                sys.exit("typed %r, wanted %r, read %r"
                         % (typed, wanted, seen))
            seen += os.read(fd, 65536).decode(errors="replace")
    os.kill(pid, 9)
    os.waitpid(pid, 0)


main()
