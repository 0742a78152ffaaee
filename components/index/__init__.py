"""Index: the FAISS index of the gallery."""
