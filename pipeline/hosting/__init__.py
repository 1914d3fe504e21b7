"""What all processes of gapwatch do: they call again, end with their parent, keep their state in files, serve HTTP."""
