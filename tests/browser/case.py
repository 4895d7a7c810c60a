"""What a test is: a sentence and a function, put down beside each other."""

CASES = []


class Case:
    def __init__(self, sentence, function, allowed, kept):
        self.sentence, self.function, self.allowed, self.kept = sentence, function, allowed, kept
        self.file = function.__module__

    def fits(self, words):
        return words.lower() in f"{self.file} {self.sentence}".lower()


def test(sentence, allowed=(), kept=False):
    """allowed: patterns of what the console may say as an error, such as an answer of 404 that was asked for.
    kept: the server's data are in a directory, so that it can be started again."""
    def put_down(function):
        CASES.append(Case(sentence, function, allowed, kept))
        return function
    return put_down


def status(*codes):
    """What the console says of answers with these."""
    return [rf"the server responded with a status of {code}\b" for code in codes]
