"""What one calls a teacher: the last part of its path or hub id, without the folders of somebody's machine."""


def last_name(path: str) -> str:
    """The last part of a path or hub id."""
    return path.replace("\\", "/").rstrip("/").rsplit("/", 1)[-1] or path
