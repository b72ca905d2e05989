"""The general model: trained on simulated micrographs alone, made as training goes."""
