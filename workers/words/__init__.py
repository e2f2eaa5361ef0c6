"""Words: one pure function makes the words of a text, for the index of full text, and those of a query."""

from workers.words.cutting import LONGEST, words

__all__ = ["LONGEST", "words"]
