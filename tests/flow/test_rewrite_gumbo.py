#!/usr/bin/env python3
"""Which elements are links, compared with Gumbo, a parser that builds the tree the HTML standard
asks for: on newsletters made by chance, and on heaps of tags in no order. Where the two differ, the
table DIFFERENT tells why; nothing else may differ.

PENGUIN_PAGES (1200), PENGUIN_SEED."""
# timeout: 300
import itertools
import json
import os
import random
import subprocess
import sys
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from lab import BUILD, expect  # noqa: E402
from rewrite_corpus import ALL_WORDS, Page  # noqa: E402
from rewrite_judge import clean  # noqa: E402
from suite import Suite, scaled  # noqa: E402

# The same pages in every "make check"; a campaign chooses (PENGUIN_SEED), and finds what the table
# of differences does not know yet.
SEED = int(os.environ.get("PENGUIN_SEED") or 20261126)
PAGES = int(os.environ.get("PENGUIN_PAGES") or scaled(1200))
HEAD = b"MIME-Version: 1.0\r\nContent-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
TAGS = ["<p>", "</p>", "<b>", "</b>", "<div>", "</div>", "<table>", "<tr>", "<td>", "</td>", "</table>",
        "<ul><li>", "</ul>", "</a>", "</A>", "<br>", "<br/>", "<center>", "<font color=red>", "</font>",
        "<h1>", "</h1>", "</body>", "</html>", "<body>", "<html>", "<form>", "</form>", "<button>",
        "<select>", "</select>", "<option>", "<svg>", "</svg>", "<math>", "</math>", "<mi>", "<desc>",
        "<foreignObject>", "</foreignObject>", "<template>", "</template>", "<noscript>", "</noscript>",
        "<title>", "</title>", "<textarea>", "</textarea>", "<style>", "</style>", "<script>",
        "</script>", "<xmp>", "</xmp>", "<iframe>", "</iframe>", "<!--", "-->", "--!>", "<!-->", "<!x>",
        "<?x>", "<![CDATA[", "]]>", "</ >", "</>", "<", ">", "\"", "'", "=", "&amp;", "&", "text", "\r\n",
        "<img src=x>", "<caption>", "<colgroup>", "<frameset>", "<plaintext>", "<noembed>", "<noframes>",
        "</noembed>", "</noframes>", "<head>", "</head>", "<input type=hidden>", "<marquee>", "<nobr>"]
# Rare ones end everything: a heap that holds each of them says nothing any more.
RARE = ["<plaintext>", "<frameset>", "<!--", "<select>", "<template>", "<svg>", "<math>", "<noscript>",
        "<title>", "<textarea>", "<style>", "<script>", "<xmp>", "<iframe>", "<noembed>", "<noframes>", "\"",
        "'"]
# name, markup, what we list, what Gumbo lists, why
DIFFERENT = (
    ("noscript", "<body><noscript><a href=1>x</a></noscript><a href=2>y</a>", [], ["1", "2"],
     "Gumbo runs no scripts; browsers that do see text. Behind it all is doubtful for us"),
    ("foreign breakout", "<svg><p><a href=1>x</a>", [], ["1"],
     "a browser leaves <svg> at <p>; other readers do not: nothing behind is listed"),
    ("integration point", "<svg><foreignObject><a href=1>x</a></foreignObject></svg><a href=2>y</a>",
     ["2"], ["1", "2"], "HTML inside of svg: few mail readers show it"),
    ("title in svg", "<svg><title><b></title></svg><a href=1>x</a>", [], ["1"],
     "markup for browsers, text for who knows no svg"),
    ("frameset", "<p><a href=1></a><frameset><a href=2>y</a>", ["1"], [],
     "it replaces a page in which nothing much was yet; nobody can click there, so no harm is done"),
    ("select ended otherwise", "<select><input><a href=1>x</a></select><select><select><a href=2>y</a>",
     [], ["1", "2"], "<input>, <textarea> and a second <select> end one for some browsers only"),
    ("noscript with area", "<body><noscript><area href=1></noscript><a href=2>y</a>", ["2"], ["1", "2"],
     "Gumbo runs no scripts; all readers agree on what follows"),
    ("unknown reference", "<a href='https://a.example/?x&blacktriangle;'>x</a>", [],
     ["https://a.example/?x\u25b4"], "a name that not all readers know: left out"),
    ("a in select", "<select><option><a href=1>x</a></select><a href=2>y</a>", ["2"], ["2"], ""),
    ("a in template", "<template><a href=1>x</a></template><a href=2>y</a>", ["2"], ["2"], ""),
    ("raw text", "<title><a href=1></title><textarea><a href=2></textarea><xmp><a href=3></xmp>"
     "<iframe><a href=4></iframe><style><a href=5></style><script><a href=6></script><a href=7>",
     ["7"], ["7"], ""),
    ("script, escaped twice", "<script><!--<script></script><a href=1></script>--></script><a href=2>",
     ["2"], ["2"], ""),
    ("comments", "<!--><a href=1>x<!-- --!><a href=2>x<!---><a href=3>x<!-- > --><a href=4>x",
     ["1", "2", "3", "4"], ["1", "2", "3", "4"], ""),
    ("attributes", "<a =href=0 href=1 href=2>x<a/href='3'>x<a\thReF \r\n = 4>x<a href=\"5\"x>x"
     "<a x='>'href=6>x<a href>x<a href=>x", ["1", "3", "4", "5", "6", "", ""],
     ["1", "3", "4", "5", "6", "", ""], ""),
)


