"""Features: stimuli turned into numbers that an encoder can start from and a decoder can aim at."""
