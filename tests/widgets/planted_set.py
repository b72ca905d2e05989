"""What the micrographs of `planted` are like, for tests that count in their pixels."""

PIXEL_SIZE = 4.0  # A/px
DIAMETER = 80.0  # A: 20 px
SHAPE = (240, 320)
