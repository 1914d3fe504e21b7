"""What the processes of gapwatch share, whatever they do: they call again, end with their parent, serve HTTP."""
