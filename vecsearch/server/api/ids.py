"""Ids in addresses: of any characters, slashes and line breaks among them."""

from starlette.convertors import PathConvertor, register_url_convertor


class _Id(PathConvertor):
    # Starlette's own takes no line break, and leaves out one at the end.
    regex = "(?s:.*)"


register_url_convertor("id", _Id())

ITEM, THUMBNAIL = "/items/{id:id}", "/thumbnails/{id:id}"
