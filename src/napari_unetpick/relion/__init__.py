"""An External job of RELION: its command, project, job folder, names and output files."""
