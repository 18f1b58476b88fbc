"""checking - what the checkers share. A checker prints nothing when all is well; else one line a
fault, "file:line: text", and ends with 1. Its argument is the tree, by default this one."""
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parents[2]).resolve()
BUILD = Path(os.environ.get("PENGUIN_BUILD") or ROOT / "build").resolve()
PROGRAMS = ("penguin-policyd", "penguin-milter", "penguinctl")
LEFT_OUT = {".git", "build", "__pycache__", ".cache"}

faults = []


def fault(path, line, text):
    if isinstance(path, Path) and path.is_absolute() and ROOT in path.parents:
        path = path.relative_to(ROOT)
    faults.append("%s:%s %s" % (path, "%d:" % line if line else "", text))


def files(*suffixes, below=("",)):
    """Files of the tree, sorted; with suffixes only those that end so."""
    for start in below:
        for folder, names, here in os.walk(ROOT / start):
            names[:] = sorted(n for n in names if n not in LEFT_OUT)
            for name in sorted(n for n in here if n not in LEFT_OUT):
                if not suffixes or name.endswith(suffixes):
                    yield Path(folder) / name


def lines(path):
    """(number, text) of a file; nothing of a file that is no text."""
    try:
        text = path.read_text()
    except (UnicodeDecodeError, OSError):
        return
    yield from enumerate(text.splitlines(), 1)


def relative(path):
    return str(path.relative_to(ROOT))


def program(name):
    """Path of a built program; a fault when it is not there."""
    path = BUILD / name
    if not path.exists():
        fault(path, 0, "is not built")
        return None
    return path


def output(*argv):
    """Standard output of a program, and its status."""
    done = subprocess.run([str(a) for a in argv], capture_output=True, text=True, timeout=60,
                          stdin=subprocess.DEVNULL)
    return done.stdout, done.returncode


def end():
    for text in faults:
        print(text)
    sys.exit(1 if faults else 0)
