"""A look at labels and picks that come in: wrong scale, orientation, doubles, pixel sizes."""
