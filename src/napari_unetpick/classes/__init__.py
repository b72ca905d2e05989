"""Quick 2D classes for sorting picks, and classes of other programs as labels."""
