"""suite - checks of one test program, one "ok NAME" or "not ok NAME" line each.

    suite = Suite()
    suite.check("two and two", lambda: expect(2 + 2 == 4, "arithmetic"))
    sys.exit(suite.end())

With --only TEXT (or PENGUIN_ONLY) checks whose name does not hold it are left out.
"""
import os
import sys
import time
import traceback

SCALE = float(os.environ.get("PENGUIN_SCALE") or 1)


def scaled(count, least=1):
    """A count for this run: PENGUIN_SCALE=0.1 makes it a tenth."""
    return max(least, int(count * SCALE))


class Skip(Exception):
    """Not possible on this machine; the text says why."""


def skip(reason):
    """For Suite.check: a check that cannot be made."""
    raise Skip(reason)


class Suite:
    def __init__(self):
        self.failed = self.passed = self.skipped = 0
        self.only = os.environ.get("PENGUIN_ONLY_CHECK", "")
        if "--only" in sys.argv[1:-1]:
            self.only = sys.argv[sys.argv.index("--only") + 1]
        self.start = time.monotonic()

    def check(self, name, function, *arguments):
        """Runs function(*arguments); it fails by any exception."""
        if self.only and self.only not in name:
            return False
        try:
            function(*arguments)
        except Skip as reason:
            self.skipped += 1
            print("ok %s # skip %s" % (name, reason), flush=True)
            return False
        except Exception as error:
            self.failed += 1
            frames = traceback.extract_tb(error.__traceback__)
            where = " <- ".join("%s:%d" % (os.path.basename(f.filename), f.lineno)
                                for f in reversed(frames[1:][-4:]))
            print("not ok %s" % name)
            print("#   %s: %s (%s)" % (type(error).__name__,
                                       str(error)[:4000].replace("\n", "\n#   "), where),
                  flush=True)
            return False
        self.passed += 1
        print("ok %s" % name, flush=True)
        return True

    def end(self):
        """Prints the count; gives the exit status."""
        print("# %d passed, %d failed, %d skipped in %.1f s" % (
            self.passed, self.failed, self.skipped, time.monotonic() - self.start), flush=True)
        return 1 if self.failed else 0
