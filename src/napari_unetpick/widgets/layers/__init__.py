"""The session's layers in napari, and the tools that work on them."""
