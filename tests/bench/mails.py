"""mails - the messages that are signed: plain text of 2 KB, HTML of 50 KB with some 400 links, and
a newsletter of 50 KB with 40. The same each time, but for their dates."""
import random
import time

HEAD = (time.strftime("Date: %a, %d %b %Y %H:%M:0%%d +0000", time.gmtime()) +
        "\nFrom: Campaign Desk <user@d0.example>\n"
        "To: Subscriber <subscriber@dest.example>\nSubject: %s %s %s\n %s %s\n"
        "Message-ID: <%d.%d@app.tenant.example>\n"
        "List-Unsubscribe: <https://www.d0.example/u/%s>\nX-Campaign: %s\nMIME-Version: 1.0\n")


def word(r):
    return "".join(r.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(r.randint(2, 10)))


def text(r, octets):
    lines, line, n = [], "", 0
    while n < octets:
        w = word(r)
        if len(line) + len(w) > 70:
            lines.append(line)
            n += len(line) + 2
            line = ""
        line += (" " if line else "") + w
    return "\n".join(lines + [line]) + "\n"


def newsletter(r, octets, links=40):
    """As newsletters are: tables and styles around few links."""
    step, parts, n, made = octets // links, [], 0, 0
    while n < octets:
        part = ('<tr><td style="padding:0 %dpx;font-family:Arial,sans-serif;color:#333333" '
                'width="600">%s</td></tr>' % (r.randint(0, 40), " ".join(
                    word(r) for _ in range(12))))
        if made < links and n >= made * step:
            part += '\n<tr><td><a href="https://www.shop.example/p/%s?id=%d&amp;c=%s">%s</a></td></tr>' \
                % (word(r), r.randint(0, 10**6), word(r), word(r))
            made += 1
        parts.append(part)
        n += len(part) + 2
    return ("<html><head><title>%s</title></head><body><table>\n" % word(r) +
            "\n".join(parts) + "\n</table></body></html>\n")


def html(r, octets):
    lines = ["<html><head><title>%s</title></head><body>" % word(r)]
    n = len(lines[0])
    while n < octets:
        lines.append('<p class="c%d"><a href="https://www.shop.example/p/%s?id=%d&amp;c=%s">%s</a>'
                     % (r.randint(0, 9), word(r), r.randint(0, 10**6), word(r), word(r)))
        lines.append("  %s</p>" % " ".join(word(r) for _ in range(6)))
        n += len(lines[-1]) + len(lines[-2]) + 4
    return "\n".join(lines) + "\n</body></html>\n"


def message(kind, number):
    r = random.Random(number)
    head = HEAD % (number, *[word(r) for _ in range(5)], number, r.randint(0, 10**9), word(r),
                   word(r))
    if kind == "small":
        return head + "Content-Type: text/plain; charset=utf-8\n\n" + text(r, 1500)
    return (head + 'Content-Type: multipart/alternative; boundary="=_b"\n\n'
            "--=_b\nContent-Type: text/plain; charset=utf-8\n\n" + text(r, 4000) +
            "\n--=_b\nContent-Type: text/html; charset=utf-8\n\n" + (newsletter if kind == "newsletter" else html)(r, 44500) + "--=_b--\n")


def long_newsletter(links):
    """As the newsletter, and as much longer as it has more links."""
    r = random.Random(links)
    return (HEAD % (1, *[word(r) for _ in range(5)], 1, links, word(r), word(r)) +
            "Content-Type: text/html; charset=utf-8\n\n" + newsletter(r, links * 300, links))


def write(lab):
    """Four of each kind; the directory that holds a folder of each kind."""
    for kind in ("small", "medium", "newsletter"):
        for number in (1, 2, 3, 4):
            path = lab.directory("mails/" + kind) / ("%d.eml" % number)
            path.write_text(message(kind, number))
    return lab.path / "mails"
