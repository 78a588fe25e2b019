"""The same verbs on engines of many machines. Each engine is imported only where it is used."""
