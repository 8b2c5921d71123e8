"""The steps of the walk between the stages, called by compress() and its neighbours."""
