"""The same verbs on engines of many machines: Ray builds, Milvus serves."""
