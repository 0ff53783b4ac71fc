"""A world with a known answer: scenes, their captions, and people who look at them."""
