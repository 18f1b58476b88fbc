"""dates - a Date field of now: bulk mail with a date far from now is refused (H02).

    DATE = "Thu, 26 Nov 2026 08:00:00 +0000", the same for the whole run of a test
"""
import time

DATE = time.strftime("%a, %d %b %Y %H:%M:%S +0000", time.gmtime())
