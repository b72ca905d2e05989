"""Cryo-EM single-particle picking with napari: version only, so that importing costs nothing."""

__version__ = "0.1.0"
