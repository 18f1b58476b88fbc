"""authors - who a message says it is from, as readers that we did not write see it: the old and the
new parser of Python's email package. An independent opinion on what the milter lets pass.

    owners = Owners({"acme": {"acme.example": False, "wide.example": True}})   # True: sub-domains
    complaints(owners, "acme", [("From", "a@acme.example"), ...])              # [] when all is acme's
"""
import email.policy
import email.utils

BLANKS = " \t\n"      # what str.strip takes beyond these is text in a header
FIELDS = ("from", "sender", "resent-from", "resent-sender")
SINGLE = ("from", "sender", "resent-sender")


def canonical(domain):
    """Lower case, A-labels (by the standard library's IDNA); None for what is no domain."""
    try:
        return domain.encode("idna").decode().lower()
    except UnicodeError:
        return None


class Owners:
    def __init__(self, tenants):
        self.domains = {canonical(d): (tenant, sub) for tenant, domains in tenants.items()
                        for d, sub in domains.items()}

    def of(self, domain):
        """The tenant that may send as this domain, or None. The closest owner counts."""
        name = canonical(domain) if domain else None
        exact = True
        while name:
            tenant, sub = self.domains.get(name, (None, False))
            if tenant:
                return tenant if exact or sub else None
            name, exact = name.partition(".")[2], False
        return None


def old_parser(value):
    """Addresses as email.utils sees them; None where it gives up, as it does where commas in
    comments make its count wrong."""
    found = [address for _, address in email.utils.getaddresses([value])]
    return None if found == [""] else found


def new_parser(name, value):
    """Addresses as an email.policy with header objects sees them; None where it gives up, as it
    does on a line end inside an encoded word."""
    try:
        header = email.policy.SMTPUTF8.header_factory(name, value)
        return [a.addr_spec for a in header.addresses]
    except (ValueError, IndexError, AttributeError, TypeError):
        return None


def fields_of(data):
    """(name, value) of all header fields of a message, folds undone."""
    head = data.partition(b"\r\n\r\n")[0].decode("utf-8", "surrogateescape")
    pairs = []
    for line in head.split("\r\n"):
        if line[:1] in (" ", "\t") and pairs:
            pairs[-1][1] += line
        else:
            name, _, value = line.partition(":")
            pairs.append([name, value])
    return [(name.strip(BLANKS), value.strip(BLANKS)) for name, value in pairs]


def complaints(owners, tenant, fields, both=True):
    """Why these header fields are not the tenant's alone. both: ask the new parser too (slow)."""
    found, authors_found = [], 0
    for name, value in fields:
        key = name.lower()
        if key not in FIELDS:
            continue
        authors_found += key == "from"
        value = value.replace("\n", "")
        opinions = [old_parser(value), new_parser(key, value) if both else None]
        for addresses in opinions:
            if addresses is None:
                continue
            if key in SINGLE and len(addresses) != 1:
                found.append("%s: %d addresses in %r" % (name, len(addresses), value))
            found += ["%s: %r in %r" % (name, a, value) for a in addresses
                      if owners.of(a.rpartition("@")[2]) != tenant]
    if authors_found != 1:
        found.append("%d From fields" % authors_found)
    return found
