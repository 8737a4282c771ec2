"""Numbers of things, in words."""


def counted(number: int, noun: str) -> str:
    """
    >>> counted(1, "page"), counted(2, "page")
    ('1 page', '2 pages')
    """
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
