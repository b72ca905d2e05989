"""Training and picking with torch; no Qt, no napari."""
