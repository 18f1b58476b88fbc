"""A mail log as Postfix 3.7 writes it, made up line by line."""
import tokens

GOOGLE = "gmail-smtp-in.l.google.com[192.0.2.26]:25"
YAHOO = "mta5.am0.yahoodns.net[192.0.2.27]:25"
ELSE = "mx.dest.example[192.0.2.28]:25"
UNKNOWN = "host x said: 550 5.1.1 <j> User unknown (in reply to RCPT TO command)"
FULL = "host x said: 552 5.2.2 Mailbox full (in reply to RCPT TO command)"
ODD = "host x said: 599 no rule knows this"


class Log:
    """A mail log as Postfix 3.7 writes it."""

    def __init__(self, path, keys):
        self.path, self.keys, self.next = path, keys, 1
        self.stamp = "Jun 10 12:00:00"
        path.touch()

    def write(self, text):
        with open(self.path, "a") as f:
            f.write(text)

    def line(self, service, text, queue_id=None):
        self.write("%s host pf/out/%s[77]: %s%s\n" % (
            self.stamp, service, queue_id + ": " if queue_id else "", text))

    def sender(self, source="ip1", stream="news", tenant="acme", flags=0, message=None):
        host = "b.%s.example" % tenant
        payload = tokens.return_path(message or self.next, 1,
                                     tokens.source_id(source) if source else 0, flags,
                                     tokens.stream_check(stream))
        return "b+%s@%s" % (self.keys.seal("return", tenant, host, payload), host)

    def queue(self, sender, recipients=1, queue_id=None):
        queue_id = queue_id or "4jXpzn%08dz" % self.next
        self.next += 1
        self.line("qmgr", "from=<%s>, size=500, nrcpt=%d (queue active)" % (sender, recipients),
                  queue_id)
        return queue_id

    def delivery(self, queue_id, to, status="sent", text="250 2.0.0 Ok", relay=ELSE, dsn="2.0.0",
                 service="smtp"):
        self.line(service, "to=<%s>, relay=%s, delay=1.2, delays=0/0/1/0.2, dsn=%s, status=%s (%s)"
                  % (to, relay, dsn, status, text), queue_id)

    def message(self, to, status="sent", text="250 2.0.0 Ok", relay=ELSE, dsn="2.0.0", **sender):
        queue_id = self.queue(self.sender(**sender))
        self.delivery(queue_id, to, status, text, relay, dsn)
        if status != "deferred":
            self.line("qmgr", "removed", queue_id)
        return queue_id
