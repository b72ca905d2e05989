"""Tables of reports: Markdown, CSV, LaTeX, terminal."""
