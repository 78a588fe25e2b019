"""The same verbs on engines of many machines: Ray builds, Milvus serves.

Each engine is imported only where it is used.
"""
