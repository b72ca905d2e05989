"""Picks against truth, by protocol: matching, curves, calibration, intervals. No torch."""
