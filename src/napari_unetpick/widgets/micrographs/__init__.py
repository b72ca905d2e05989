"""The Micrographs dock."""
