"""Micrographs: lists of them, and their pixels."""
