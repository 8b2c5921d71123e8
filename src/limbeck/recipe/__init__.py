"""Every knob of a run, and the one notation for bits."""
