"""From score maps to picks, NumPy only: scale, peaks, calibration."""
