"""Every error that vecsearch raises on purpose. Each message says what to do next."""

# What several of them advise where images have no labels.
LABEL_THEM = (
    "put the images of each class into a folder of its name, or give a table (--labels FILE.csv)"
)


class VecsearchError(Exception):
    """The root of all errors of this package: catch this one to catch them all."""


class InvalidArgument(VecsearchError):
    """A value that cannot be meant: an unknown name, a dim of 0, vectors of the wrong shape."""


class ImageError(VecsearchError):
    """A file that is not an image we can read, or that cosine cannot compare: the reason."""


class NotFitted(VecsearchError):
    """A trainable encoder was asked for vectors before ``fit``."""


class MissingPackage(VecsearchError):
    """An optional package is not installed. The text holds the line that installs it."""


class CollectionNotFound(VecsearchError):
    """There is no collection where one was looked for."""


class CollectionExists(VecsearchError):
    """A collection stands already where a new one should go."""


class CollectionLocked(VecsearchError):
    """Another process is writing to the collection."""


class CollectionReplaced(VecsearchError):
    """What was opened has been written anew, more than once, and its files are gone."""


class DamagedCollection(VecsearchError):
    """A file of the collection is missing or not what was written. The text names the file."""


class NewerFormat(DamagedCollection):
    """The collection was written by a later version of vecsearch, in a format unknown to this."""


class IncompleteAnswer(VecsearchError):
    """A part of a collection does not answer, so that what is nearest may be among what is lost."""


class StoreError(VecsearchError):
    """The server that holds a collection does not answer, or refuses."""
