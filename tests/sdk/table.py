"""What was compared, and where libraries and server are meant to differ."""

# (case, library) -> why. A row here that does not differ any more is a failure too: the list must stay true.
KNOWN = {
    # The URL is signed as it is configured, a question mark at its end too; Python's urllib takes that away.
    ("twilio: an empty query, signed", "twilio"): "the library checks another URL than was signed",
    ("twilio: an empty query, not signed", "twilio"): "the same",
    # Telnyx' own two checks differ from each other; the strict one of each pair is followed.
    ("telnyx: junk within the base64", "helper"): "telnyx.lib decodes base64 leniently; unwrap does not",
    ("telnyx: an empty body, signed", "helper"): "nothing can be read from it; unwrap fails at its JSON",
    ("telnyx: a timestamp with a sign", "unwrap"): "Python's int() takes what is no timestamp of Telnyx'",
    ("telnyx: a timestamp with a sign", "helper"): "the same",
    ("telnyx: a timestamp with an underscore", "unwrap"): "the same",
    ("telnyx: a timestamp with an underscore", "helper"): "the same",
    ("telnyx: bytes that are not UTF-8", "unwrap"): "a library of strings cannot hold the body; the bytes are signed",
    ("telnyx: bytes that are not UTF-8", "helper"): "the same",
    # Vonage's library looks at the signature only, never at the time; its documents and other libraries do.
    ("vonage {}: signed ten minutes ago", "vonage"): "vonage-http-client does not look at the timestamp",
    ("vonage {}: signed for ten minutes from now", "vonage"): "the same",
    ("vonage {}: a parameter's name with a separator", "vonage"): "names are cleaned as well, so that none stands for two",
    # Of the token it checks the MAC; comparing the claims with the request is left to who calls it.
    ("vonage token: another body", "vonage"): "verify_signature does not see the body",
    ("vonage token: no hash of the body", "vonage"): "the same",
    ("vonage token: another issuer", "vonage"): "verify_signature does not look at claims",
    ("vonage token: no issuer", "vonage"): "the same",
    ("vonage token: another account", "vonage"): "the same",
    ("vonage token: signed ten minutes ago", "vonage"): "the same: iat has no oldest age",
    ("vonage token: a clock that is a minute ahead", "vonage"): "PyJWT allows iat no second ahead; clocks differ",
}


class Table:
    def __init__(self, show_all):
        self.show_all = show_all
        self.rows, self.differences, self.used = [], [], set()

    def _known(self, case, library):
        """The reason. A case of one of Vonage's signature methods is listed once for all."""
        general = case
        if case.startswith("vonage ") and not case.startswith("vonage token"):
            general = "vonage {}:" + case.partition(":")[2]
        for key in ((case, library), (general, library)):
            if key in KNOWN:
                self.used.add(key)
                return KNOWN[key]
        return None

    def verdicts(self, case, libraries, status, wrong=None):
        """libraries: name -> whether it takes the request. status: our answer. wrong: what else is not as it must be."""
        ours = {200: True, 403: False}.get(status)
        notes, failed = [], []
        if ours is None:
            failed.append(f"answered {status}")
        for name, verdict in libraries.items():
            if ours is None or verdict == ours:
                continue
            reason = self._known(case, name)
            (notes if reason else failed).append(f"{name}: {reason}" if reason else f"{name} says otherwise")
        if wrong:
            failed.append(wrong)
        words = {True: "takes", False: "refuses"}
        said = ", ".join(f"{name} {words[verdict]}" for name, verdict in libraries.items())
        self._row(case, said, words.get(ours, str(status)), notes, failed)

    def holds(self, case, wrong=None, said="", ours=""):
        """Anything else that must be so; wrong: what is not."""
        self._row(case, said, ours, [], [wrong] if wrong else [])

    def _row(self, case, said, ours, notes, failed):
        outcome = "DIFFERS" if failed else "known" if notes else "agree"
        self.rows.append((case, said, ours, outcome, "; ".join(failed + notes)))
        if failed:
            self.differences.append(case)

    def close(self):
        """Prints everything; true when nothing differs that is not listed."""
        for case, library in KNOWN:
            if (case, library) not in self.used:
                self.holds(f"{case} ({library})", "is listed as a known difference and does not differ")
        shown = [row for row in self.rows if self.show_all or row[3] != "agree"]
        head = ("case", "libraries", "smslite", "", "")
        widths = [max(len(row[column]) for row in [head, *shown]) for column in range(4)]
        for row in [head, *shown]:
            print("  ".join([text.ljust(width) for text, width in zip(row, widths)] + [row[4]]).rstrip())
        count = {word: sum(row[3] == word for row in self.rows) for word in ("agree", "known", "DIFFERS")}
        print(f"\n{len(self.rows)} cases: {count['agree']} agree, {count['known']} differ as listed, {count['DIFFERS']} differ")
        return not self.differences
