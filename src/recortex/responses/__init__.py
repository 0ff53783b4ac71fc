"""Recordings to responses: what is done to responses before anything is fitted on them, and how reliable they are."""
