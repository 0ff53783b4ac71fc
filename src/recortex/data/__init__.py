"""Data: recordings, the responses made of them, and the stimuli that evoked them."""
