"""The Pick dock: model, threshold."""
