"""What a run or an evaluation found, for people: figures, tables, and one self-contained page."""
