"""The one exception whose text is meant for the person at the keyboard."""


class MedhashError(Exception):
    """Something the user can correct: what is wrong, where (file, row or key), and the fix.

    The text never holds an identifying value: rows are named by number, images by their pseudonym.
    """

    def __init__(self, problem: str, fix: str) -> None:
        self.problem = problem
        self.fix = fix
        super().__init__(f"{problem}\n  fix: {fix}")
