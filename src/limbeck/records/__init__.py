"""What each stage has to tell: plain data, to JSON and back, and the folder of a run that keeps it."""
