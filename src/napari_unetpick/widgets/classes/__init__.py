"""The window of 2D classes."""
