"""Names of data sets, parts of keys in the log: `bbu` is logged as `train/bbu_loss`."""

_NAMESPACES = ("train", "eval", "test")
# `train/mean_loss` is the whole run's.
_OURS = ("mean",)


def is_reserved(name: str) -> bool:
    """Whether keys made of a data set's name would be read as others: `eval_loss` of a set `eval`.

    >>> is_reserved("eval_hard"), is_reserved("evaluated")
    (True, False)
    """
    return name in (*_NAMESPACES, *_OURS) or name.startswith(tuple(f"{n}_" for n in _NAMESPACES))
