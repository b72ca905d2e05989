"""Training, from labelled micrographs to a calibrated model."""