def ours(page):
    """hrefs, and whether some are left out on purpose."""
    done = subprocess.run([str(BUILD / "tools/rewrite_driver"), "scan"], input=HEAD + page, check=True,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=60)
    found = json.loads(done.stdout)
    part = found["parts"][0]
    expect(part["skip"] == "editable", part["skip"])
    return ([link["url"].encode("latin-1").decode("utf-8", "replace") for link in found["links"]],
            part["stopped"], found["left_out"])


def gumbo(page):
    done = subprocess.run([str(BUILD / "tools/gumbo_links")], input=page, stdout=subprocess.PIPE,
                          check=True, timeout=60)
    return [clean(href.decode("utf-8", "replace")) for href in done.stdout.split(b"\0")[:-1]]


def lacks(few, many):
    """What few lacks to be many; None where it is not part of it, in this order."""
    rest = iter(many)
    missing = []
    for want in few:
        for have in rest:
            if have == want:
                break
            missing.append(have)
        else:
            return None
    return missing + list(rest)


def table():
    bad = []
    for name, markup, we, they, why in DIFFERENT:
        expect((we != they) == bool(why), name + ": differs without a reason")
        page = markup.encode()
        got = ours(page)[0], gumbo(page)
        if got != (we, they):
            bad.append("%s: we %r, Gumbo %r" % (name, *got))
    expect(not bad, "\n".join(bad))


def newsletters():
    """No difference at all."""
    counter, count, bad = itertools.count(), 0, []
    for number in range(PAGES):
        rng = random.Random("%d page %d" % (SEED, number))
        page = Page(rng, rng.choice(["utf-8", "us-ascii"]), counter)
        markup = page.html().encode()
        we, stopped, left = ours(markup)
        they = gumbo(markup)
        count += len(they)
        if we != they or stopped or left:
            bad.append("page %d: we lack %r of %r" % (number, lacks(we, they), markup))
    print("# seed %d: %d pages, %d links" % (SEED, PAGES, count))
    expect(not bad, "%d differ\n%s" % (len(bad), "\n".join(bad[:5])))


# Left open in a template, they keep a link of it for what follows (HTML 13.2.4.3: the end of the
# template clears formatting elements up to the last marker, and theirs is later than its own).
MARKED = (b"<marquee", b"<object", b"<applet", b"<td", b"<th", b"<caption")


def heap(rng):
    numbers = itertools.count(1)
    tags = rng.sample(TAGS, rng.randrange(3, 12))
    tags = [t for t in tags if t not in RARE or rng.random() < 0.4]
    return "".join(rng.choice(tags) if tags and rng.random() < 0.7 else rng.choice(
        ["<a href=%d>", "<a href='%d'>", "<area href=\"%d\">", "<A class=x HREF=\"%d\">x</a>"]) % next(numbers)
        for _ in range(rng.randrange(2, 40))).encode()


def heaps():
    """We list no element that is none for Gumbo, and lack none but for a reason of the table."""
    sums, bad = Counter(), []
    for number in range(PAGES):
        markup = heap(random.Random("%d heap %d" % (SEED, number)))
        (we, stopped, _), they = ours(markup), gumbo(markup)
        missing = lacks(we, they)
        lower = markup.lower()
        if b"<frameset" in lower and (stopped or not they):
            sums["frameset"] += 1
        elif missing is None:
            bad.append("heap %d: too many: we %r, Gumbo %r: %r" % (number, we, they, markup))
        elif not missing:
            sums["equal"] += 1
        elif stopped:
            sums["doubtful for us"] += 1
        elif any(tag in lower for tag in (b"<svg", b"<math", b"<select", b"<noscript")):
            sums["inside of svg, math, select or noscript"] += 1
        elif b"<template" in lower and any(tag in lower for tag in MARKED):
            sums["repeated behind a template"] += 1
        else:
            bad.append("heap %d: we lack %r of %r: %r" % (number, missing, they, markup))
    print("# seed %d: %d heaps: %s" % (SEED, PAGES, ", ".join("%d %s" % (n, k) for k, n in sums.items())))
    expect(not bad, "%d of %d\n%s" % (len(bad), PAGES, "\n".join(bad[:10])))
    expect(sums["equal"] > PAGES / 2, "too few are equal to say much")


def main():
    suite = Suite()
    suite.check("gumbo: where the two differ", table)
    suite.check("gumbo: newsletters", newsletters)
    suite.check("gumbo: heaps of tags", heaps)
    sys.exit(suite.end())


if __name__ == "__main__":
    main()
