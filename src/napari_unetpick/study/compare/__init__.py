"""Models and pick files of other programs, compared on one labelled set."""
