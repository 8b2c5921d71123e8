"""What everything stands on: files written whole, fingerprints, the machine, progress, figures in words."""
