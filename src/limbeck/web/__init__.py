"""An artifact as a web page: the browser runs it, and no server is asked. No torch."""

from limbeck.web.writing import write_page

__all__ = ["write_page"]
