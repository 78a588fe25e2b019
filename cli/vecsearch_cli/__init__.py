"""The command ``vecsearch``: it parses, makes one call of the library, and shows the answer."""
