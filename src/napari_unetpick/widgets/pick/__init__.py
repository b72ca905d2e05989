"""The Pick dock: model, threshold, export."""
