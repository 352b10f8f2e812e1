"""What we claim, one line each: the claim, the figure, whether it holds."""


class Claims:
    def __init__(self):
        self.good = True

    def line(self, claim, figure, holds):
        self.good = self.good and holds
        print(
            "%-4s %s: %s" % ("ok" if holds else "NOT", claim, figure), flush=True
        )

    def note(self, text):
        print("     " + text, flush=True)

    def exit(self):
        return 0 if self.good else 1
